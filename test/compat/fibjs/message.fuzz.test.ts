// Message of the fibjs facade against whatever a stream may hold: any bytes, cut anywhere, have the same documented outcome.

import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Message, TruncatedMessageError } from '../../../src/compat/fibjs/index.ts';
import { CapacityError, CompressionError, ProtocolError, Utf8Error } from '../../../src/base/errors.ts';
import { concat, frame } from '../../support/frames.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 250);
const DEADLINE = 30_000 + RUNS * 100;
const FAULTS = [TruncatedMessageError, CapacityError, CompressionError, ProtocolError, Utf8Error];
/** Small, so that it is met. */
const MAXIMUM = 1000;

/** Lengths of chunks, used in turn for ever. */
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
const key = fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }), { nil: undefined });

/** A frame that may or may not make sense. */
const anyFrame = fc
  .record({
    opcode: fc.oneof(fc.constantFrom(0, 1, 2, 8, 9, 10), fc.nat(15)),
    fin: fc.boolean(),
    rsv1: fc.boolean(),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string().map((text) => new Uint8Array(Buffer.from(text))),
    ),
    key,
  })
  .map(({ key: mask, ...parts }) => frame({ ...parts, ...(mask && { key: mask }) }));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.array(anyFrame, { maxLength: 5 }).map((frames) => concat(...frames)),
  fc
    .tuple(fc.array(anyFrame, { maxLength: 3 }), fc.uint8Array({ maxLength: 30 }))
    .map(([frames, rest]) => concat(...frames, rest)),
);

/** What reading one message came to. */
async function outcome(source: Parameters<InstanceType<typeof Message>['readFrom']>[0]): Promise<unknown> {
  const message = new Message(2, false, false, MAXIMUM);
  try {
    const taken = await message.readFrom(source);
    const { type, masked, compress, body } = message;
    return { taken, type, masked, compress, body: Buffer.from(body.bytes).toString('hex') };
  } catch (error) {
    expect(FAULTS.some((Fault) => error instanceof Fault)).toBe(true);
    return `${(error as Error).name} ${(error as Error).message}`;
  }
}

/** What is left in a stream. */
function restOf(stream: PassThrough): Buffer {
  const parts: Buffer[] = [];
  // One call may give a chunk or all of them: that differs between runtimes.
  for (let part: Buffer | null; (part = stream.read() as Buffer | null) !== null;) parts.push(part);
  return Buffer.concat(parts);
}

/** `whole` in chunks. */
function* chunks(whole: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const length = lengths[turn % lengths.length];
    yield whole.subarray(at, at + length);
    at += length;
  }
}

describe('Message', () => {
  test(
    'message has the same outcome from bytes, a stream and an object, however they are cut',
    async () => {
      await fc.assert(
        fc.asyncProperty(bytes, cuts, async (whole, lengths) => {
          const expected = await outcome(whole);
          const stream = new PassThrough();
          for (const chunk of chunks(whole, lengths)) stream.write(chunk);
          stream.end();
          expect(await outcome(stream)).toEqual(expected);
          let at = 0;
          let turn = 0;
          const read = (size: number): Uint8Array =>
            whole.subarray(at, (at += Math.min(size, lengths[turn++ % lengths.length])));
          expect(await outcome({ read })).toEqual(expected);
          if (typeof expected === 'string') return;
          // Not a byte more than the message has.
          const { taken } = expected as { taken: number };
          expect(restOf(stream)).toEqual(Buffer.from(whole.subarray(taken)));
          expect(await outcome(whole.subarray(0, taken))).toEqual(expected);
        }),
        { numRuns: RUNS },
      );
    },
    DEADLINE,
  );

  test(
    'message reads what another sends, also in fragments and with control frames between them',
    async () => {
      const sent = fc.record({
        isText: fc.boolean(),
        text: fc.string({ unit: 'binary', maxLength: 300 }),
        masked: fc.boolean(),
        compress: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(sent, cuts, async ({ isText, text, masked, compress }, lengths) => {
          const message = new Message(isText ? 1 : 2, masked, compress);
          message.body.write(text);
          const written: Uint8Array[] = [];
          await message.sendTo({ write: (part: Uint8Array) => written.push(part) });
          const stream = new PassThrough();
          for (const chunk of chunks(concat(...written), lengths)) stream.write(chunk);
          const other = new Message();
          await other.readFrom(stream);
          expect(other).toMatchObject({ type: message.type, masked, compress });
          expect(other.data).toEqual(message.data);

          const payload = new Uint8Array(Buffer.from(text));
          const pieces = [...chunks(payload, lengths), new Uint8Array()];
          const frames = pieces.flatMap((piece, index) => [
            frame({ opcode: index === 0 ? message.type : 0, fin: index === pieces.length - 1, payload: piece }),
            ...(index < pieces.length - 1 ? [frame({ opcode: 9, payload: 'ping' })] : []),
          ]);
          const whole = concat(...frames);
          const joined = new Message();
          expect(await joined.readFrom(whole)).toBe(whole.length);
          expect(joined.data).toEqual(message.data);
        }),
        { numRuns: RUNS },
      );
    },
    DEADLINE,
  );
});
