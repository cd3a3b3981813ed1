// Server under test, a child process of run.mjs, for every ws-style library on Node, Bun or Deno.
// Prints { event: 'listening', port }; see control.mjs.

import { parseArgs } from 'node:util';

import { answerCommands, report } from './control.mjs';

const { values } = parseArgs({
  options: {
    module: { type: 'string', default: 'ws' },
    mode: { type: 'string', default: 'echo' },
    deflate: { type: 'boolean', default: false },
    // Without context takeover.
    afresh: { type: 'boolean', default: false },
    cork: { type: 'boolean', default: false },
    // A fan-out by `send` even where there is `broadcast`.
    loop: { type: 'boolean', default: false },
  },
});

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
const { WebSocketServer, broadcast } = await import(values.module);
const afresh = { serverNoContextTakeover: true, clientNoContextTakeover: true };
const perMessageDeflate = values.deflate && values.afresh ? afresh : values.deflate;
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate });

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
    if (broadcast && !values.loop) broadcast(peers, data, { binary: isBinary, except: peer });
    else for (const other of peers) if (other !== peer) other.send(data, { binary: isBinary });
  });
}

const serve = values.mode === 'fanout' ? fanout : values.cork ? echoCorked : echo;
server.on('connection', (peer) => {
  peer.on('error', () => {});
  serve(/** @type {Peer} */ (peer));
});
server.on('listening', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  report({ event: 'listening', port: address.port });
});
answerCommands();
