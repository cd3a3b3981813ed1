// Conversations that nobody thought of: whatever is sent arrives, whatever the cuts; whatever arrives has a documented outcome.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OUTPUT_SLOTS } from '../../assembly/layout.ts';
import type { PeerError } from '../../src/base/errors.ts';
import { UNATTACHED } from '../../src/platform.ts';
import { Connection } from '../../src/protocol/connection.ts';
import { expectBytes } from '../support/bytes.ts';
import { parseFrames, wholeFrames } from '../support/parse-frames.ts';
import { concat, frame, pattern, utf8 } from '../support/frames.ts';
import { createEnd, MemoryPipe, MemoryTransport, type PipeEnd } from '../support/memory-pipe.ts';
import { KERNELS } from '../support/kernels.ts';
import { ManualPlatform } from '../support/platform.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 250);
const DEADLINE = 30_000 + RUNS * 100;

const role = fc.constantFrom('client' as const, 'server' as const);
const size = fc.oneof(fc.nat(130), fc.nat(1000), fc.constantFrom(0, 125, 126, 65535, 65536, 131072, 300_000));
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ unit: 'binary-ascii', maxLength: 400 }));
const payload = fc.oneof(
  size.map((length) => ({ isText: false, bytes: pattern(length, length + 7) as Uint8Array })),
  text.map((string) => ({ isText: true, bytes: utf8(string) as Uint8Array })),
);
const key = fc.uint8Array({ minLength: 4, maxLength: 4 });
const control = fc.record({ opcode: fc.constantFrom(9, 10), payload: fc.uint8Array({ maxLength: 125 }), key });
/** Lengths of chunks, used in turn for ever. */
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 })), {
  minLength: 1,
  maxLength: 20,
});

const message = fc.record({
  payload,
  /** Where the fragments end, as parts of the whole. */
  ends: fc.oneof(fc.constant<number[]>([]), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 })),
  /** Control frames behind each fragment. */
  controls: fc.array(fc.array(control, { maxLength: 2 }), { maxLength: 5 }),
  key,
});
type Message = typeof message extends fc.Arbitrary<infer Value> ? Value : never;

/** Everything that is heard, in order, as one comparable line each. */
function line(kind: string, bytes: Uint8Array): string {
  return `${kind} ${Buffer.from(bytes).toString('base64')}`;
}

/** The frames of `sent`, and what must be heard of them. */
function encode(sent: Message, masked: boolean): { bytes: Uint8Array; heard: string[]; pongs: Uint8Array[] } {
  const { bytes, isText } = sent.payload;
  const ends = [...sent.ends.map((part) => Math.floor(part * bytes.length)).sort((one, other) => one - other), bytes.length];
  const frames: Uint8Array[] = [];
  const heard: string[] = [];
  const pongs: Uint8Array[] = [];
  let at = 0;
  ends.forEach((end, index) => {
    const fin = index === ends.length - 1;
    const opcode = index > 0 ? 0 : isText ? 1 : 2;
    frames.push(frame({ opcode, fin, payload: bytes.subarray(at, end), ...(masked && { key: sent.key }) }));
    at = end;
    if (fin) heard.push(line(isText ? 'text' : 'binary', bytes));
    for (const each of sent.controls[index] ?? []) {
      frames.push(frame({ opcode: each.opcode, payload: each.payload, ...(masked && { key: each.key }) }));
      heard.push(line(each.opcode === 9 ? 'ping' : 'pong', each.payload));
      if (each.opcode === 9) pongs.push(each.payload);
    }
  });
  return { bytes: concat(...frames), heard, pongs };
}

function heardBy({ sink }: PipeEnd): string[] {
  return sink.events.map(([kind, value]) => line(kind, typeof value === 'string' ? utf8(value) : (value as Uint8Array)));
}

/** Delivers `bytes` to `end` in chunks. */
function feed(end: PipeEnd, bytes: Uint8Array, lengths: readonly number[], isDirect: boolean): void {
  let turn = 0;
  end.transport.chunkLength = () => lengths[turn++ % lengths.length];
  end.transport.isDirect = isDirect;
  end.transport.receive(bytes);
}

describe.each(KERNELS.filter(({ name }) => name !== 'wasm-scalar'))('connection over $name', ({ create }) => {
  const platform = new ManualPlatform(create());

  test(
    'hears every message, whole and in order, and answers every ping, however it is fragmented and cut',
    () => {
      fc.assert(
        fc.property(
          role,
          fc.array(message, { minLength: 1, maxLength: 8 }),
          cuts,
          fc.boolean(),
          (side, messages, lengths, isDirect) => {
            const end = createEnd(platform, { role: side });
            end.session.start();
            const parts = messages.map((each) => encode(each, side === 'server'));
            feed(end, concat(...parts.map(({ bytes }) => bytes)), lengths, isDirect);
            platform.runDeferred();
            expect(heardBy(end)).toEqual(parts.flatMap(({ heard }) => heard));
            const pongs = parseFrames(end.transport.bytes);
            expect(pongs.every(({ first, masked }) => first === 0x8a && masked === (side === 'client'))).toBe(true);
            expect(pongs.map((pong) => line('', pong.payload))).toEqual(
              parts.flatMap(({ pongs: wanted }) => wanted.map((each) => line('', each))),
            );
            expect(platform.codec).toMatchObject({ isDelivering: false, freeSlots: OUTPUT_SLOTS });
            expect(platform.uncaught).toEqual([]);
          },
        ),
        { numRuns: RUNS },
      );
    },
    DEADLINE,
  );
});

describe('connection', () => {
  /** Bytes that begin well and go wrong somewhere, or not. */
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .record({
        messages: fc.array(message, { maxLength: 3 }),
        masked: fc.boolean(),
        at: fc.nat(),
        flips: fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: 3 }),
        tail: fc.uint8Array({ maxLength: 30 }),
      })
      .map(({ messages, masked, at, flips, tail }) => {
        const bytes = concat(...messages.map((each) => encode(each, masked).bytes), tail);
        // Mostly near the start of a frame, where a flip does harm.
        flips.forEach((flip, index) => {
          if (bytes.length > 0) bytes[(at * (index + 1)) % Math.min(bytes.length, 64 * (index + 1))] ^= flip;
        });
        return bytes;
      }),
  );

  test(
    'takes any bytes without throwing: messages, at most one failure with a documented code, then silence',
    () => {
      const platform = new ManualPlatform();
      fc.assert(
        fc.property(role, garbage, cuts, fc.boolean(), fc.nat(3), (side, bytes, lengths, isText, limits) => {
          const heard: string[] = [];
          const failures: PeerError[] = [];
          let isOver = false;
          const hear = (kind: string): void => {
            expect(isOver).toBe(false);
            heard.push(kind);
          };
          const transport = new MemoryTransport(platform);
          const connection = new Connection(platform, transport, {
            role: side,
            skipUtf8Validation: isText,
            ...(limits === 1 && { maxPayload: 100 }),
            ...(limits === 2 && { maxFragments: 2 }),
          });
          transport.attach(connection);
          connection.attach({
            ...UNATTACHED,
            onMessage: () => hear('message'),
            onPing: () => hear('ping'),
            onPong: () => hear('pong'),
            onCloseFrame() {
              hear('close');
              isOver = true;
            },
            onError(error) {
              hear('fail');
              failures.push(error as PeerError);
              isOver = true;
            },
          });
          connection.start();
          platform.allocations.length = 0;
          const stream = concat(bytes, frame({ payload: 'later', ...(side === 'server' && { key: pattern(4) }) }));
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const length = lengths[turn % lengths.length];
            connection.receive(stream.subarray(at, at + length));
            at += length;
          }
          platform.runDeferred();
          // An expectation that failed inside a listener comes out here.
          expect(platform.uncaught.splice(0)).toEqual([]);
          const frames = parseFrames(transport.bytes);
          expect(platform.codec).toMatchObject({ isDelivering: false, freeSlots: OUTPUT_SLOTS });
          for (const { closeCode } of failures) {
            expect([1002, 1007, 1008, 1009]).toContain(closeCode);
            const { first, payload: sent } = frames.at(-1)!;
            expect([first, (sent[0] << 8) | sent[1]]).toEqual([0x88, closeCode]);
          }
          expect(frames.filter(({ first }) => first === 0x88)).toHaveLength(isOver ? 1 : 0);
          expect(Math.max(0, ...platform.allocations)).toBeLessThanOrEqual(Math.max(256, stream.length * 4));
        }),
        { numRuns: RUNS * 4 },
      );
    },
    DEADLINE,
  );

  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), payload }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('ping' as const), payload: fc.uint8Array({ maxLength: 125 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('hold' as const), on: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('deliver' as const), length: fc.integer({ min: 1, max: 50_000 }) }) },
  );

  test(
    'bufferedAmount is exact under any backpressure, callbacks come once and in order, drain when all is gone',
    () => {
      fc.assert(
        fc.property(role, fc.array(step, { maxLength: 40 }), fc.nat(OUTPUT_SLOTS), (side, steps, takenSlots) => {
          const platform = new ManualPlatform();
          const held = Array.from({ length: takenSlots }, () => platform.codec.takeSlot()!);
          const pipe = new MemoryPipe({}, platform);
          const { session, transport, sink } = pipe[side];
          const peer = pipe[side === 'client' ? 'server' : 'client'];
          const sent: { kind: string; bytes: Uint8Array }[] = [];
          const results: number[] = [];
          const written = (): number =>
            wholeFrames(transport.bytes).reduce((sum, each) => sum + (each.first === 0x89 ? 0 : each.payload.length), 0);
          let drains = 0;
          let isReleasing = false;
          // What is written within a call has its callback behind the call.
          const check = (isTurnOver: boolean): void => {
            const total = sent.reduce((sum, { kind, bytes }) => sum + (kind === 'ping' ? 0 : bytes.length), 0);
            expect(session.bufferedAmount).toBe(total - written());
            expect(results).toEqual([...results.keys()]);
            const frames = wholeFrames(transport.bytes).length;
            if (isTurnOver) expect(results).toHaveLength(frames);
            else expect(results.length).toBeLessThanOrEqual(frames);
          };
          sink.onEvent = ([kind]) => {
            expect(kind).toBe('drain');
            expect(session.bufferedAmount).toBe(0);
            expect(isReleasing).toBe(true);
            drains++;
          };
          const send = (each: (typeof steps)[number]): void => {
            const index = sent.length;
            const callback = (error?: Error | null): void => {
              expect(error ?? null).toBe(null);
              results.push(index);
            };
            if (each.kind === 'send') {
              const { bytes, isText } = each.payload;
              sent.push({ kind: isText ? 'text' : 'binary', bytes });
              if (isText) session.sendText(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), undefined, callback);
              else session.sendBytes(bytes, false, undefined, callback);
            } else if (each.kind === 'ping') {
              sent.push({ kind: 'ping', bytes: each.payload });
              session.ping(each.payload, callback);
            }
          };
          const release = (): boolean => {
            const before = drains;
            isReleasing = true;
            const hasReleased = transport.release();
            isReleasing = false;
            expect(drains - before).toBe(hasReleased && session.bufferedAmount === 0 ? 1 : 0);
            return hasReleased;
          };
          // The peer's pongs would mix in: it does not answer.
          peer.transport.isHeld = true;
          for (const each of steps) {
            if (each.kind === 'turn') platform.runDeferred();
            else if (each.kind === 'hold') transport.isHeld = each.on;
            else if (each.kind === 'deliver') {
              peer.transport.chunkLength = () => each.length;
              peer.transport.deliver();
            } else if (each.kind === 'release') release();
            else send(each);
            check(each.kind === 'turn');
          }
          transport.isHeld = false;
          platform.runDeferred();
          while (release()) check(true);
          pipe.run();
          check(true);
          expect(session.bufferedAmount).toBe(0);
          expect(results).toHaveLength(sent.length);
          expect(heardBy(peer)).toEqual(sent.map(({ kind, bytes }) => line(kind, bytes)));
          while (peer.transport.release());
          for (const slot of held) platform.codec.releaseSlot(slot);
          expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
          expect(platform.uncaught.splice(0)).toEqual([]);
        }),
        { numRuns: RUNS },
      );
    },
    DEADLINE,
  );

  test('a stream of 16 MiB messages both ways arrives', () => {
    const platform = new ManualPlatform();
    const pipe = new MemoryPipe({}, platform);
    const big = pattern(16_777_216);
    for (const { session, transport } of [pipe.client, pipe.server]) {
      transport.chunkLength = () => 262_144;
      session.sendBytes(big, false);
    }
    pipe.run();
    for (const { sink } of [pipe.client, pipe.server]) expectBytes(sink.of('binary')[0][1], big);
    expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
  });
});
