// Exports of the other entry points that a browser cannot have. Each throws an error that names the alternative.

/** The error for a missing feature. */
export function unavailable(what: string, alternative: string): TypeError {
  return new TypeError(`${what}: ${alternative}`);
}

/** @throws {TypeError} always: neither a browser nor this edge runtime accepts connections. */
export class WebSocketServer {
  constructor(..._options: unknown[]) {
    throw unavailable(
      'WebSocketServer: this runtime cannot listen for connections',
      'run the server on Node.js, Deno or Bun, or accept connections with upgrade() on Cloudflare Workers',
    );
  }
}

/** @throws {TypeError} always: browsers have no Node.js streams. */
export function createWebSocketStream(..._values: unknown[]): never {
  throw unavailable(
    'createWebSocketStream: this runtime has no Node.js streams',
    'read messages from the "message" event, or with WebSocketStream where it exists',
  );
}

/** @throws {TypeError} always. A worker that could do it has been bundled without the condition that brings its own entry point. */
export function upgrade(..._values: unknown[]): never {
  throw unavailable(
    'upgrade: the entry point of browsers accepts no WebSocket',
    'run that handler on Node.js, Deno or Bun; in a worker import "wasock/edge", or bundle with the condition "workerd"',
  );
}

const BY_ITSELF = 'the browser or runtime handles frames by itself: use WebSocket';

/** @throws {TypeError} always: browsers give no access to frames. */
export function broadcast(..._values: unknown[]): never {
  throw unavailable('broadcast', BY_ITSELF);
}

/** @throws {TypeError} always: browsers give no access to frames. */
export class Receiver {
  constructor(..._options: unknown[]) {
    throw unavailable('Receiver', BY_ITSELF);
  }
}

/** @throws {TypeError} always: browsers give no access to sockets. */
export class Sender {
  constructor(..._values: unknown[]) {
    throw unavailable('Sender', BY_ITSELF);
  }
}

/** @throws {TypeError} always: browsers have no zlib that can flush. */
export class PerMessageDeflate {
  constructor(..._options: unknown[]) {
    throw unavailable('PerMessageDeflate', BY_ITSELF);
  }
}

/** @throws {TypeError} always: browsers accept no connections. */
export class Gate {
  constructor(..._options: unknown[]) {
    throw unavailable(
      'Gate: a browser accepts no WebSocket',
      'use it where the server runs: on Node.js, Deno, Bun or in a worker',
    );
  }
}

/** @throws {TypeError} always: the WebSocket of a browser runs none of our code. */
export function metrics(): never {
  throw unavailable(
    'metrics: the browser counts nothing',
    "read the server's metrics, or look at the network panel of the browser",
  );
}
