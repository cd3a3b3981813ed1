// Messages of the soak. A seed decides each of them, so a receiver knows length, type and every byte of the message that has to come next.

const POOL_LENGTH = 1 << 20;
/** Longest text, and longest binary message: 2 MiB. */
const LONGEST = POOL_LENGTH;
const LONGEST_BINARY = 2 * POOL_LENGTH;
/** From this length on a message begins with its number, so that a failure can name it. */
const NUMBERED_FROM = 16;
/** First characters of each broadcast. No other message begins with them. */
const BROADCAST = 'broadcast ';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Numbers from 0 to 1 that a seed decides (mulberry32). @param {number} seed @returns {() => number} */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number for any values (FNV-1a over their text). @param {...(string | number)} values @returns {number} */
export function hash(...values) {
  let result = 0x811c9dc5;
  for (const byte of encoder.encode(values.join('/'))) result = Math.imul(result ^ byte, 0x01000193);
  return result >>> 0;
}

/** Text as programs send it, with characters of one to three bytes of UTF-8. None is a surrogate, so it can be cut anywhere. */
function makeTextPool() {
  const random = randomOf(1);
  const words = ['{"price":', '"name":', 'true,', 'żółw', '日本語', ' ', ',', '},{', 'user-', 'éé'];
  const parts = [];
  for (let length = 0; length < POOL_LENGTH; length += parts.at(-1).length) {
    parts.push(random() < 0.3 ? String(Math.floor(random() * 1e6)) : words[Math.floor(random() * words.length)]);
  }
  return parts.join('').slice(0, POOL_LENGTH);
}

/** Bytes that do not compress, then bytes that do. */
function makeBinaryPool() {
  const random = randomOf(2);
  const pool = Buffer.alloc(LONGEST_BINARY);
  for (let at = 0; at < POOL_LENGTH; at++) pool[at] = random() * 256;
  for (let at = POOL_LENGTH; at < LONGEST_BINARY; at++) pool[at] = (at % 251) ^ (at >> 12);
  return pool;
}

const TEXT = makeTextPool();
const BINARY = makeBinaryPool();

/** Draws a length: mostly short, a few of some MiB. @param {() => number} random @param {number} longest */
function drawLength(random, longest) {
  const kind = random();
  const [least, most] =
    kind < 0.03
      ? [0, 0]
      : kind < 0.5
        ? [1, 125]
        : kind < 0.9
          ? [126, 4096]
          : kind < 0.995
            ? [4097, 65_535]
            : kind < 0.9995
              ? [65_536, 400_000]
              : [400_001, longest];
  return least + Math.floor(random() * (most - least + 1));
}

/**
 * Message `number` of a stream of messages.
 *
 * @param {number} stream What {@link hash} makes of the seed and the name of the stream.
 * @param {number} number Counts from 0.
 * @param {string} [start] First characters, instead of the message's number.
 * @returns {string | Buffer}
 */
export function messageOf(stream, number, start) {
  const random = randomOf(stream + Math.imul(number, 0x9e3779b1));
  const isText = random() < 0.5;
  const length = drawLength(random, isText ? LONGEST : LONGEST_BINARY);
  const prefix = start ?? (length < NUMBERED_FROM ? '' : `#${number} `);
  const rest = Math.max(0, length - prefix.length);
  if (isText) {
    const offset = Math.floor(random() * (LONGEST - rest));
    return prefix + TEXT.slice(offset, offset + rest);
  }
  const offset = Math.floor(random() * (LONGEST_BINARY - rest));
  const bytes = BINARY.subarray(offset, offset + rest);
  return prefix === '' ? bytes : Buffer.concat([Buffer.from(prefix), bytes]);
}

/** A broadcast. @param {number} seed @param {number} number @returns {string | Buffer} */
export function broadcastOf(seed, number) {
  return messageOf(hash(seed, 'broadcasts'), number, `${BROADCAST}${number} `);
}

/** The number of a broadcast, or -1 for another message. @param {string | Buffer} message @returns {number} */
export function broadcastNumber(message) {
  const start = startOf(message);
  return start.startsWith(BROADCAST) ? Number.parseInt(start.slice(BROADCAST.length), 10) : -1;
}

/** @param {string | Buffer} message */
function startOf(message) {
  return typeof message === 'string' ? message.slice(0, 24) : decoder.decode(message.subarray(0, 24));
}

/** Whether both have the same type and bytes. @param {string | Buffer} one @param {string | Buffer} other */
export function areEqual(one, other) {
  if (typeof one === 'string' || typeof other === 'string') return one === other;
  return one.equals(other);
}

/** A message, for a failure. @param {string | Buffer} message */
export function describe(message) {
  const kind = typeof message === 'string' ? 'characters of text' : 'bytes';
  return `${message.length} ${kind} (hash ${hash(typeof message === 'string' ? message : message.toString('latin1'))}, begins ${JSON.stringify(startOf(message))})`;
}
