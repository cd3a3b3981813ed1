// Server under test, a child process of run.mjs, for every ws-style library on Node.
// Prints { event: 'listening', port }; answers the lines 'stats' and 'collect' on standard input; ends with standard input.

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    module: { type: 'string', default: 'ws' },
    mode: { type: 'string', default: 'echo' },
    cork: { type: 'boolean', default: false },
  },
});

/**
 * The part of the ws API that the benchmark uses.
 *
 * @typedef {import('ws').WebSocket & { _socket: import('node:net').Socket }} Peer
 */

/** @type {{ WebSocketServer: typeof import('ws').WebSocketServer }} */
const { WebSocketServer } = await import(values.module);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });

/** @param {object} message */
function report(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

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
    for (const other of server.clients) if (other !== peer) other.send(data, { binary: isBinary });
  });
}

/** @returns {Promise<void>} */
async function collect() {
  for (let pass = 0; pass < 4; pass++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
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

/** @param {string} command */
async function answer(command) {
  if (command === 'collect') await collect();
  const { user, system } = process.cpuUsage();
  report({ event: 'stats', cpu: (user + system) / 1e6, time: performance.now() / 1e3, rss: process.memoryUsage.rss() });
}

const commands = createInterface({ input: process.stdin });
commands.on('line', (command) => void answer(command));
commands.on('close', () => process.exit(0));
