// permessage-deflate with parameters and bytes that nobody thought of: the negotiation beside that of ws, the engines beside each
// other and zlib.

import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { InflateError, type DeflateEngine } from '../../src/deflate/engine.ts';
import {
  agreeToDeflate,
  answerDeflate,
  offerDeflate,
  type DeflateElement,
  type DeflateOptions,
} from '../../src/deflate/parameters.ts';
import { loadDeflateKernel, sharedDeflateKernel } from '../../src/deflate/load.ts';
import { createWasmEngine } from '../../src/deflate/wasm-engine.ts';
import { createZlibEngine, type ZlibModule } from '../../src/deflate/zlib-engine.ts';
import { expectBytes } from '../support/bytes.ts';
import { finish } from '../unit/deflate/zlib-oracle.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1500);
const DEADLINE = 60_000 + RUNS * 20;

type Values = Record<string, (string | true)[]>;
type Accepted = Record<string, number | boolean>;
interface Oracle {
  offer(): Accepted;
  accept(offers: Values[]): Accepted;
}
const { PerMessageDeflate } = ws as unknown as { PerMessageDeflate: new (options: object) => Oracle };

const NAMES = ['server_no_context_takeover', 'client_no_context_takeover', 'server_max_window_bits', 'client_max_window_bits'];
const bits = fc.integer({ min: 8, max: 15 });
const flag = fc.constantFrom(undefined, true, false);
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> => fc.option(value, { nil: undefined });

const options: fc.Arbitrary<DeflateOptions> = fc.record({
  serverNoContextTakeover: flag,
  clientNoContextTakeover: flag,
  serverMaxWindowBits: fc.oneof(optional(bits), fc.constant(false as const)),
  clientMaxWindowBits: fc.oneof(optional(bits), fc.boolean()),
});

type Parameter = DeflateElement['parameters'][number];
const toElement = (parameters: readonly Parameter[]): DeflateElement => ({ name: 'permessage-deflate', parameters });

const good = fc
  .record({
    server: fc.boolean(),
    client: fc.boolean(),
    serverBits: optional(bits),
    clientBits: optional(fc.oneof(bits, fc.constant(true))),
  })
  .map(({ server, client, serverBits, clientBits }) => {
    const parameters: { name: string; value?: string }[] = [];
    if (server) parameters.push({ name: NAMES[0] });
    if (client) parameters.push({ name: NAMES[1] });
    if (serverBits !== undefined) parameters.push({ name: NAMES[2], value: String(serverBits) });
    if (clientBits === true) parameters.push({ name: NAMES[3] });
    else if (clientBits !== undefined) parameters.push({ name: NAMES[3], value: String(clientBits) });
    return toElement(parameters);
  });
/** Without what ws reads as a number and section 7.1.2 does not: leading zeroes, signs, exponents. */
const odd: fc.Arbitrary<Parameter> = fc
  .record({
    name: fc.constantFrom(...NAMES, 'unknown', 'SERVER_MAX_WINDOW_BITS'),
    value: fc.constantFrom(undefined, '7', '8', '15', '16', '', 'x', '-9', '10.5', 'true'),
  })
  .map(({ name, value }) => (value === undefined ? { name } : { name, value }));
const element: fc.Arbitrary<DeflateElement> = fc.oneof(
  { weight: 3, arbitrary: good },
  { weight: 1, arbitrary: fc.array(odd, { maxLength: 3 }).map(toElement) },
);

/** As the extension parser of ws gives it. */
function toValues({ parameters }: DeflateElement): Values {
  const values: Values = {};
  for (const { name, value } of parameters) (values[name] ??= []).push(value ?? true);
  return values;
}

function toAccepted({ parameters }: DeflateElement): Accepted {
  return Object.fromEntries(parameters.map(({ name, value }) => [name, value === undefined ? true : Number(value)]));
}

/** @returns What ws accepts, or its error. */
function ask(isServer: boolean, settings: DeflateOptions, elements: DeflateElement[]): Accepted | Error {
  try {
    return { ...new PerMessageDeflate({ ...settings, isServer }).accept(elements.map(toValues)) };
  } catch (error) {
    return error as Error;
  }
}

describe('the negotiation', () => {
  it('client offers what ws offers', () => {
    fc.assert(
      fc.property(options, (settings) => {
        expect(toAccepted(offerDeflate(settings))).toEqual({ ...new PerMessageDeflate(settings).offer() });
      }),
      { numRuns: RUNS },
    );
  });

  it('server answers what ws answers, and declines where ws throws', () => {
    fc.assert(
      fc.property(options, fc.array(element, { minLength: 1, maxLength: 3 }), (settings, offers) => {
        // A malformed offer makes ws refuse all of them; we pass it by (RFC 7692 section 7.1).
        const wellFormed = offers.filter((offer) => !isMalformed(ask(true, {}, [offer])));
        const expected = ask(true, settings, wellFormed);
        // With room for the largest windows; otherwise smaller ones are asked for, which ws does not.
        const answer = answerDeflate(offers, { ...settings, maxMemoryPerConnection: 65536 });
        if (expected instanceof Error) {
          expect(answer).toBeUndefined();
          return;
        }
        expect(answer && toAccepted(answer.element)).toEqual(expected);
        expect(answer?.agreement).toEqual({
          serverNoContextTakeover: expected['server_no_context_takeover'] ?? false,
          clientNoContextTakeover: expected['client_no_context_takeover'] ?? false,
          serverMaxWindowBits: expected['server_max_window_bits'] ?? 15,
          clientMaxWindowBits: expected['client_max_window_bits'] ?? 15,
        });
      }),
      { numRuns: RUNS },
    );
  });

  it('client agrees to what ws agrees to, unless its demand was passed over', () => {
    fc.assert(
      fc.property(options, element, (settings, response) => {
        const expected = ask(false, settings, [response]);
        const agree = (): unknown => agreeToDeflate(response, settings);
        if (expected instanceof Error) {
          // Which of several faults is named does not matter.
          expect(agree).toThrow(
            response.parameters.length > 1 && isMalformed(ask(false, {}, [response])) ? undefined : expected.message,
          );
          return;
        }
        const { serverMaxWindowBits: demanded } = settings;
        const serverBits = (expected['server_max_window_bits'] ?? 15) as number;
        // ws does not look (sections 7.1.1.1 and 7.1.2.1).
        if (typeof demanded === 'number' && serverBits > demanded) {
          expect(agree).toThrow('server_max_window_bits');
          return;
        }
        if (settings.serverNoContextTakeover === true && expected['server_no_context_takeover'] === undefined) {
          expect(agree).toThrow('server_no_context_takeover');
          return;
        }
        expect(agree()).toEqual({
          serverNoContextTakeover: expected['server_no_context_takeover'] ?? false,
          // ws forgets what it has said itself unless the server repeats it (section 7.1.1.2).
          clientNoContextTakeover: expected['client_no_context_takeover'] ?? settings.clientNoContextTakeover ?? false,
          serverMaxWindowBits: serverBits,
          clientMaxWindowBits: expected['client_max_window_bits'] ?? 15,
        });
      }),
      { numRuns: RUNS },
    );
  });

  it('a client and a server that both follow it agree', () => {
    fc.assert(
      fc.property(options, options, (client, server) => {
        const answer = answerDeflate([offerDeflate(client)], server);
        if (answer === undefined) return;
        let agreement;
        try {
          agreement = agreeToDeflate(answer.element, client);
        } catch (error) {
          // The one thing that an offer cannot say: that the client will not start afresh.
          expect((error as Error).message).toBe('Unexpected parameter "client_no_context_takeover"');
          expect([client.clientNoContextTakeover, server.clientNoContextTakeover]).toEqual([false, true]);
          return;
        }
        expect(agreement.serverMaxWindowBits).toBe(answer.agreement.serverMaxWindowBits);
        expect(agreement.serverNoContextTakeover).toBe(answer.agreement.serverNoContextTakeover);
        // The client may do less than the server is ready for.
        expect(agreement.clientMaxWindowBits).toBeLessThanOrEqual(answer.agreement.clientMaxWindowBits);
        expect(agreement.clientNoContextTakeover || !answer.agreement.clientNoContextTakeover).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });
});

function isMalformed(result: Accepted | Error): boolean {
  return result instanceof Error && result.message !== 'None of the extension offers can be accepted';
}

const node: ZlibModule = zlib;
const byZlib = createZlibEngine(node);
const scalarKernel = loadDeflateKernel(false);
const simd = createWasmEngine(sharedDeflateKernel);
const scalar = createWasmEngine(() => scalarKernel);

/** Mixes of what repeats, near and far, and what does not. */
const payload = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.record({ byte: fc.nat(255), length: fc.nat(3000) }).map(({ byte, length }) => new Uint8Array(length).fill(byte)),
      fc.nat(2000).map((length) => new Uint8Array(Buffer.alloc(length, '{"type":"tick","price":101.25,"size":7},'))),
    ),
    { maxLength: 6 },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)));

/** Bytes that are nearly a deflate stream. */
const nearly = fc
  .record({
    plain: payload,
    final: fc.boolean(),
    level: fc.constantFrom(0, 1, 6),
    changes: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
    cut: fc.nat(400),
  })
  .map(({ plain, final, level, changes, cut }) => {
    const { Z_FINISH, Z_SYNC_FLUSH } = zlib.constants;
    const bytes = new Uint8Array(zlib.deflateRawSync(plain, { level, finishFlush: final ? Z_FINISH : Z_SYNC_FLUSH }));
    for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
    return cut < bytes.length && changes.length === 1 ? bytes.subarray(0, cut) : bytes;
  });

/** @returns The bytes, or why there are none. */
function outcome(engine: DeflateEngine, bytes: Uint8Array, limit: number): { bytes: Uint8Array } | { reason: string } {
  const inflator = engine.createInflator({ windowBits: 15, noContextTakeover: false });
  try {
    return { bytes: finish(inflator.inflate(bytes, limit)) };
  } catch (error) {
    expect(error).toBeInstanceOf(InflateError);
    return { reason: (error as InflateError).isTooLong ? 'too long' : String((error as InflateError).code) };
  } finally {
    inflator.close();
  }
}

describe('the engines', () => {
  it(
    'understand each other, message for message and fragment for fragment',
    () => {
      const engines = fc.constantFrom(simd, scalar, byZlib);
      const message = fc.record({ parts: fc.array(payload, { minLength: 1, maxLength: 3 }) });
      fc.assert(
        fc.property(
          engines,
          engines,
          bits,
          fc.boolean(),
          fc.array(message, { maxLength: 5 }),
          (from, to, windowBits, afresh, messages) => {
            const context = { windowBits, noContextTakeover: afresh };
            const deflator = from.createDeflator(context);
            const inflator = to.createInflator(context);
            for (const { parts } of messages) {
              const plain = Buffer.concat(parts);
              const packed = parts.map((part, index) => finish(deflator.deflate(part, index === parts.length - 1)));
              expectBytes(finish(inflator.inflate(Buffer.concat(packed), plain.length)), plain);
            }
            deflator.close();
            inflator.close();
          },
        ),
        { numRuns: Math.ceil(RUNS / 5) },
      );
    },
    DEADLINE,
  );

  it(
    'make the same of what is no stream, within the limit',
    () => {
      fc.assert(
        fc.property(fc.oneof(nearly, fc.uint8Array({ maxLength: 200 })), fc.constantFrom(0, 1, 100, 5000), (bytes, limit) => {
          const one = outcome(simd, bytes, limit);
          expect(outcome(scalar, bytes, limit)).toEqual(one);
          const other = outcome(byZlib, bytes, limit);
          // zlib does not tell that a message has no end.
          if ('reason' in one && one.reason === 'Z_BUF_ERROR' && 'bytes' in other) return;
          if ('bytes' in one && limit > 0) expect(one.bytes.length).toBeLessThanOrEqual(limit);
          // What is both too long and malformed may be called either: they look at different moments.
          if ('reason' in one && 'reason' in other && limit > 0) return;
          if ('bytes' in one && 'bytes' in other) expectBytes(one.bytes, other.bytes);
          else expect(one).toEqual(other);
        }),
        { numRuns: RUNS },
      );
    },
    DEADLINE,
  );
});
