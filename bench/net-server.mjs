// The floor, a child process of run.mjs: answers the opening handshake, then sends each read back as it came, with the client's masks.
// Prints { event: 'listening', port }; see control.mjs.

import net from 'node:net';
import tls from 'node:tls';

import { answerCommands, readCertificate, readServerOptions, report } from './control.mjs';
import { answerHandshake } from './wire.mjs';

/** @param {net.Socket} socket */
function serve(socket) {
  socket.on('error', () => {});
  answerHandshake(socket, () => socket.on('data', (chunk) => socket.write(chunk)));
}

const server = readServerOptions().tls
  ? tls.createServer({ ...readCertificate(), noDelay: true }, serve)
  : net.createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', () => {
  report({ event: 'listening', port: /** @type {net.AddressInfo} */ (server.address()).port });
});
answerCommands();
