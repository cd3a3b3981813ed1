// Server under test, a child process of run.mjs: what Bun or Deno brings along (Bun.serve, Deno.upgradeWebSocket), as it is or, with
// --module, behind the `upgrade` function of the library under test. Prints { event: 'listening', port }; see control.mjs.

import { answerCommands, readCertificate, readServerOptions, report } from './control.mjs';

const options = readServerOptions();
const isFanout = options.mode === 'fanout';
const tls = options.tls ? readCertificate() : undefined;
const hostname = '127.0.0.1';
const TOPIC = 'all';

/**
 * The parts of both runtimes that are used here.
 *
 * @typedef {object} BunSocket
 * @property {(data: string | Uint8Array, compress?: boolean) => number} send
 * @property {(topic: string, data: string | Uint8Array, compress?: boolean) => number} publish
 * @property {(topic: string) => void} subscribe
 * @typedef {{ upgrade(request: Request, options?: object): boolean }} BunServer
 * @typedef {{ serve(options: object): { port: number } }} BunRuntime
 *
 * @typedef {object} DenoRuntime
 * @property {(options: object, handler: (request: Request) => Response) => unknown} serve
 * @property {(request: Request) => { socket: WebSocket, response: Response }} upgradeWebSocket
 */
const { Bun, Deno } = /** @type {{ Bun?: BunRuntime, Deno?: DenoRuntime }} */ (/** @type {unknown} */ (globalThis));

const adapter = options.module ? await import(options.module) : null;
/** The library's sockets, for a fan-out. @type {Set<import('ws').WebSocket>} */
const peers = new Set();

/** @param {import('ws').WebSocket | null} peer */
function serve(peer) {
  if (!peer) return;
  peers.add(peer);
  peer.on('error', () => {});
  peer.on('close', () => peers.delete(peer));
  peer.on('message', (data, isBinary) => {
    if (!isFanout) peer.send(data, { binary: isBinary });
    else for (const other of peers) if (other !== peer) other.send(data, { binary: isBinary });
  });
}

/** @param {Request} request @param {unknown} [server] @returns {Response} Bun takes undefined as well. */
function upgradeByAdapter(request, server) {
  const { response, socket } = Bun ? adapter.upgrade(request, server) : adapter.upgrade(request);
  serve(socket);
  return response;
}

/** Contexts that are kept, as everybody else does; Bun's own default starts each message afresh in a context for all connections. */
function deflateOnBun() {
  if (!options.deflate || options.shared || options.afresh) return options.deflate;
  return { compress: 'dedicated', decompress: 'dedicated' };
}

/** @param {BunRuntime} bun */
function serveOnBun(bun) {
  const limits = { idleTimeout: 0, maxPayloadLength: 2 ** 26, perMessageDeflate: deflateOnBun() };
  /** @type {Set<BunSocket>} */
  const sockets = new Set();
  const native = {
    ...limits,
    open: (/** @type {BunSocket} */ socket) => {
      if (!isFanout) return;
      socket.subscribe(TOPIC);
      sockets.add(socket);
    },
    // A publisher gets no message of its own.
    message: (/** @type {BunSocket} */ socket, /** @type {string | Uint8Array} */ data) => {
      if (!isFanout) socket.send(data, options.deflate);
      else if (!options.loop) socket.publish(TOPIC, data);
      else for (const other of sockets) if (other !== socket) other.send(data);
    },
    close: (/** @type {BunSocket} */ socket) => sockets.delete(socket),
  };
  const { port } = bun.serve({
    hostname,
    port: 0,
    ...(tls && { tls }),
    fetch: (/** @type {Request} */ request, /** @type {BunServer} */ server) => {
      if (adapter) return upgradeByAdapter(request, server);
      return server.upgrade(request) ? undefined : new Response(null, { status: 400 });
    },
    websocket: adapter ? { ...adapter.websocket, ...limits } : native,
  });
  report({ event: 'listening', port });
}

/** @param {DenoRuntime} deno */
function serveOnDeno(deno) {
  /** @type {Set<WebSocket>} */
  const sockets = new Set();
  /** @param {Request} request */
  const upgrade = (request) => {
    const { response, socket } = deno.upgradeWebSocket(request);
    socket.binaryType = 'arraybuffer';
    if (isFanout) {
      socket.onopen = () => sockets.add(socket);
      socket.onmessage = ({ data }) => {
        for (const other of sockets) if (other !== socket) other.send(data);
      };
    } else {
      socket.onmessage = ({ data }) => socket.send(data);
    }
    socket.onclose = () => sockets.delete(socket);
    socket.onerror = () => {};
    return response;
  };
  const onListen = (/** @type {{ port: number }} */ { port }) => report({ event: 'listening', port });
  deno.serve({ hostname, port: 0, onListen, ...tls }, adapter ? upgradeByAdapter : upgrade);
}

if (Bun) serveOnBun(Bun);
else if (Deno) serveOnDeno(Deno);
else throw new Error('neither Bun nor Deno');
answerCommands();
