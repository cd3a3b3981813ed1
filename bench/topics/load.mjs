// Load generator, a child process of run.mjs: raw sockets that subscribe on each server, and one that publishes.
// Argument: a JSON job. Output: JSON lines { event: 'measure' } when the window opens, then { event: 'result', … }; goes on until it is ended.

import { randomBytes } from 'node:crypto';

import { measureDeliveries } from '../deliveries.mjs';
import { endWithParent, fail, report, sleep } from '../window.mjs';
import { FrameCounter, OPCODE_TEXT, encodeFrame, makeWriter, openConnection } from '../wire.mjs';
import { makePayload, makeReady } from './messages.mjs';

/** @typedef {import('../wire.mjs').RawConnection} RawConnection */

/**
 * @typedef {object} Job
 * @property {'deliveries' | 'latency' | 'hold'} kind
 * @property {'plain' | 'socket.io'} protocol
 * @property {{ port: number, subscribers: number }[]} servers The publisher is connected to the first one.
 * @property {number} size Bytes of the text that is published.
 * @property {number} inFlight Messages on their way (deliveries).
 * @property {number} rate Messages a second (latency).
 * @property {number} warmup Milliseconds before the window opens.
 * @property {number} duration Milliseconds that the window is open.
 */

/** How the clients of a library speak: what comes first on a connection, and how a text looks in a frame. */
const PROTOCOLS = {
  plain: { path: '/?', greeting: '', answer: '', wrap: (/** @type {string} */ text) => text },
  'socket.io': {
    path: '/socket.io/?EIO=4&transport=websocket&',
    // The server opens the transport; the client then joins the namespace `/`.
    greeting: '0{',
    answer: '40',
    wrap: (/** @type {string} */ text) => `42["m","${text}"]`,
  },
};

/** Handshakes at once, so that no backlog overflows. */
const AT_ONCE = 50;
/** Milliseconds that messages may take which are on their way when the window closes. */
const LATE = 10_000;
/** Percentiles of the latency. */
const PERCENTILES = [50, 99];

const job = /** @type {Job} */ (JSON.parse(process.argv[2]));
const protocol = PROTOCOLS[job.protocol];

/** @param {string} text @returns {Buffer} A frame of a server. */
const replyOf = (text) => encodeFrame(Buffer.from(protocol.wrap(text)), OPCODE_TEXT, null);

/** @param {string} text @returns {Buffer} A frame of a client. */
const requestOf = (text) => encodeFrame(Buffer.from(protocol.wrap(text)), OPCODE_TEXT, randomBytes(4));

/**
 * Connects, and waits for the message by which every server says that the connection is subscribed.
 *
 * @param {number} port
 * @param {boolean} isPublisher
 * @returns {Promise<RawConnection>}
 */
function join(port, isPublisher) {
  const ready = replyOf(makeReady(job.size));
  const { promise, reject, resolve } = withResolvers();
  const path = `${protocol.path}role=${isPublisher ? 'publisher' : 'subscriber'}`;
  let received = Buffer.alloc(0);
  openConnection(
    { port, tls: false, path },
    (connection) => {
      let isGreeted = protocol.greeting === '';
      connection.onBytes = (length, chunk) => {
        received = Buffer.concat([received, Buffer.from(chunk.buffer, chunk.byteOffset, length)]);
        for (let end = frameEnd(received); end > 0; end = frameEnd(received)) {
          const frame = received.subarray(0, end);
          received = received.subarray(end);
          if (frame.equals(ready)) return finish(connection);
          if (!isGreeted && frame.toString('latin1', 2).includes(protocol.greeting)) {
            isGreeted = true;
            connection.socket.write(encodeFrame(Buffer.from(protocol.answer), OPCODE_TEXT, randomBytes(4)));
          }
        }
      };
    },
    reject,
  );
  /** @param {RawConnection} connection */
  function finish(connection) {
    connection.onBytes = () => {};
    if (received.length > 0) reject(new Error('the server sent more than it was asked for'));
    resolve(connection);
  }
  return /** @type {Promise<RawConnection>} */ (promise);
}

/** @param {Buffer} bytes @returns {number} Where its first frame ends, or 0. No frame here has 64 KiB. */
function frameEnd(bytes) {
  if (bytes.length < 4) return 0;
  const isShort = (bytes[1] & 127) < 126;
  const end = isShort ? 2 + (bytes[1] & 127) : 4 + bytes.readUInt16BE(2);
  return end <= bytes.length ? end : 0;
}

/** @returns {{ promise: Promise<unknown>, resolve: (value: unknown) => void, reject: (error: Error) => void }} */
function withResolvers() {
  let resolve = (/** @type {unknown} */ _value) => {};
  let reject = (/** @type {Error} */ _error) => {};
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** @returns {Promise<RawConnection[]>} */
async function joinSubscribers() {
  const ports = job.servers.flatMap(({ port, subscribers }) => Array.from({ length: subscribers }, () => port));
  const connections = [];
  while (ports.length > 0) {
    const some = ports.splice(0, AT_ONCE).map((port) => join(port, false));
    connections.push(...(await Promise.all(some)));
  }
  return connections;
}

/** A counter of the messages of one subscriber, which throws at a frame of another length or kind. */
function makeCounter() {
  const reply = replyOf(makePayload(job.size));
  return new FrameCounter(reply.readUInt16BE(0), reply.length);
}

/**
 * Publishes one message and compares it byte for byte on each subscriber.
 *
 * @param {RawConnection[]} subscribers
 * @param {(buffer: Buffer) => void} write
 */
async function verify(subscribers, write) {
  const text = makePayload(job.size);
  const expected = replyOf(text);
  const arrivals = subscribers.map((subscriber) => {
    const { promise, reject, resolve } = withResolvers();
    let received = Buffer.alloc(0);
    subscriber.onBytes = (length, chunk) => {
      received = Buffer.concat([received, Buffer.from(chunk.buffer, chunk.byteOffset, length)]);
      if (received.length < expected.length) return;
      if (received.equals(expected)) resolve(undefined);
      else reject(new Error('a subscriber got another message than the one that was published'));
    };
    return promise;
  });
  write(requestOf(text));
  await Promise.race([Promise.all(arrivals), sleep(LATE).then(() => Promise.reject(new Error('the first message was lost')))]);
}

/** Messages of one publisher. Counts deliveries. */
async function deliveries() {
  const { subscribers, write } = await prepare();
  const request = requestOf(makePayload(job.size));
  const batches = Array.from({ length: job.inFlight + 1 }, (_, count) => Buffer.concat(Array(count).fill(request)));
  await measureDeliveries(job, subscribers, (count) => write(batches[count]), makeCounter);
}

/**
 * Publishes at a fixed rate. The only publisher has one order everywhere, so the n-th message of a subscriber is the n-th that was sent. Messages are
 * counted from the opening of the window on; at the end each subscriber must have all of them.
 */
async function latency() {
  const { subscribers, write } = await prepare();
  const request = requestOf(makePayload(job.size));
  /** @type {number[]} */
  const sent = [];
  /** @type {number[]} */
  const latencies = [];
  let first = Infinity;
  let missing = 0;
  for (const subscriber of subscribers) {
    const counter = makeCounter();
    let next = 0;
    subscriber.onBytes = (length, chunk) => {
      const frames = counter.count(chunk, length);
      const now = performance.now();
      missing -= frames;
      for (const end = next + frames; next < end; next++) if (next >= first) latencies.push(now - sent[next]);
    };
  }
  const publishing = setInterval(() => {
    sent.push(performance.now());
    missing += subscribers.length;
    write(request);
  }, 1000 / job.rate);
  await sleep(job.warmup);
  first = sent.length;
  report({ event: 'measure' });
  const before = process.cpuUsage();
  await sleep(job.duration);
  clearInterval(publishing);
  const { system, user } = process.cpuUsage(before);
  for (const end = Date.now() + LATE; missing > 0 && Date.now() < end;) await sleep(10);
  if (missing !== 0) throw new Error(`${missing} deliveries are missing`);
  const seconds = job.duration / 1000;
  const result = { rate: latencies.length / seconds, cpu: (user + system) / 1e6 / seconds };
  report({ event: 'result', ...result, latencies: percentilesOf(latencies) });
}

/** @param {number[]} values @returns {Record<string, number>} */
function percentilesOf(values) {
  const sorted = Float64Array.from(values).sort();
  const at = (/** @type {number} */ percent) =>
    sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))];
  return Object.fromEntries(PERCENTILES.map((percent) => [`p${percent}`, at(percent)]));
}

async function prepare() {
  const subscribers = await joinSubscribers();
  const publisher = await join(job.servers[0].port, true);
  const write = makeWriter(publisher.socket);
  await verify(subscribers, write);
  return { subscribers, write };
}

async function hold() {
  await joinSubscribers();
  report({ event: 'held' });
}

endWithParent();
await { deliveries, latency, hold }[job.kind]().catch(fail);
