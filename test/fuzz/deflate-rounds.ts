// One round of the long comparison with zlib: a few messages that a seed stands for, through both engines in both directions, in
// pieces, in turns with other contexts and beside jobs that are given up.

import zlib from 'node:zlib';
import {
  INFLATE_HISTORY,
  INFLATE_IN,
  INFLATE_INPUT,
  INFLATE_INPUT_END,
  INFLATE_NEEDS_INPUT,
  INFLATE_OUT,
  INFLATE_OUTPUT,
  INFLATE_OUTPUT_END,
  INFLATE_OUTPUT_FULL,
  WINDOW_BYTES,
} from '../../assembly/deflate/layout.ts';
import { InflateError, type DeflateEngine, type Deflator, type Inflator } from '../../src/deflate/engine.ts';
import { loadDeflateKernel } from '../../src/deflate/load.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import { createZlibEngine } from '../../src/deflate/zlib-engine.ts';
import { finish } from '../unit/deflate/zlib-oracle.ts';

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const { Z_SYNC_FLUSH } = zlib.constants;
const kernels = [loadDeflateKernel(true), loadDeflateKernel(false)];
const [simd, scalar] = kernels.map((kernel) => createWasmEngine(() => kernel));
/** Driven alike, so that their bytes are alike: tokens depend a little on where in the module's memory the window lies. */
const twins = [loadDeflateKernel(true), loadDeflateKernel(false)].map((kernel) => createWasmEngine(() => kernel));
const handKernel = loadDeflateKernel(true);
const byZlib = createZlibEngine(zlib);

/** Numbers that a seed stands for. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
    for (let warm = 0; warm < 4; warm++) this.below(2);
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return Math.floor((this.#state / 0x100000000) * limit);
  }

  of<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)];
  }

  /** Mostly short, now and then long. */
  length(): number {
    const rare = this.below(1000);
    return this.below(rare === 0 ? 300_000 : rare < 5 ? 40_000 : rare < 100 ? 3000 : 200);
  }
}

const WORDS = [
  '"type":"tick",',
  '"price":',
  '"size":',
  '{"id":',
  '},',
  'the ',
  'and ',
  'hello ',
  '\u{1f600}',
  'null',
  'true,',
  ' of',
];

/** Parts of many kinds: bytes at random, few letters, words, runs, periods, rare symbols, and what was said before. */
function makeMessage(dice: Dice, said: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let left = 1 + dice.below(3); left > 0; left--) {
    const length = dice.length();
    const bytes = Buffer.alloc(length);
    switch (dice.below(7)) {
      case 0:
        for (let at = 0; at < length; at++) bytes[at] = dice.below(256);
        break;
      case 1: {
        const letters = 1 + dice.below(20);
        for (let at = 0; at < length; at++) bytes[at] = 97 + dice.below(letters);
        break;
      }
      case 2:
        for (let at = 0; at < length;)
          at += bytes.write(dice.of(WORDS) + (dice.below(3) === 0 ? dice.below(1000) : ''), at) || length;
        break;
      case 3:
        bytes.fill(dice.below(256));
        break;
      case 4: {
        const period = 1 + dice.below(dice.of([4, 20, 300, 5000]));
        for (let at = 0; at < length; at++) bytes[at] = at < period ? dice.below(256) : bytes[at - period];
        break;
      }
      case 5:
        // Each symbol half as often as the one before: codes of all lengths.
        for (let at = 0; at < length; at++) bytes[at] = Math.clz32(dice.below(0x40000000) + 1) * 7;
        break;
      default: {
        const back = dice.below(said.length + 1);
        said.copy(bytes, 0, said.length - back);
      }
    }
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** Cuts bytes into pieces, the last of which ends the message. */
function* cut(dice: Dice, bytes: Uint8Array): Generator<[Uint8Array, boolean]> {
  const most = dice.of([Infinity, Infinity, Infinity, Infinity, bytes.length, 100, 3, 1]);
  let at = 0;
  for (let pieces = 0; ; pieces++) {
    const end = pieces > 30 ? bytes.length : Math.min(bytes.length, at + 1 + dice.below(Math.min(most, bytes.length + 1)));
    yield [bytes.subarray(at, most === Infinity ? bytes.length : end), most === Infinity || end === bytes.length];
    if (most === Infinity || end === bytes.length) return;
    at = end;
  }
}

function same(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (!Buffer.from(actual.buffer, actual.byteOffset, actual.length).equals(expected)) {
    throw new Error(`${what}: ${actual.length} bytes that are not the ${expected.length} expected`);
  }
}

/** Contexts that live on through all rounds, and take the module in between. */
const others = [8, 11, 13, 15].map((windowBits, index) => {
  const engine = index % 2 === 0 ? simd : scalar;
  return {
    engine,
    deflator: engine.createDeflator({ windowBits, noContextTakeover: false, zlib: { level: windowBits - 6 } }),
    inflator: engine.createInflator({ windowBits, noContextTakeover: false }),
  };
});

/** Lets another context in, now and then with a job that is given up. */
function disturb(dice: Dice): void {
  if (dice.below(4) > 0) return;
  const { engine, deflator, inflator } = dice.of(others);
  const plain = Buffer.from(`${dice.of(WORDS)}${dice.below(100)}`.repeat(dice.below(10)));
  same(finish(inflator.inflate(finish(deflator.deflate(plain, true)), plain.length)), plain, 'another context');
  if (dice.below(200) > 0) return;
  const context = { windowBits: 15, noContextTakeover: false };
  const long = Buffer.alloc(200_000, plain.length > 0 ? plain : '.');
  engine.createDeflator(context).deflate(long, true).step();
  engine
    .createInflator(context)
    .inflate(zlib.deflateRawSync(Buffer.alloc(1_500_000)), 0)
    .step();
}

function deflateInPieces(dice: Dice, deflator: Deflator, pieces: readonly [Uint8Array, boolean][]): Buffer {
  const wire: Uint8Array[] = [];
  for (const [piece, isFinal] of pieces) {
    const job = deflator.deflate(piece, isFinal);
    for (let bytes = job.step(); ; bytes = job.step()) {
      if (bytes !== null) {
        wire.push(new Uint8Array(bytes));
        break;
      }
      disturb(dice);
    }
    disturb(dice);
  }
  return Buffer.concat(wire);
}

function inflateInPieces(dice: Dice, inflator: Inflator, wire: Uint8Array, length: number): Buffer {
  const plain: Uint8Array[] = [];
  for (const [piece, isFinal] of cut(dice, wire)) {
    plain.push(finish(inflator.inflate(piece, length, isFinal)));
    disturb(dice);
  }
  return Buffer.concat(plain);
}

/** Calls the module itself, with input and output that end anywhere. */
function inflateByHand(dice: Dice, wire: Uint8Array, windowBits: number): Buffer {
  const { state, memory, exports } = handKernel;
  const [mostInput, mostOutput] = [dice.of([1, 9, 200]), dice.of([1, 50, 700])];
  const plain: Uint8Array[] = [];
  state.fill(0);
  state[INFLATE_HISTORY] = state[INFLATE_OUTPUT] = INFLATE_OUT;
  state[INFLATE_INPUT] = state[INFLATE_INPUT_END] = INFLATE_IN;
  for (let at = 0; ;) {
    const from = state[INFLATE_OUTPUT];
    state[INFLATE_OUTPUT_END] = from + 1 + dice.below(mostOutput);
    const result = exports.inflate(2 ** windowBits);
    plain.push(memory.slice(from, state[INFLATE_OUTPUT]));
    if (result !== INFLATE_NEEDS_INPUT && result !== INFLATE_OUTPUT_FULL) throw new Error(`by hand: ${result}`);
    if (state[INFLATE_OUTPUT] > INFLATE_OUT + 4 * WINDOW_BYTES) {
      const history = state[INFLATE_OUTPUT] - WINDOW_BYTES;
      memory.copyWithin(INFLATE_OUT, history, state[INFLATE_OUTPUT]);
      state[INFLATE_OUTPUT] = INFLATE_OUT + WINDOW_BYTES;
    }
    const isFull = result === INFLATE_OUTPUT_FULL;
    if (isFull && dice.below(2) === 0) continue;
    // What comes next may lie elsewhere then.
    at -= state[INFLATE_INPUT_END] - state[INFLATE_INPUT];
    memory.fill(0xff, INFLATE_IN - 16, INFLATE_IN);
    if (at === wire.length && !isFull) return Buffer.concat(plain);
    const piece = wire.subarray(at, at + 1 + dice.below(mostInput));
    memory.set(piece, INFLATE_IN);
    state[INFLATE_INPUT] = INFLATE_IN;
    state[INFLATE_INPUT_END] = INFLATE_IN + piece.length;
    at += piece.length;
  }
}

/** @returns The bytes, or the message of the error. */
function outcome(engine: DeflateEngine, wire: Uint8Array): Buffer | string {
  const inflator = engine.createInflator({ windowBits: 15, noContextTakeover: false });
  try {
    return Buffer.from(finish(inflator.inflate(wire, 2_000_000)));
  } catch (error) {
    if (!(error instanceof InflateError)) throw error;
    return error.message;
  } finally {
    inflator.close();
  }
}

/** A stream that is damaged ends in the same words as zlib's, or gives the same bytes. */
function damage(dice: Dice, wire: Uint8Array): void {
  const bytes = Buffer.from(wire);
  for (let left = 1 + dice.below(3); left > 0 && bytes.length > 0; left--) {
    bytes[dice.below(Math.min(bytes.length, dice.of([8, 100, 1e9])))] ^= 1 << dice.below(8);
  }
  const own = outcome(simd, bytes);
  const oracle = outcome(byZlib, bytes);
  // zlib does not tell that a message has no end, and looks for what is too long at other moments than for what is malformed.
  if (own === 'unexpected end of file' && typeof oracle !== 'string') return;
  if (typeof own === 'string' && typeof oracle === 'string') {
    if (own === oracle || [own, oracle].includes('Max payload size exceeded')) return;
    throw new Error(`damaged: "${own}", and zlib's "${oracle}": ${bytes.toString('hex').slice(0, 2000)}`);
  }
  if (typeof own === 'string' || typeof oracle === 'string') {
    throw new Error(
      `damaged: ${String(own).slice(0, 50)}, and zlib ${String(oracle).slice(0, 50)}: ${bytes.toString('hex').slice(0, 2000)}`,
    );
  }
  same(own, oracle, 'damaged');
}

/** @returns How many messages it has sent, in either direction. */
export function runRound(seed: number): number {
  const dice = new Dice(seed);
  const windowBits = 8 + dice.below(8);
  const noContextTakeover = dice.below(4) === 0;
  const level = dice.below(11) - 1;
  const context = { windowBits, noContextTakeover, zlib: { level } };
  const deflator = dice.of([simd, scalar]).createDeflator(context);
  const pair = twins.map((engine) => engine.createDeflator(context));
  const inflator = dice.of([simd, scalar]).createInflator(context);
  const fromZlib = dice.of([simd, scalar]).createInflator(context);
  const window = 2 ** windowBits;
  let said: Buffer = Buffer.alloc(0);
  let stream: Buffer = Buffer.alloc(0);
  const count = 1 + dice.below(4);
  for (let index = 0; index < count; index++) {
    const plain = makeMessage(dice, said);
    const pieces = [...cut(dice, plain)];
    const wire = deflateInPieces(dice, deflator, pieces);
    for (const [piece, isFinal] of pieces) {
      const [withSimd, without] = pair.map((twin) => finish(twin.deflate(piece, isFinal)));
      same(without, withSimd, 'the build without SIMD');
    }
    same(inflateInPieces(dice, inflator, wire, plain.length), plain, 'inflated by ours');
    const before = noContextTakeover ? Buffer.alloc(0) : said;
    stream = Buffer.concat([...(noContextTakeover ? [] : [stream]), wire, TAIL]);
    const all = zlib.inflateRawSync(stream, { finishFlush: Z_SYNC_FLUSH });
    same(all, noContextTakeover ? plain : Buffer.concat([said, plain]), 'inflated by zlib');
    // The other way. With 8 bits zlib uses 9, of which it leaves 262 bytes alone.
    const dictionary = before.subarray(Math.max(0, before.length - window));
    const packed = zlib.deflateRawSync(plain, {
      level: dice.below(10),
      memLevel: 1 + dice.below(9),
      strategy: dice.below(5),
      windowBits: Math.max(9, windowBits),
      finishFlush: Z_SYNC_FLUSH,
      ...(dictionary.length > 0 ? { dictionary } : {}),
    });
    const body = packed.subarray(0, -4);
    same(inflateInPieces(dice, fromZlib, body, plain.length), plain, "zlib's, inflated by ours");
    if (stream.length < 20_000 && dice.below(4) === 0) same(inflateByHand(dice, stream, windowBits), all, 'inflated by hand');
    if (before.length === 0) damage(dice, dice.of([body, wire]));
    said = noContextTakeover ? plain : Buffer.concat([said, plain]);
  }
  for (const each of [deflator, ...pair, inflator, fromZlib]) each.close();
  return 2 * count;
}
