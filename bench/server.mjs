// Server under test, a child process of run.mjs, for every ws-style library on Node, Bun or Deno.
// Prints { event: 'listening', port }; see control.mjs.

import http from 'node:http';
import https from 'node:https';

import { answerCommands, readCertificate, readServerOptions, report } from './control.mjs';

const options = readServerOptions();

/**
 * The part of the ws API that the benchmark uses.
 *
 * @typedef {import('ws').WebSocket & { _socket: import('node:net').Socket }} Peer
 */

/**
 * `broadcast` is what this library has besides the ws API.
 *
 * @typedef {{ binary: boolean, except: Peer }} BroadcastOptions
 * @type {{
 *   WebSocketServer: typeof import('ws').WebSocketServer,
 *   broadcast?: (peers: Iterable<Peer>, data: import('ws').RawData, options: BroadcastOptions) => void,
 * }}
 */
const { WebSocketServer, broadcast } = await import(options.module ?? 'ws');
const host = '127.0.0.1';

/** @returns {object} Options of a server that listens by itself, or behind one of node:http. */
function place() {
  const tls = options.tls ? readCertificate() : undefined;
  // ws has no `tls` option: over TLS it is always behind node:https.
  if (!options.http && !(tls && !broadcast)) return { host, port: 0, ...(tls && { tls }) };
  const server = tls ? https.createServer(tls) : http.createServer();
  return { server: server.listen(0, host) };
}

const afresh = { serverNoContextTakeover: true, clientNoContextTakeover: true };
const server = new WebSocketServer({
  ...place(),
  perMessageDeflate: options.deflate && options.afresh ? afresh : options.deflate,
  ...(options.borrowed && { borrowMessages: true }),
});

/** @param {Peer} peer */
function echo(peer) {
  peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }));
}

/** What a careful user of ws can do by hand: one write a turn. @param {Peer} peer */
function echoCorked(peer) {
  let corked = false;
  peer.on('message', (data, isBinary) => {
    if (!corked) {
      corked = true;
      peer._socket.cork();
      setImmediate(() => {
        corked = false;
        peer._socket.uncork();
      });
    }
    peer.send(data, { binary: isBinary });
  });
}

/** @param {Peer} peer */
function fanout(peer) {
  peer.on('message', (data, isBinary) => {
    const peers = /** @type {Set<Peer>} */ (server.clients);
    if (broadcast && !options.loop) broadcast(peers, data, { binary: isBinary, except: peer });
    else for (const other of peers) if (other !== peer) other.send(data, { binary: isBinary });
  });
}

const serve = options.mode === 'fanout' ? fanout : options.cork ? echoCorked : echo;
server.on('connection', (peer) => {
  peer.on('error', () => {});
  serve(/** @type {Peer} */ (peer));
});
server.on('listening', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  report({ event: 'listening', port: address.port });
});
answerCommands();
