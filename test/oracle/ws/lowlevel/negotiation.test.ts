// The PerMessageDeflate export: what it offers, takes and refuses.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outcome } from '../oracle.ts';
import { ours, sameWithBoth, theirs, type LowLevel } from './lowlevel.ts';

type Settings = NonNullable<ConstructorParameters<LowLevel['PerMessageDeflate']>[0]>;

const anySettings: fc.Arbitrary<Settings> = fc.record(
  {
    serverNoContextTakeover: fc.boolean(),
    clientNoContextTakeover: fc.boolean(),
    serverMaxWindowBits: fc.oneof(fc.integer({ min: 8, max: 15 }), fc.constant(false as const)),
    clientMaxWindowBits: fc.oneof(fc.integer({ min: 8, max: 15 }), fc.boolean()),
  },
  { requiredKeys: [] },
);
// Not among them: decimal numbers with leading zeroes and the like, which we refuse.
const bits = fc.constantFrom<string | true>('8', '9', '10', '12', '15', '7', '16', '', 'x', '8.5', true);
const flag = fc.constantFrom<string | true>(true, true, true, 'x', '');
const offer = fc.record(
  {
    server_no_context_takeover: fc.tuple(flag),
    client_no_context_takeover: fc.tuple(flag),
    server_max_window_bits: fc.oneof(fc.tuple(bits), fc.tuple(bits, bits)),
    client_max_window_bits: fc.oneof(fc.tuple(bits), fc.tuple(fc.constant(true as const))),
    unknown: fc.tuple(flag),
  },
  { requiredKeys: [] },
);

/** ws changes what it is given. */
function acceptedBy({ PerMessageDeflate }: LowLevel, options: Settings, configurations: object[]): unknown {
  const deflate = new PerMessageDeflate(options);
  const result = outcome(() => deflate.accept(structuredClone(configurations) as never));
  return [result, deflate.params];
}

describe('negotiation', () => {
  test('offers the same', () => {
    fc.assert(
      fc.property(anySettings, (options) => {
        const [expected, actual] = [theirs, ours].map(({ PerMessageDeflate }) => new PerMessageDeflate(options).offer());
        expect(actual).toEqual(expected);
        expect(Object.keys(actual)).toEqual(Object.keys(expected));
      }),
      { numRuns: 500 },
    );
  });

  test('a server takes and refuses the same offers', () => {
    fc.assert(
      fc.property(anySettings, fc.array(offer, { minLength: 1, maxLength: 3 }), (options, offers) => {
        const given = { ...options, isServer: true };
        expect(acceptedBy(ours, given, offers)).toEqual(acceptedBy(theirs, given, offers));
      }),
      { numRuns: 5000 },
    );
  });

  test('a client takes and refuses the same answers', () => {
    // What ws forgets to demand of a server's answer, we demand: see docs/ws-compatibility.md.
    const demandsNothing = anySettings.map((options) => ({
      ...options,
      serverNoContextTakeover: undefined,
      serverMaxWindowBits: undefined,
    }));
    fc.assert(
      fc.property(demandsNothing, offer, (options, answer) => {
        expect(acceptedBy(ours, options, [answer])).toEqual(acceptedBy(theirs, options, [answer]));
      }),
      { numRuns: 5000 },
    );
  });

  test('a client of ours refuses an answer that ignores its demands', () => {
    expect(() => new ours.PerMessageDeflate({ serverNoContextTakeover: true }).accept([{}])).toThrow('Missing parameter');
    expect(() => new ours.PerMessageDeflate({ serverMaxWindowBits: 10 }).accept([{}])).toThrow('Missing or invalid parameter');
  });

  test.each(['08', '1e1', '0xa', ' 10', '10 '])('we refuse the window bits %j', (value) => {
    const deflate = new ours.PerMessageDeflate({ isServer: true });
    expect(() => deflate.accept([{ server_max_window_bits: [value] }])).toThrow(TypeError);
  });

  test('does not change what it is given', () => {
    const offers = [{ client_max_window_bits: ['10'] }];
    new ours.PerMessageDeflate({ isServer: true }).accept(offers);
    expect(offers).toEqual([{ client_max_window_bits: ['10'] }]);
  });

  test('has a name, and no parameters before it has accepted', () =>
    sameWithBoth(({ PerMessageDeflate }) => [
      PerMessageDeflate.extensionName,
      new PerMessageDeflate().params,
      new PerMessageDeflate(undefined).offer(),
    ]));

  test('does nothing before it has accepted', () => {
    const deflate = new ours.PerMessageDeflate();
    expect(() => deflate.compress('x', true, () => {})).toThrow(TypeError);
    expect(() => deflate.decompress(Buffer.from('00', 'hex'), true, () => {})).toThrow(TypeError);
  });
});
