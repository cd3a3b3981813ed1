// The load generator's side of permessage-deflate: messages compressed beforehand, in an order that keeps contexts valid for ever.
// RFC 7692 sections 6, 7.1 and 7.2.
//
// A compressed message refers to the 32 KiB before it. So a cycle of messages is longer than that and is encoded twice in one
// context: the second pass looks back on a whole cycle, as each later one does, and its bytes may be repeated without end.

import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';

import { OPCODE_TEXT, encodeFrame } from './wire.mjs';

/** What a browser offers. */
export const DEFLATE_OFFER = 'permessage-deflate; client_max_window_bits';

/** Messages of one cycle. Of 1 KiB each they are twice the largest window, so that no message finds itself in it. */
const CYCLE = 64;
const WINDOW_BYTES = 32768;
const RSV1 = 0x40;
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

const SYMBOLS = [
  'ACME',
  'BOLT',
  'CASK',
  'DUNE',
  'ECHO',
  'FERN',
  'GLOW',
  'HALO',
  'IRIS',
  'JADE',
  'KELP',
  'LYNX',
  'MOSS',
  'NOVA',
  'OPAL',
  'PINE',
];
const TRENDS = ['down', 'flat', 'up'];

/** The same numbers in every run and for every server. @param {number} seed @returns {(below: number) => number} */
function makeRandom(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

/**
 * A stream of quotes, as one connection would carry it: each message resembles the one before, and half of the prices have moved.
 * zlib takes about 20 µs to deflate such a message and 1 µs to inflate it.
 *
 * @param {number} size Least bytes of a message; up to one quote more.
 * @param {number} count
 * @returns {Buffer[]}
 */
function makeMessages(size, count) {
  const random = makeRandom(1);
  const book = SYMBOLS.map((symbol) => ({ symbol, price: 10_000 + random(90_000), volume: random(100_000) }));
  return Array.from({ length: count }, (_, sequence) => {
    const head = JSON.stringify({
      channel: 'quotes',
      sequence,
      time: 1_790_000_000_000 + sequence * 250 + random(9),
      quotes: [],
    });
    let quotes = '';
    for (let index = 0; head.length + quotes.length < size; index++) {
      const entry = book[index % book.length];
      if (random(2) === 0) {
        entry.price += random(21) - 10;
        entry.volume += random(50);
      }
      const { price, symbol, volume } = entry;
      const quote = { symbol, bid: price / 100, ask: (price + 5) / 100, volume, trend: TRENDS[random(3)] };
      quotes += `${index > 0 ? ',' : ''}${JSON.stringify(quote)}`;
    }
    return Buffer.from(`${head.slice(0, -2)}${quotes}]}`);
  });
}

/**
 * @typedef {object} DeflateAgreement
 * @property {boolean} clientStartsAfresh Each of our messages starts with an empty window.
 * @property {boolean} serverStartsAfresh
 * @property {number} clientWindowBits
 */

/**
 * Reads what a server agreed on.
 *
 * @param {string} extensions Its Sec-WebSocket-Extensions.
 * @returns {DeflateAgreement}
 */
function readAgreement(extensions) {
  const [name, ...parameters] = extensions.split(';').map((part) => part.trim());
  if (name !== 'permessage-deflate') throw new Error(`the server did not agree to permessage-deflate, but to '${extensions}'`);
  const bits = parameters.find((parameter) => parameter.startsWith('client_max_window_bits='));
  return {
    clientStartsAfresh: parameters.includes('client_no_context_takeover'),
    serverStartsAfresh: parameters.includes('server_no_context_takeover'),
    clientWindowBits: bits === undefined ? 15 : Number(bits.split('=')[1]),
  };
}

/**
 * Drives a zlib stream one message at a time.
 *
 * @param {zlib.DeflateRaw | zlib.InflateRaw} stream
 * @returns {(data: Buffer) => Promise<Buffer>}
 */
function makeFlusher(stream) {
  /** @type {Buffer[]} */
  let chunks = [];
  stream.on('data', (/** @type {Buffer} */ chunk) => chunks.push(chunk));
  return (data) =>
    new Promise((resolve, reject) => {
      stream.once('error', reject);
      stream.write(data);
      stream.flush(zlib.constants.Z_SYNC_FLUSH, () => {
        stream.off('error', reject);
        const result = Buffer.concat(chunks);
        chunks = [];
        resolve(result);
      });
    });
}

/**
 * @param {() => zlib.DeflateRaw | zlib.InflateRaw} create
 * @param {boolean} startsAfresh
 * @returns {(data: Buffer) => Promise<Buffer>}
 */
function makeContext(create, startsAfresh) {
  if (startsAfresh) return (data) => makeFlusher(create())(data);
  return makeFlusher(create());
}

/**
 * @typedef {object} CompressedRequests
 * @property {(position: number, count: number) => Buffer} take `count` frames from `position` on.
 * @property {(position: number) => number} wrap Where to go on after a message there: positions do not grow without end.
 * @property {number} length How many frames there are before the first repetition.
 * @property {Buffer[]} messages Payload by position, before compression.
 * @property {DeflateAgreement} agreement
 */

/**
 * Compresses and masks everything that will be sent.
 *
 * @param {number} size Bytes of a message before compression.
 * @param {string} extensions What the server agreed on.
 * @returns {Promise<CompressedRequests>}
 */
export async function makeCompressedRequests(size, extensions) {
  const agreement = readAgreement(extensions);
  if (CYCLE * size < WINDOW_BYTES) throw new RangeError('a cycle must fill the window');
  const cycle = makeMessages(size, CYCLE);
  const messages = [...cycle, ...cycle];
  const create = () => zlib.createDeflateRaw({ windowBits: agreement.clientWindowBits });
  const compress = makeContext(create, agreement.clientStartsAfresh);
  const frames = [];
  for (const message of messages) {
    const compressed = await compress(message);
    if (!compressed.subarray(-4).equals(TAIL)) throw new Error('zlib did not flush');
    frames.push(encodeFrame(compressed.subarray(0, -4), RSV1 | OPCODE_TEXT, randomBytes(4)));
  }
  // The cycle once more, so that frames across its end lie in one piece.
  const all = [...frames, ...frames.slice(CYCLE)];
  const offsets = [0];
  for (const frame of all) offsets.push(offsets[offsets.length - 1] + frame.length);
  const bytes = Buffer.concat(all);
  return {
    take: (position, count) => bytes.subarray(offsets[position], offsets[position + count]),
    wrap: (position) => (position < 2 * CYCLE ? position : position - CYCLE),
    length: 2 * CYCLE,
    messages,
    agreement,
  };
}

/** Most messages that {@link CompressedRequests.take} can give at once. */
export const MAXIMUM_AT_ONCE = CYCLE;

/** Counts compressed text messages of any length, one frame each. Looks at headers only and allocates nothing. */
export class CompressedFrameCounter {
  /** Bytes of the current frame that are still to come, or 0 while in its header. */
  #left = 0;
  /** Header bytes that earlier chunks brought. */
  #headerLength = 0;
  #payloadLength = 0;

  /**
   * @param {Uint8Array} chunk Borrowed.
   * @param {number} length Bytes of it that are valid.
   * @returns {number} Frames that ended in this chunk.
   */
  count(chunk, length) {
    let at = 0;
    let frames = 0;
    while (at < length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, length - at);
        at += skipped;
        this.#left -= skipped;
        if (this.#left === 0) frames++;
        continue;
      }
      this.#readHeader(chunk[at++]);
    }
    return frames;
  }

  /** @param {number} byte */
  #readHeader(byte) {
    const index = this.#headerLength++;
    if (index === 0 && byte !== (0x80 | RSV1 | OPCODE_TEXT)) {
      throw new Error(`a compressed text message must begin with c1, not ${byte.toString(16).padStart(2, '0')}`);
    }
    if (index === 0) return;
    if (index === 1 && (byte === 0 || byte > 126)) throw new Error(`unexpected payload length ${byte}`);
    this.#payloadLength = index === 3 ? this.#payloadLength + byte : index === 2 ? byte << 8 : byte;
    if (index === 2 || (index === 1 && byte === 126)) return;
    this.#left = this.#payloadLength;
    this.#headerLength = 0;
  }
}

/** Splits replies into payloads. @param {Buffer} bytes @returns {{ payloads: Buffer[], rest: Buffer }} */
function splitFrames(bytes) {
  const payloads = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const isLong = bytes[at + 1] === 126;
    const start = at + (isLong ? 4 : 2);
    const end = start + (isLong ? bytes.readUInt16BE(at + 2) : bytes[at + 1]);
    if (end > bytes.length) break;
    payloads.push(bytes.subarray(start, end));
    at = end;
  }
  return { payloads, rest: bytes.subarray(at) };
}

/**
 * Sends every frame, and the repeated cycle after them, on one connection, and compares what each reply inflates to: so that no server wins
 * by answering rubbish, and to prove that repetition is valid.
 *
 * @param {import('./wire.mjs').RawConnection} connection
 * @param {CompressedRequests} requests
 * @returns {Promise<number>} The position to go on from.
 */
export async function verifyCompressedEcho(connection, { agreement, length, messages, take, wrap }) {
  const inflate = makeContext(() => zlib.createInflateRaw(), agreement.serverStartsAfresh);
  const counter = new CompressedFrameCounter();
  let position = 0;
  for (const count of [CYCLE, CYCLE, CYCLE]) {
    const reply = await exchange(connection, counter, take(position, count), count);
    const { payloads } = splitFrames(reply);
    for (let index = 0; index < count; index++) {
      const plain = await inflate(Buffer.concat([payloads[index], TAIL]));
      if (!plain.equals(messages[(position + index) % length])) throw new Error('the echo is not what was sent');
    }
    position = wrap(position + count);
  }
  return position;
}

/**
 * @param {import('./wire.mjs').RawConnection} connection
 * @param {CompressedFrameCounter} counter
 * @param {Buffer} frames
 * @param {number} count How many replies to wait for.
 * @returns {Promise<Buffer>}
 */
export function exchange(connection, counter, frames, count) {
  return new Promise((resolve) => {
    /** @type {Buffer[]} */
    const chunks = [];
    let replies = 0;
    connection.onBytes = (length, chunk) => {
      chunks.push(Buffer.from(chunk.subarray(0, length)));
      replies += counter.count(chunk, length);
      if (replies === count) resolve(Buffer.concat(chunks));
    };
    connection.socket.write(frames);
  });
}
