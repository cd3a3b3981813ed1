// Options that a native WebSocket cannot have.

import type { W3CWebSocketOptions } from '../../src/api/w3c/index.ts';
import { unavailable } from './unavailable.ts';

/** Alternatives to options that the native class does not have. */
const ALTERNATIVES: Readonly<Record<string, string>> = {
  headers: 'pass a token as a subprotocol, in the URL, in a cookie, or in the first message',
  tls: 'certificates are for the browser or runtime to check',
  signal: 'call close() while it is connecting',
  handshakeTimeout: 'call close() after a timer',
  maxPayload: 'limit messages where they are sent',
};
/** For all other options, including those of the ws-style API. */
const BY_ITSELF = 'the browser or runtime decides that by itself';

/** @throws {TypeError} for an option that only our own clients have. */
export function refuseOptions(options: W3CWebSocketOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (name === 'protocols' || value === undefined) continue;
    throw unavailable(`A native WebSocket takes no ${name}`, ALTERNATIVES[name] ?? BY_ITSELF);
  }
}
