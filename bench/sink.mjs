// Raw counting server, a child process of run.mjs: takes one client's masked frames and counts them by their headers.
// Prints { event: 'listening', port }, { event: 'measure' } when the window opens, then { event: 'result', … }; counts on until it is ended.

import { createHash } from 'node:crypto';
import net from 'node:net';

import { endWithParent, fail, measure, report } from './window.mjs';
import { FrameCounter, OPCODE_BINARY, encodeFrame } from './wire.mjs';

/** @type {{ size: number, warmup: number, duration: number }} */
const job = JSON.parse(process.argv[2]);
const sample = encodeFrame(Buffer.alloc(job.size), OPCODE_BINARY, Buffer.alloc(4));
let counted = 0;

/** @param {string} head @returns {string} */
function answer(head) {
  const key = /^sec-websocket-key: ?(.*)$/im.exec(head)?.[1]?.trim();
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/** @param {net.Socket} socket */
function serve(socket) {
  const counter = new FrameCounter(sample.readUInt16BE(0), sample.length);
  let head = '';
  socket.on('error', fail);
  socket.on('end', () => fail(new Error('the client closed the connection')));
  socket.on('data', (/** @type {Buffer} */ chunk) => {
    if (head.endsWith('\r\n\r\n')) {
      try {
        counted += counter.count(chunk, chunk.length);
      } catch (error) {
        fail(/** @type {Error} */ (error));
      }
      return;
    }
    head += chunk.toString('latin1');
    if (!head.endsWith('\r\n\r\n')) return;
    socket.write(answer(head));
    measure(() => counted, job).catch(fail);
  });
}

const server = net.createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', () => {
  report({ event: 'listening', port: /** @type {net.AddressInfo} */ (server.address()).port });
});
endWithParent();
