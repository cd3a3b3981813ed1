// Raw server for a client under test, a child process of run.mjs: keeps messages on their way to the client, and counts by their headers
// the masked frames that come back. Prints { event: 'listening', port }, { event: 'measure' } when the window opens, then { event: 'result', … };
// goes on until it is ended.

import net from 'node:net';

import { endWithParent, fail, measure, report } from './window.mjs';
import { FrameCounter, OPCODE_BINARY, answerHandshake, encodeFrame, makeRequests, makeWriter } from './wire.mjs';

/** @type {{ size: number, inFlight: number, warmup: number, duration: number }} */
const job = JSON.parse(process.argv[2]);
const { replyWrites } = makeRequests({ ...job, text: false });
const sample = encodeFrame(Buffer.alloc(job.size), OPCODE_BINARY, Buffer.alloc(4));
let counted = 0;

/** @param {net.Socket} socket */
function serve(socket) {
  const counter = new FrameCounter(sample.readUInt16BE(0), sample.length);
  const write = makeWriter(socket);
  socket.on('error', fail);
  socket.on('end', () => fail(new Error('the client closed the connection')));
  answerHandshake(socket, () => {
    socket.on('data', (/** @type {Buffer} */ chunk) => {
      try {
        const replies = counter.count(chunk, chunk.length);
        counted += replies;
        if (replies > 0) write(replyWrites[replies]);
      } catch (error) {
        fail(/** @type {Error} */ (error));
      }
    });
    write(replyWrites[job.inFlight]);
    measure(() => counted, job).catch(fail);
  });
}

const server = net.createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', () => {
  report({ event: 'listening', port: /** @type {net.AddressInfo} */ (server.address()).port });
});
endWithParent();
