// Whole connections in both roles, over two kernels: a program of deliveries, cuts, stalls, resets, timers and calls. Both kernels must
// hear and write the same, and every end is a documented one.

import { OUTPUT_SLOTS } from '../../assembly/layout.ts';
import type { PeerError } from '../../src/base/errors.ts';
import { loadDeflateKernel } from '../../src/deflate/load.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import type { Role } from '../../src/platform.ts';
import type { ConnectionOptions } from '../../src/protocol/settings.ts';
import { wholeFrames } from '../../test/support/parse-frames.ts';
import { concat, frame, utf8 } from '../../test/support/frames.ts';
import { KERNELS } from '../../test/support/kernels.ts';
import { createEnd, type PipeEnd, type SessionEvent } from '../../test/support/memory-pipe.ts';
import { ManualPlatform } from '../../test/support/platform.ts';
import { Input, must, mustEqual } from '../input.ts';

const platforms = KERNELS.filter(({ name }) => name !== 'wasm-scalar').map(({ create }) => new ManualPlatform(create()));
const deflateKernel = loadDeflateKernel(true);
const engine = createWasmEngine(() => deflateKernel);
/** Fills what was sent. No message of a program has this byte. */
const OVERWRITTEN = 0xee;
/** Most steps of one program. */
const STEPS = 64;
const CODES = [1000, 1002, 1003, 1007, 1008, 1009, 1011] as const;
/** Thrown by listeners of some programs. It must come out as an uncaught exception, and do no other harm. */
const OWN = new Error('Of a listener');

interface Plan {
  readonly options: ConnectionOptions;
  /** Whether the transport takes payloads without a copy. */
  readonly takesBorrowed: boolean;
  readonly reaction: (typeof REACTIONS)[number];
  readonly stream: Uint8Array;
}

function optionsOf(input: Input): Pick<Plan, 'options' | 'takesBorrowed'> {
  const role: Role = input.flag() ? 'server' : 'client';
  const bits = input.byte();
  const agreement = {
    serverNoContextTakeover: (bits & 4) !== 0,
    clientNoContextTakeover: (bits & 8) !== 0,
    serverMaxWindowBits: 12,
    clientMaxWindowBits: 15,
  };
  const options: ConnectionOptions = {
    role,
    maxPayload: input.of([100, 5000, 1 << 20]),
    maxFragments: input.of([0, 0, 2]),
    maxBufferedChunks: input.of([0, 0, 0, 3]),
    maxBufferedAmount: input.of([0, 1 << 20, 64]),
    bufferPolicy: input.of(['close', 'drop', 'throw']),
    autoPong: (bits & 16) === 0,
    ...((bits & 2) !== 0 && { borrowMessages: (bits & 128) === 0 || 'checked' }),
    ...((bits & 32) !== 0 && { heartbeat: { interval: 1000, timeout: 1000 } }),
    ...((bits & 1) !== 0 && { compression: { engine, agreement, threshold: 16 } }),
  };
  return { options, takesBorrowed: (bits & 64) !== 0 };
}

/** What a listener does, besides listening. */
const REACTIONS = ['none', 'none', 'echo', 'return', 'close', 'terminate', 'throw', 'pause', 'ping'] as const;

class Run {
  readonly platform: ManualPlatform;
  readonly end: PipeEnd;
  readonly #stream: Input;
  readonly #reaction: (typeof REACTIONS)[number];
  #sent = 0;
  #answered = 0;

  constructor(platform: ManualPlatform, { options, takesBorrowed, reaction, stream }: Plan) {
    this.platform = platform;
    platform.uncaught.length = platform.allocations.length = platform.keys.length = 0;
    this.end = createEnd(platform, options, takesBorrowed);
    this.#stream = new Input(stream);
    this.#reaction = reaction;
    this.end.sink.onEvent = (event) => this.#react(event);
    if (reaction === 'return') this.end.sink.onSource = (source, isBinary) => this.#return(source, isBinary);
  }

  #react([kind, value]: SessionEvent): void {
    const { session } = this.end;
    if (kind === 'end' || kind === 'closing') return;
    switch (this.#reaction) {
      case 'echo':
        if (kind === 'text') this.#send(value);
        else if (kind === 'binary') this.#send(value.map((byte) => byte & 0x7f));
        break;
      case 'close':
        session.close(1000, utf8('bye'));
        break;
      case 'terminate':
        session.terminate();
        break;
      case 'throw':
        throw OWN;
      case 'pause':
        session.pause();
        break;
      case 'ping':
        this.#offer((callback) => session.ping(utf8('?'), callback));
        break;
      default:
    }
  }

  /** Sends a message from where the listener got it, which may be borrowed memory. It must not change before the listener returns. */
  #return(source: Uint8Array, isBinary: boolean): void {
    const before = source.slice();
    this.#offer((callback) => this.end.session.sendBytes(source, !isBinary, undefined, callback));
    mustEqual(source, before, 'A message changed under its listener');
  }

  /** Counts the callback of `send`. With `bufferPolicy: 'throw'` it may be refused, and has none then. */
  #offer(send: (callback: () => void) => void): void {
    this.#sent++;
    try {
      send(() => void this.#answered++);
    } catch (error) {
      if ((error as { code?: string }).code !== 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT') throw error;
      this.#sent--;
    }
  }

  #send(data: string | Uint8Array): void {
    const { session } = this.end;
    this.#offer((callback) => {
      if (typeof data === 'string') session.sendText(data, undefined, callback);
      else session.sendBytes(data, false, undefined, callback);
    });
    // The program's again: what it holds from now on must not reach the peer.
    if (typeof data !== 'string') data.fill(OVERWRITTEN);
  }

  step(code: number, size: number): void {
    const { end, platform } = this;
    const { session, transport } = end;
    switch (code) {
      case 0:
        return session.start();
      case 1:
        return transport.fail(new Error('reset'));
      case 2:
        return transport.receiveEnd();
      case 3:
        return this.#send('text ż'.repeat(size & 15));
      case 4:
        return this.#send(new Uint8Array(size * 8).fill(size & 0x7f));
      case 5:
        return this.#offer((callback) => session.ping(new Uint8Array(size & 63), callback));
      case 6:
        return session.close(CODES[size % CODES.length], utf8('reason'));
      case 7:
        return session.pause();
      case 8:
        session.resume();
        return void transport.deliver();
      case 9:
        transport.isHeld = !transport.isHeld;
        return;
      case 10:
        return void transport.release();
      case 11:
        return platform.advance(size * 10);
      case 12:
        return void platform.runDeferred();
      default: {
        const chunk = this.#stream.bytes(size);
        transport.isDirect = code === 13;
        if (chunk.length > 0) transport.receive(chunk);
      }
    }
  }

  /** A step as the transport or the program would make it: an exception of a listener is uncaught there. */
  run(code: number, size: number): void {
    this.platform.attempt(() => this.step(code, size));
  }

  /** Delivers what is left, ends TCP, and lets all happen that can. */
  finish(): void {
    const { platform, end } = this;
    const { session, transport } = end;
    this.run(0, 0);
    this.run(8, 0);
    this.run(14, 0x10000);
    transport.isHeld = false;
    this.#settle();
    this.run(1, 0);
    this.#settle();
    this.platform.attempt(() => session.terminate());
    this.#settle();
    must(platform.timers.length === 0, () => `${platform.timers.length} timers are left`);
    must(platform.codec.freeSlots === OUTPUT_SLOTS, () => `${OUTPUT_SLOTS - platform.codec.freeSlots} output slots are left`);
    must(!platform.codec.isDelivering, 'The input arena is still in use');
    must(session.bufferedAmount === 0, () => `bufferedAmount is ${session.bufferedAmount} at the end`);
    mustEqual(this.#answered, this.#sent, 'Callbacks that were called, of those that were given');
    for (const error of platform.uncaught) if (error !== OWN) throw error;
  }

  #settle(): void {
    const { platform, end } = this;
    let isBusy = true;
    while (isBusy) {
      this.platform.attempt(() => {
        while (end.transport.release());
      });
      isBusy = platform.runDeferred() || platform.runTurn();
    }
  }
}

function checkEvents({ end }: Run): void {
  const kinds = end.sink.events.map(([kind]) => kind);
  must(kinds.at(-1) === 'end', () => `The last event is ${kinds.at(-1)}`);
  must(end.sink.of('end').length === 1, 'It ended twice');
  must(end.sink.of('closing').length === 1, () => `${end.sink.of('closing').length} times closing`);
  const failure = end.sink.events.findIndex(
    ([kind, error]) => kind === 'error' && (error as Partial<PeerError>).closeCode !== undefined,
  );
  const later = kinds.slice(failure + 1);
  if (failure !== -1) {
    must(
      !later.some((kind) => ['text', 'binary', 'ping', 'pong', 'error'].includes(kind)),
      () => `After a violation: ${later.join()}`,
    );
  }
  const [[, code]] = end.sink.of('end');
  must(code >= 1000 && code < 5000, () => `Close code ${code}`);
}

/** What was written are frames of our role, the Close frame once, and nothing but Pongs behind it. */
function checkOutput({ end }: Run, { role, compression }: ConnectionOptions): void {
  let closes = 0;
  for (const { first, masked, payload } of wholeFrames(end.transport.bytes)) {
    const opcode = first & 0x0f;
    must(masked === (role === 'client'), 'A frame has the wrong mask');
    must([0, 1, 2, 8, 9, 10].includes(opcode), () => `Opcode ${opcode}`);
    must((first & 0x30) === 0 && ((first & 0x40) === 0 || compression !== undefined), () => `First byte ${first}`);
    must(opcode < 8 || ((first & 0xc0) === 0x80 && payload.length < 126), 'A malformed control frame');
    if (first === 0x82) must(!payload.includes(OVERWRITTEN), 'A message changed after it was sent');
    must(closes === 0 || opcode === 10, () => `Opcode ${opcode} behind the Close frame`);
    if (opcode === 8) closes++;
  }
}

/** What was heard and written, to compare. */
function recordOf({ end }: Run): unknown[] {
  const events = end.sink.events.map((event) => event.map((value) => (value instanceof Error ? value.message : value)));
  return [events, wholeFrames(end.transport.bytes).map(({ first, payload }) => [first, payload])];
}

/** Input: options, reaction, a program of steps, then the peer's bytes. */
export function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const settings = optionsOf(input);
  const { options } = settings;
  const reaction = input.of(REACTIONS);
  const program = [...input.bytes(input.byte() % STEPS)];
  const plan: Plan = { ...settings, reaction, stream: input.rest() };
  const runs = platforms.map((platform) => {
    const run = new Run(platform, plan);
    for (const code of program) run.run(code & 15, code >> 4 === 15 ? 0x4000 : (code >> 4) * 7 + 1);
    run.finish();
    checkEvents(run);
    checkOutput(run, options);
    return run;
  });
  // How far a slice of DEFLATE gets depends on what the module did before, so it may end before or after the next step of the program.
  if (options.compression === undefined) mustEqual(recordOf(runs[0]), recordOf(runs[1]), 'wasm-simd, beside typescript');
}

const KEY = new Uint8Array([0x37, 0xfa, 0x21, 0x3d]);
/** Start, a chunk, end of the turn, a write that is held, a chunk, release, time. */
const PROGRAM = [0, 0x5f, 12, 9, 0x3d, 3, 12, 10, 0xff, 11];

function seed(role: Role, bits: number, reaction: number, program: readonly number[], ...frames: Uint8Array[]): Uint8Array {
  const head = [role === 'server' ? 1 : 0, bits, 1, 0, 0, bits & 2, 0, reaction, program.length, ...program];
  return concat(Uint8Array.from(head), ...frames);
}

const masked = (options: Parameters<typeof frame>[0]): Uint8Array => frame({ ...options, key: KEY });

export const seeds: readonly Uint8Array[] = [
  // Was a finding: a listener of an 'error' for too much waiting output that sends again.
  seed('client', 2, 7, [1, 13 | 0x30, 4 | 0x30, 9, 1, 4 | 0x80, 10 | 0xf0]),
  seed('server', 0, 2, PROGRAM, masked({ payload: 'Hello' }), masked({ opcode: 9, payload: 'p' }), masked({ opcode: 8 })),
  seed('server', 64, 2, [0, 9, 0xf4, 12, 0xf4, 10, 0xf4, 0x5f, 12, 10], masked({ opcode: 2, payload: 'x'.repeat(60) })),
  seed('client', 0, 2, PROGRAM, frame({ payload: 'Hello' }), frame({ opcode: 2, payload: 'x'.repeat(300) })),
  seed('server', 1, 2, PROGRAM, masked({ rsv1: true, payload: Uint8Array.of(0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00) })),
  seed('server', 32, 0, [0, 0xfb, 0xfb, 0xfb, 0x1f, 12], masked({ opcode: 10 })),
  seed(
    'client',
    0,
    3,
    [3, 4, 0, 9, 0xf4, 12, 2, 10, 6],
    frame({ fin: false, payload: 'a' }),
    frame({ opcode: 0, payload: 'b' }),
  ),
  seed('server', 0, 4, [0, 0x2f, 7, 0x2f, 8, 1], masked({ payload: 'a' }), masked({ payload: 'b' })),
  seed('server', 0, 5, PROGRAM, masked({ payload: 'a' }), masked({ opcode: 9 }), masked({ payload: '\xff' })),
  seed('server', 0, 0, [0, 0xff], masked({ opcode: 8, payload: '\x03\xe8bye' }), masked({ payload: 'late' })),
];
