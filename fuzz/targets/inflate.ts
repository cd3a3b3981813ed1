// DEFLATE: two kernels and zlib make the same of any bytes, within the limit, and what was deflated inflates to what it was.

import zlib from 'node:zlib';
import {
  InflateError,
  type ContextOptions,
  type DeflateEngine,
  type DeflateJob,
  type Deflator,
  type Inflator,
} from '../../src/deflate/engine.ts';
import { loadDeflateKernel } from '../../src/deflate/load.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import { createZlibEngine } from '../../src/deflate/zlib-engine.ts';
import { utf8 } from '../../test/support/frames.ts';
import { Finding, Input, must, mustEqual } from '../input.ts';

const engineOf = (allowsSimd: boolean): DeflateEngine => {
  const kernel = loadDeflateKernel(allowsSimd);
  return createWasmEngine(() => kernel);
};
const engines: readonly DeflateEngine[] = [engineOf(true), engineOf(false), createZlibEngine(zlib)];
/** More steps than any input here may take: a job that takes more has no end. */
const MOST_STEPS = 100_000;
/** Half as many again as the module has contexts of deflaters. */
const MOST_CONTEXTS = 12;
/** Makes a message of up to 200 KiB from a piece, so that its job takes several steps. */
const LONG_REPEATS = 3200;
const LIMITS = [0, 1, 100, 5000, 1 << 20] as const;

function finish(job: DeflateJob): Uint8Array {
  for (let step = 0; step < MOST_STEPS; step++) {
    const bytes = job.step();
    if (bytes !== null) return bytes;
  }
  throw new Finding('A job without an end');
}

type Outcome = { readonly bytes: Uint8Array } | { readonly reason: string };

function inflate(engine: DeflateEngine, windowBits: number, messages: readonly Uint8Array[], limit: number): Outcome[] {
  const inflator = engine.createInflator({ windowBits, noContextTakeover: false });
  const outcomes: Outcome[] = [];
  try {
    for (const message of messages) outcomes.push({ bytes: new Uint8Array(finish(inflator.inflate(message, limit))) });
  } catch (error) {
    if (!(error instanceof InflateError)) throw error;
    outcomes.push({ reason: error.isTooLong ? 'too long' : String(error.code) });
  } finally {
    inflator.close();
  }
  return outcomes;
}

/** zlib does not tell that a message has no end, and looks at the limit at another moment. */
function mayDiffer(one: Outcome, other: Outcome, limit: number): boolean {
  if ('reason' in one && one.reason === 'Z_BUF_ERROR' && 'bytes' in other) return true;
  return 'reason' in one && 'reason' in other && limit > 0;
}

function checkMalformed(input: Input): void {
  const windowBits = 8 + (input.byte() & 7);
  const limit = input.of(LIMITS);
  const first = input.length();
  const messages = [input.bytes(first), input.rest()];
  const [one, scalar, byZlib] = engines.map((engine) => inflate(engine, windowBits, messages, limit));
  mustEqual(scalar, one, 'Without SIMD, beside with it');
  // zlib accepts distances beyond a smaller window as long as it still has the bytes.
  if (windowBits < 15) return;
  one.forEach((outcome, index) => {
    if ('bytes' in outcome && limit > 0)
      must(outcome.bytes.length <= limit, () => `${outcome.bytes.length} bytes, over ${limit}`);
    const other = byZlib[index];
    // After one that zlib took otherwise, windows differ.
    if (other === undefined || one.slice(0, index + 1).some((each, at) => mayDiffer(each, byZlib[at], limit))) return;
    mustEqual(outcome, other, 'Ours, beside zlib');
  });
}

function checkRoundTrip(input: Input): void {
  const windowBits = 9 + (input.byte() % 7);
  const noContextTakeover = input.flag();
  const level = input.byte() % 10;
  const from = input.of(engines);
  const to = input.of(engines);
  const deflator = from.createDeflator({ windowBits, noContextTakeover, zlib: { level } });
  const inflator = to.createInflator({ windowBits, noContextTakeover });
  while (!input.isEmpty) {
    // A byte that is repeated stands for what compresses well.
    const repeats = 1 + (input.byte() & 31);
    const piece = input.bytes(input.length());
    const plain = new Uint8Array(piece.length * repeats);
    for (let index = 0; index < repeats; index++) plain.set(piece, index * piece.length);
    const message = new Uint8Array(finish(deflator.deflate(plain, true)));
    mustEqual(finish(inflator.inflate(message, plain.length)), plain, 'What was deflated');
  }
  deflator.close();
  inflator.close();
}

/** A connection's two directions, one of which each engine has made. */
interface Context {
  readonly options: ContextOptions;
  readonly deflator: Deflator;
  readonly inflator: Inflator;
  /** The message whose job has begun and is not done. */
  running: { readonly plain: Uint8Array; readonly job: DeflateJob; isFirst: boolean } | null;
}

function openContext(engine: DeflateEngine, settings: number): Context {
  const options = { windowBits: 9 + (settings % 7), noContextTakeover: settings >= 192, zlib: { level: settings % 10 } };
  return { options, deflator: engine.createDeflator(options), inflator: engines[2].createInflator(options), running: null };
}

/** Does one step of the running job. What it gives is inflated by zlib, in the order of the messages. */
function goOn(context: Context): void {
  const { running } = context;
  if (running === null) return;
  const { plain, job } = running;
  const bytes = job.step();
  if (bytes === null) {
    if (running.isFirst) job.detach?.((source, start, end) => source.slice(start, end));
    running.isFirst = false;
    return;
  }
  context.running = null;
  mustEqual(finish(context.inflator.inflate(new Uint8Array(bytes), plain.length)), plain, 'What was deflated in turns');
}

/** A message of a broadcast: another deflator compresses it behind this one's window, and gives the window back. */
function broadcast(engine: DeflateEngine, { options, deflator, inflator }: Context, plain: Uint8Array): void {
  const window = deflator.takeWindow();
  const before = window.slice();
  const other = engine.createDeflator(options);
  other.adoptWindow(window);
  const message = new Uint8Array(finish(other.deflate(plain, true)));
  deflator.adoptWindow(other.takeWindow());
  other.close();
  mustEqual(window, before, 'A shared window');
  mustEqual(finish(inflator.inflate(message, plain.length)), plain, 'What was broadcast');
}

/** More connections than the module has contexts take turns: between messages, in the middle of long ones, and with ends of some. */
function checkInTurns(input: Input): void {
  const engine = input.of([engines[0], engines[1]]);
  const contexts = Array.from({ length: 1 + (input.byte() % MOST_CONTEXTS) }, () => openContext(engine, input.byte()));
  while (!input.isEmpty) {
    const index = input.byte() % contexts.length;
    const context = contexts[index];
    const action = input.byte();
    if (action >= 250) {
      close(context);
      contexts[index] = openContext(engine, input.byte());
    } else if (context.running !== null) {
      goOn(context);
    } else {
      const piece = input.bytes(1 + (input.byte() & 63));
      const plain = new Uint8Array(piece.length * (action >= 240 ? LONG_REPEATS : 1 + (action & 31)));
      for (let at = 0; at < plain.length; at += piece.length) plain.set(piece, at);
      if ((action & 0xe0) === 0x20) {
        broadcast(engine, context, plain);
      } else {
        context.running = { plain, job: context.deflator.deflate(plain, true), isFirst: true };
        goOn(context);
      }
    }
  }
  for (const context of contexts) {
    while (context.running !== null) goOn(context);
    close(context);
  }
}

function close({ deflator, inflator }: Context): void {
  deflator.close();
  inflator.close();
}

const CHECKS = [checkMalformed, checkRoundTrip, checkInTurns] as const;

/** Input: which check, its settings, then bytes to inflate, pieces to deflate, or what connections do in turns. */
export function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  input.of(CHECKS)(input);
}

const { Z_SYNC_FLUSH } = zlib.constants;

function packed(text: string, options: zlib.ZlibOptions): Uint8Array {
  const bytes = zlib.deflateRawSync(text, { finishFlush: Z_SYNC_FLUSH, ...options });
  return Uint8Array.of(0, 7, 4, 192 + (bytes.length >> 8), bytes.length, ...bytes);
}

const JSON_TEXT = JSON.stringify(Array.from({ length: 12 }, (_, id) => ({ id, type: 'tick', price: 101.25 + id })));

/** Twelve connections, of which each sends four messages: short, in a broadcast, long; every fifth one ends before. */
const IN_TURNS = Uint8Array.of(
  2,
  0,
  11,
  ...Array.from({ length: 12 }, (_, index) => 5 + index * 20),
  ...Array.from({ length: 48 }, (_, turn) => {
    const message = utf8(`{"id":${turn % 12},"n":${turn}}`);
    return [
      turn % 12,
      ...(turn % 5 === 4 ? [255, turn, turn % 12] : []),
      [3, 0x21, 245, 7][turn % 4],
      message.length - 1,
      ...message,
    ];
  }).flat(),
);

export const seeds: readonly Uint8Array[] = [
  packed('Hello', {}),
  packed(JSON_TEXT, { level: 9 }),
  packed(JSON_TEXT, { strategy: zlib.constants.Z_FIXED }),
  packed(JSON_TEXT, { level: 0 }),
  packed(JSON_TEXT, { finishFlush: zlib.constants.Z_FINISH }),
  packed('a'.repeat(5000), { windowBits: 9 }),
  Uint8Array.of(0, 7, 0, 0, ...new Array<number>(30).fill(0x03)),
  Uint8Array.of(1, 3, 0, 5, 0, 1, 3, 200, ...utf8(JSON_TEXT)),
  Uint8Array.of(1, 6, 1, 9, 2, 0, 31, 20, ...utf8('repeated, repeated, ')),
  IN_TURNS,
];
