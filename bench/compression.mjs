// Compression alone, on the traffic of corpora.mjs: bytes on the wire, microseconds and memory for each size of window, and our
// engine beside zlib's synchronous handle. Prints tables in Markdown: `node bench/compression.mjs [--rounds=20]`. Needs a build.
//
// A time is the least of all rounds, in which both take turns, because another process may take the core in any of them.

import { parseArgs } from 'node:util';
import zlib from 'node:zlib';

import { makeCorpora } from './corpora.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, level: { type: 'string', default: '5' } },
});
const ROUNDS = Number(values.rounds);
const LEVEL = Number(values.level);
/** Connections that take turns, so that the window of each is put in place before each message. */
const CONNECTIONS = 8;
const TAIL_BYTES = 4;
const corpora = makeCorpora();

const at = (/** @type {string} */ file) => import(new URL(`../dist/src/deflate/${file}`, import.meta.url).href);
const [{ createWasmEngine }, { loadDeflateKernel }] = await Promise.all([at('wasm-engine.js'), at('load.js')]);
const kernel = loadDeflateKernel();
const engine = createWasmEngine(() => kernel);

/** @param {{ step(): Uint8Array | null }} job @returns {Uint8Array} */
function finish(job) {
  for (;;) {
    const bytes = job.step();
    if (bytes !== null) return bytes;
  }
}

/** The least time of each function over all rounds, in microseconds. @param {(() => void)[]} functions */
function measure(functions) {
  const least = functions.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    functions.forEach((run, index) => {
      const started = performance.now();
      run();
      least[index] = Math.min(least[index], (performance.now() - started) * 1000);
    });
  }
  return least;
}

/** Bytes of an unmasked frame. @param {number} length */
const frame = (length) => length + (length < 126 ? 2 : length < 65536 ? 4 : 10);
/** @param {readonly string[]} cells */
const row = (cells) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
const kinds = Object.keys(corpora);

/** @param {number} windowBits @param {boolean} noContextTakeover */
function measureWindow(windowBits, noContextTakeover) {
  const options = { windowBits, noContextTakeover, zlib: { level: LEVEL } };
  const sizes = kinds.map((kind) => {
    const deflator = engine.createDeflator(options);
    return (
      corpora[kind].reduce((sum, message) => sum + frame(finish(deflator.deflate(message, true)).length), 0) /
      corpora[kind].length
    );
  });
  const messages = kinds.flatMap((kind) => corpora[kind].slice(0, 20));
  const packer = engine.createDeflator(options);
  const packed = messages.map((message) => finish(packer.deflate(message, true)).slice());
  const deflators = Array.from({ length: CONNECTIONS }, () => engine.createDeflator(options));
  const [deflating, inflating] = measure([
    () => messages.forEach((message) => deflators.forEach((each) => finish(each.deflate(message, true)))),
    () => {
      const inflators = Array.from({ length: CONNECTIONS }, () => engine.createInflator(options));
      for (const bytes of packed) for (const each of inflators) finish(each.inflate(bytes, 0, true));
    },
  ]);
  const count = messages.length * CONNECTIONS;
  const held = noContextTakeover ? 0 : (2 * 2 ** windowBits) / 1024;
  row([
    `${windowBits}, ${noContextTakeover ? 'without' : 'with'}`,
    ...sizes.map((size) => size.toFixed(0)),
    (deflating / count).toFixed(1),
    (inflating / count).toFixed(1),
    String(held),
  ]);
}

/** zlib's own function behind its streams. @param {'createDeflateRaw' | 'createInflateRaw'} create @param {object} options */
function handleOf(create, options) {
  const stream = /** @type {any} */ (zlib[create](options));
  const output = Buffer.alloc(400_000);
  return {
    reset: () => stream._handle.reset(),
    /** @param {Uint8Array} data */
    run: (data) => {
      stream._handle.writeSync(zlib.constants.Z_SYNC_FLUSH, data, 0, data.length, output, 0, output.length);
      return output.subarray(0, output.length - stream._writeState[0]);
    },
  };
}

/** @param {string} name @param {readonly Buffer[]} messages @param {number} level @param {number} windowBits @param {boolean} noContextTakeover */
function beside(name, messages, level, windowBits, noContextTakeover) {
  const options = { windowBits, noContextTakeover, zlib: { level } };
  const [own, oracle] = [engine.createDeflator(options), handleOf('createDeflateRaw', { level, windowBits })];
  const fresh = () => noContextTakeover && oracle.reset();
  let [ours, theirs] = [0, 0];
  /** @type {Buffer[]} */
  const packed = [];
  for (const message of messages) {
    fresh();
    packed.push(Buffer.from(oracle.run(message)));
    theirs += packed[packed.length - 1].length - TAIL_BYTES;
    ours += finish(own.deflate(message, true)).length;
  }
  const inflate = handleOf('createInflateRaw', { windowBits: 15 });
  const bare = packed.map((bytes) => bytes.subarray(0, -TAIL_BYTES));
  const times = measure([
    () => messages.forEach((message) => [fresh(), oracle.run(message)]),
    () => messages.forEach((message) => finish(own.deflate(message, true))),
    () => {
      inflate.reset();
      for (const bytes of packed) {
        if (noContextTakeover) inflate.reset();
        inflate.run(bytes);
      }
    },
    () => {
      const inflator = engine.createInflator(options);
      for (const bytes of bare) finish(inflator.inflate(bytes, 0, true));
    },
  ]).map((time) => time / messages.length);
  row([
    name,
    String(level),
    String(windowBits),
    (ours / theirs).toFixed(3),
    `${times[1].toFixed(1)} (${times[0].toFixed(1)})`,
    `${(times[0] / times[1]).toFixed(2)}×`,
    `${times[3].toFixed(2)} (${times[2].toFixed(2)})`,
    `${(times[2] / times[3]).toFixed(2)}×`,
  ]);
}

row(['window bits, context takeover', ...kinds.map((kind) => `${kind}, B`), 'deflate, µs', 'inflate, µs', 'KB a connection']);
row(['-', ...kinds.map(() => '-'), '-', '-', '-']);
row([
  'uncompressed',
  ...kinds.map((kind) => (corpora[kind].reduce((sum, { length }) => sum + frame(length), 0) / corpora[kind].length).toFixed(0)),
  '',
  '',
  '0',
]);
for (const noContextTakeover of [false, true]) for (let bits = 9; bits <= 15; bits++) measureWindow(bits, noContextTakeover);
process.stdout.write('\n');
row(['traffic', 'level', 'window bits', 'bytes to zlib', 'deflate, µs (zlib)', 'to zlib', 'inflate, µs (zlib)', 'to zlib']);
row(Array.from({ length: 8 }, () => '-'));
const events = corpora['JSON events'];
const long = [Buffer.concat(events).subarray(0, 65536)];
for (const level of [5, 6]) {
  for (const bits of [12, 15]) beside('1 KiB JSON, context kept', events.slice(0, 100), level, bits, false);
  beside('64 KiB JSON', long, level, 15, true);
}
