// Entry point in browsers, and on other runtimes that have only their own WebSocket: the W3C API is the native one.
// https://websockets.spec.whatwg.org/#the-websocket-interface

import type { W3CWebSocket, W3CWebSocketOptions, WebSocketConstructor } from '../../src/api/w3c/index.ts';
import { refuseOptions } from './options.ts';
import { unavailable } from './unavailable.ts';

export * from '../../src/api/w3c/public.ts';
export { upgrade } from './unavailable.ts';

/** Used if there is no WebSocket at all, for example when a page is rendered on a server, so that the import does not fail. */
class Missing {
  constructor() {
    throw unavailable('This runtime has no WebSocket', 'Import wasock without the condition "browser"');
  }
}

const native = ((globalThis as { WebSocket?: unknown }).WebSocket ?? Missing) as new () => object;

/** Arguments of the native class. */
function nativeArguments(given: readonly unknown[]): readonly unknown[] {
  const [url, second, third] = given;
  const isOptions = isObject(second) && (second as Partial<Iterable<unknown>>)[Symbol.iterator] === undefined;
  if (!isOptions && !isObject(third)) return given;
  const options = { ...(isOptions ? second : undefined), ...(isObject(third) ? third : undefined) } as W3CWebSocketOptions;
  refuseOptions(options);
  const protocols = isOptions || second === undefined || second === null ? options.protocols : second;
  return protocols === undefined ? [url] : [url, protocols];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Our constructor for the native class. CommonJS adds static properties to it, which must not be on the page's class. */
function createClass(): WebSocketConstructor {
  function WebSocket(...given: readonly unknown[]): object {
    // Without `new` this is a TypeError, as it is in the native class.
    return Reflect.construct(native, nativeArguments(given), new.target as unknown as () => void) as object;
  }
  Object.setPrototypeOf(WebSocket, Object.getPrototypeOf(native) as object);
  return Object.defineProperties(WebSocket, Object.getOwnPropertyDescriptors(native)) as unknown as WebSocketConstructor;
}

/**
 * The native WebSocket, with the constructor of the other runtimes' W3C entry point: an options object may name the subprotocols.
 * Every other option is a TypeError that names the alternative. Everything else, `prototype` included, belongs to the native class.
 */
export const WebSocket: WebSocketConstructor = /* @__PURE__ */ createClass();
export type WebSocket = W3CWebSocket;
export default WebSocket;
