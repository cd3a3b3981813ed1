// Load generator, a child process of run.mjs: raw sockets against the server at `port`, one job a process.
// Argument: a JSON job. Output: JSON lines { event: 'measure' } when the window opens, then { event: 'result', … }; goes on until it is ended.

import { measureDeliveries } from './deliveries.mjs';
import {
  CompressedFrameCounter,
  DEFLATE_OFFER,
  MAXIMUM_AT_ONCE,
  exchange,
  makeCompressedRequests,
  verifyCompressedEcho,
} from './deflate.mjs';
import { endWithParent, fail, measure, report } from './window.mjs';
import { FrameCounter, makeRequests, makeWriter, openConnection, openConnections, verifyEcho } from './wire.mjs';

/**
 * @typedef {object} Job
 * @property {'echo' | 'deflate' | 'fanout' | 'fanout-deflate' | 'handshake' | 'idle' | 'idle-deflate'} kind
 * @property {number} port
 * @property {number} connections
 * @property {number} inFlight Messages in flight, of each connection (echo) or of the one publisher (fanout).
 * @property {number} size Payload bytes.
 * @property {boolean} text
 * @property {boolean} tls
 * @property {boolean} burst All connections send at once (idle-deflate).
 * @property {boolean} raw The server sends the bytes back as they are.
 * @property {number} warmup Milliseconds before the window opens.
 * @property {number} duration Milliseconds the window is open.
 */

/** Counts whatever the job measures: replies or handshakes. */
let counted = 0;

/** Every connection keeps `inFlight` messages on their way; k replies in a chunk are answered by k requests in one write. @param {Job} job */
async function echo(job) {
  const requests = makeRequests(job);
  const { writes, replyHeader, replyLength } = requests;
  const connections = await openConnections(job, job.connections, fail);
  await verifyEcho(connections[0], requests);
  const writers = connections.map(({ socket }) => makeWriter(socket));
  for (const [index, connection] of connections.entries()) {
    const counter = new FrameCounter(replyHeader, replyLength);
    const write = writers[index];
    connection.onBytes = (length, chunk) => {
      const replies = counter.count(chunk, length);
      if (replies === 0) return;
      counted += replies;
      write(writes[replies]);
    };
  }
  for (const write of writers) write(writes[job.inFlight]);
  await measure(() => counted, job);
}

/**
 * As {@link echo}, with compressed messages that are all different. The first connection is further in its cycle than the others.
 *
 * @param {Job} job
 */
async function deflate(job) {
  if (job.inFlight > MAXIMUM_AT_ONCE) throw new RangeError(`at most ${MAXIMUM_AT_ONCE} messages in flight`);
  const connections = await openConnections(job, job.connections, fail, DEFLATE_OFFER);
  const [{ extensions }] = connections;
  if (connections.some((connection) => connection.extensions !== extensions)) throw new Error('the agreements differ');
  const requests = await makeCompressedRequests(job.size, extensions);
  const verified = await verifyCompressedEcho(connections[0], requests);
  const starters = connections.map((connection, index) => {
    const counter = new CompressedFrameCounter();
    const write = makeWriter(connection.socket);
    let position = index === 0 ? verified : 0;
    const send = (/** @type {number} */ count) => {
      write(requests.take(position, count));
      position = requests.wrap(position + count);
    };
    connection.onBytes = (length, chunk) => {
      const replies = counter.count(chunk, length);
      if (replies === 0) return;
      counted += replies;
      send(replies);
    };
    return send;
  });
  for (const start of starters) start(job.inFlight);
  await measure(() => counted, job);
}

/**
 * One publisher, `connections` subscribers. Counts deliveries.
 *
 * @param {Job} job
 */
async function fanout(job) {
  const { writes, replyHeader, replyLength } = makeRequests(job);
  const [publisher, ...subscribers] = await openConnections(job, job.connections + 1, fail);
  const write = makeWriter(publisher.socket);
  const publish = (/** @type {number} */ count) => write(writes[count]);
  await measureDeliveries(job, subscribers, publish, () => new FrameCounter(replyHeader, replyLength));
}

/** As {@link fanout}, with compressed messages of JSON that are all different. @param {Job} job */
async function fanoutDeflate(job) {
  const [publisher, ...subscribers] = await openConnections(job, job.connections + 1, fail, DEFLATE_OFFER);
  const requests = await makeCompressedRequests(job.size, publisher.extensions);
  const write = makeWriter(publisher.socket);
  let position = 0;
  const publish = (/** @type {number} */ count) => {
    write(requests.take(position, count));
    position = requests.wrap(position + count);
  };
  await measureDeliveries(job, subscribers, publish, () => new CompressedFrameCounter());
}

/**
 * Keeps `connections` handshakes on their way. Each connection is reset as soon as the head is in: a reset leaves no TIME_WAIT
 * behind, so that a run does not use up the ports of the next one.
 *
 * @param {Job} job
 */
async function handshake(job) {
  const next = () =>
    openConnection(
      job,
      ({ socket }) => {
        counted++;
        socket.resetAndDestroy();
        next();
      },
      fail,
    );
  for (let index = 0; index < job.connections; index++) next();
  await measure(() => counted, job);
}

/** Opens `connections`, exchanges one message on each, then holds them. @param {Job} job */
async function idle(job) {
  const requests = makeRequests({ ...job, inFlight: 1 });
  const connections = await openConnections(job, job.connections, fail);
  for (const connection of connections) await verifyEcho(connection, requests);
  report({ event: 'held' });
}

/** Connections that exchange messages at the same time, unless all of them do. */
const WAVE = 50;

/**
 * Opens `connections`, exchanges `inFlight` compressed messages on each, then holds them. With `burst` all of them send at once, so that the
 * server needs as much memory as it can before it is idle.
 *
 * @param {Job} job
 */
async function idleDeflate(job) {
  const connections = await openConnections(job, job.connections, fail, DEFLATE_OFFER);
  const requests = await makeCompressedRequests(job.size, connections[0].extensions);
  const bytes = requests.take(0, job.inFlight);
  const wave = job.burst ? connections.length : WAVE;
  for (let at = 0; at < connections.length; at += wave) {
    const some = connections.slice(at, at + wave);
    await Promise.all(some.map((connection) => exchange(connection, new CompressedFrameCounter(), bytes, job.inFlight)));
  }
  report({ event: 'held' });
}

const jobs = { echo, deflate, fanout, 'fanout-deflate': fanoutDeflate, handshake, idle, 'idle-deflate': idleDeflate };
const job = /** @type {Job} */ (JSON.parse(process.argv[2]));
endWithParent();
await jobs[job.kind](job).catch(fail);
