// Server under test, a child process of run.mjs: uWebSockets.js, a server in C++, from the file that --module names.
// Prints { event: 'listening', port }; see control.mjs.

import { fileURLToPath } from 'node:url';

import { answerCommands, readServerOptions, report } from './control.mjs';

const options = readServerOptions();
const isFanout = options.mode === 'fanout';
const TOPIC = 'all';

/**
 * The part of uWebSockets.js that is used here.
 *
 * @typedef {object} Socket
 * @property {(data: ArrayBuffer, isBinary: boolean, compress: boolean) => number} send
 * @property {(topic: string, data: ArrayBuffer, isBinary: boolean, compress: boolean) => boolean} publish
 * @property {(topic: string) => boolean} subscribe
 *
 * @typedef {object} App
 * @property {(pattern: string, behaviour: object) => App} ws
 * @property {(host: string, port: number, done: (token: unknown) => void) => App} listen
 *
 * @typedef {Record<'DISABLED' | 'SHARED_COMPRESSOR' | 'SHARED_DECOMPRESSOR' | 'DEDICATED_COMPRESSOR_32KB' | 'DEDICATED_DECOMPRESSOR_32KB', number>} Modes
 * @type {Modes & { App(): App, SSLApp(options: object): App, us_socket_local_port(token: unknown): number }}
 */
const uws = (await import(/** @type {string} */ (options.module))).default;

/** @param {string} name @returns {string} */
const certificate = (name) => fileURLToPath(new URL(`../test/support/certificates/${name}.pem`, import.meta.url));

/** @returns {number} Contexts are kept, unless the scenario says otherwise. */
function compression() {
  if (!options.deflate) return uws.DISABLED;
  if (options.afresh) return uws.SHARED_COMPRESSOR | uws.SHARED_DECOMPRESSOR;
  return uws.DEDICATED_COMPRESSOR_32KB | uws.DEDICATED_DECOMPRESSOR_32KB;
}

/** @type {Set<Socket>} */
const peers = new Set();

/** @param {Socket} socket @param {ArrayBuffer} data @param {boolean} isBinary */
function fanout(socket, data, isBinary) {
  if (!options.loop) socket.publish(TOPIC, data, isBinary, options.deflate);
  else for (const peer of peers) if (peer !== socket) peer.send(data, isBinary, options.deflate);
}

/** @param {Socket} socket @param {ArrayBuffer} data @param {boolean} isBinary */
function echo(socket, data, isBinary) {
  socket.send(data, isBinary, options.deflate);
}

const app = options.tls
  ? uws.SSLApp({ key_file_name: certificate('key'), cert_file_name: certificate('certificate') })
  : uws.App();
app
  .ws('/*', {
    compression: compression(),
    idleTimeout: 0,
    maxPayloadLength: 2 ** 26,
    maxBackpressure: 2 ** 28,
    open: (/** @type {Socket} */ socket) => {
      if (!isFanout) return;
      socket.subscribe(TOPIC);
      peers.add(socket);
    },
    message: isFanout ? fanout : echo,
    close: (/** @type {Socket} */ socket) => peers.delete(socket),
  })
  .listen('127.0.0.1', 0, (token) => report({ event: 'listening', port: uws.us_socket_local_port(token) }));
answerCommands();
