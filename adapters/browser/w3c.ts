// Entry point in browsers, and wherever else the runtime's WebSocket is all there is: the W3C API is the native one.
// https://websockets.spec.whatwg.org/#the-websocket-interface

import type { ProtocolsOrOptions, W3CWebSocketOptions, WebSocketBase, WebSocketConstructor } from '../../src/api/w3c/index.ts';
import { unavailable } from './unavailable.ts';

export * from '../../src/api/w3c/public.ts';
export { upgrade } from './unavailable.ts';

/** What to do where the native class has no such option. */
const ALTERNATIVES: Readonly<Record<string, string>> = {
  headers: 'pass a token as a subprotocol, in the URL, in a cookie, or in the first message',
  tls: 'certificates are for the browser or runtime to check',
  signal: 'call close() while it is connecting',
  handshakeTimeout: 'call close() after a timer',
  maxPayload: 'limit messages where they are sent',
};
/** For the others, those of the ws-style API included. */
const BY_ITSELF = 'the browser or runtime decides that by itself';

/** The native class as TypeScript has it: without options. */
type NativeConstructor = new (url: string | URL, protocols?: string | string[]) => object;

/** Stands in where there is no WebSocket at all, so that importing this file is no error: a page that is rendered on a server. */
class Missing {
  constructor() {
    throw unavailable('This runtime has no WebSocket', 'Import wasock without the condition "browser"');
  }
}

const native = (globalThis as { WebSocket?: NativeConstructor }).WebSocket ?? Missing;

class BrowserWebSocket extends native {
  constructor(url: string | URL, ...rest: [second?: ProtocolsOrOptions | null, third?: W3CWebSocketOptions | null]) {
    if (arguments.length === 0) throw new TypeError('A WebSocket takes a URL');
    const [second, third] = rest;
    const isOptions = typeof second === 'object' && second !== null && !(Symbol.iterator in second);
    const options = { ...(isOptions ? second : undefined), ...third };
    refuseOptions(options);
    const protocols = isOptions ? options.protocols : (second ?? options.protocols);
    super(url, typeof protocols === 'string' ? protocols : [...(protocols ?? [])]);
  }
}
Object.defineProperty(BrowserWebSocket, 'name', { value: 'WebSocket', configurable: true });

/** @throws {TypeError} for an option that only our own clients have. */
function refuseOptions(options: W3CWebSocketOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (name === 'protocols' || value === undefined) continue;
    throw unavailable(`A native WebSocket takes no ${name}`, ALTERNATIVES[name] ?? BY_ITSELF);
  }
}

/**
 * The native WebSocket, with the constructor of the other runtimes' W3C entry point: an options object may name the subprotocols.
 * Every other option is a TypeError that says what to do instead.
 */
export const WebSocket: WebSocketConstructor = BrowserWebSocket as unknown as WebSocketConstructor;
export type WebSocket = WebSocketBase;
export default WebSocket;
