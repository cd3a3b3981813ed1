// What a connection keeps and answers at most. The rest of connection.ts is tested in connection.test.ts.

import { describe, expect, test } from 'vitest';
import { INPUT } from '../../../assembly/layout.ts';
import { sharedDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { Bench } from '../../support/connection-bench.ts';
import { hex, pattern, toHex, utf8 } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

/** The peer does not read: an empty message waits for it. */
function congest({ connection, platform, transport }: Bench): void {
  transport.isHeld = true;
  connection.sendBytes(new Uint8Array(0), false);
  platform.runDeferred();
}

/** The peer reads again. */
function release({ transport }: Bench): void {
  transport.isHeld = false;
  transport.release();
}

describe('server pongs', () => {
  test('answers each ping at once', () => {
    const bench = new Bench({ role: 'server' });
    bench.receive({ opcode: 9, payload: '1' }, { opcode: 9 }, { opcode: 9, payload: pattern(125) });
    expect(bench.sentHex()).toEqual(['8a 31', '8a', `8a ${toHex(pattern(125))}`]);
  });

  test('leaves the answer to the program when told to', () => {
    const bench = new Bench({ role: 'server', autoPong: false });
    bench.receive({ opcode: 9, payload: '1' });
    expect(bench.sink.log).toEqual(['ping 1']);
    expect(bench.sent()).toEqual([]);
  });

  test('answers only the latest ping while the peer does not read', () => {
    const bench = new Bench({ role: 'server' });
    congest(bench);
    for (let index = 0; index < 100; index++) bench.receive({ opcode: 9, payload: `${index}` });
    release(bench);
    expect(bench.sentHex()).toEqual(['82', '8a 39 39']);
    bench.receive({ opcode: 9, payload: 'a' });
    expect(bench.sentHex()).toEqual(['8a 61']);
  });

  test.each([
    ['our Close frame', ['88', '8a 61']],
    ['the Close frame of the peer', ['88']],
    ['a violation', ['88 03 ea']],
  ])('the late pong and %s', (event, sent) => {
    const bench = new Bench({ role: 'server' });
    congest(bench);
    bench.receive({ opcode: 9, payload: 'a' });
    if (event === 'our Close frame') bench.connection.close();
    else bench.receive({ opcode: event === 'a violation' ? 3 : 8 });
    release(bench);
    expect(bench.sentHex()).toEqual(['82', ...sent]);
  });
});

describe('server limits', () => {
  const tooLarge = 'fail 1009 WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';

  test.each([
    [10, 10, true],
    [10, 11, false],
    [0, 200_000, true],
  ])('maxPayload %i against a whole frame of %i', (maxPayload, length, isTaken) => {
    const bench = new Bench({ role: 'server', maxPayload });
    bench.receive({ opcode: 2, payload: pattern(length) });
    expect(bench.sink.log[0].startsWith('message')).toBe(isTaken);
    if (!isTaken) expect(bench.sink.log).toEqual([tooLarge]);
  });

  test('maxPayload refuses by the header, before any byte of the payload', () => {
    for (const lengthBits of [16, 64] as const) {
      const bench = new Bench({ role: 'server', maxPayload: 70000 - 1 });
      const header = bench.frame({ opcode: 2, length: lengthBits === 16 ? 65535 : 70000, lengthBits });
      bench.receive(header);
      expect(bench.sink.log).toEqual(lengthBits === 16 ? [] : [tooLarge]);
      expect(Math.max(0, ...bench.platform.allocations)).toBeLessThanOrEqual(256);
    }
  });

  test('maxPayload counts across fragments, and refuses the fragment that would go over', () => {
    const bench = new Bench({ role: 'server', maxPayload: 10 });
    bench.receive({ fin: false, payload: '12345' }, { opcode: 0, payload: '67890' });
    bench.receive({ fin: false, payload: '12345' }, { opcode: 0, fin: false, payload: '6789' });
    expect(bench.sink.log).toEqual(['message 1234567890']);
    bench.receive(bench.frame({ opcode: 0, length: 2 }));
    expect(bench.sink.log).toEqual(['message 1234567890', tooLarge]);
  });

  test('maxPayload is 100 MiB by default', () => {
    for (const [length, log] of [
      [104_857_600, []],
      [104_857_601, [tooLarge]],
    ] as const) {
      const bench = new Bench({ role: 'server' });
      bench.receive(bench.frame({ opcode: 2, length }));
      expect(bench.sink.log).toEqual(log);
    }
  });

  test('maxFragments counts fragments of one message', () => {
    const bench = new Bench({ role: 'server', maxFragments: 3 });
    for (let round = 0; round < 2; round++) {
      bench.receive({ fin: false, payload: 'a' }, { opcode: 0, fin: false }, { opcode: 0, payload: 'b' });
    }
    expect(bench.sink.log).toEqual(['message ab', 'message ab']);
    bench.receive({ fin: false }, { opcode: 0, fin: false }, { opcode: 0, fin: false });
    expect(bench.sink.violation).toBeUndefined();
    bench.receive({ opcode: 0 });
    expect(bench.sink.log.at(-1)).toBe('fail 1008 WS_ERR_TOO_MANY_BUFFERED_PARTS');
    expect(bench.sentHex()).toEqual(['88 03 f0']);
  });

  test('a frame in many pieces is one fragment', () => {
    const bench = new Bench({ role: 'server', maxFragments: 1 });
    for (const byte of bench.frame({ payload: 'abcdefgh' })) bench.connection.receive(Uint8Array.of(byte));
    expect(bench.sink.log).toEqual(['message abcdefgh']);
  });

  test('any number of fragments is taken by default', () => {
    const bench = new Bench({ role: 'server' });
    const piece = bench.frame({ opcode: 0, fin: false, payload: pattern(64) });
    bench.receive({ opcode: 2, fin: false });
    for (let index = 0; index < 65536; index += 64) bench.receive(...new Array<Uint8Array>(64).fill(piece));
    bench.receive({ opcode: 0 });
    expect(bench.sink.log).toEqual(['message (4194304)']);
  });

  test('a header that claims 2^40 bytes allocates a small multiple of what arrived', () => {
    const bench = new Bench({ role: 'server', maxPayload: 0 });
    let arrived = 0;
    bench.receive(bench.frame({ opcode: 2, length: 2 ** 40 }));
    for (const length of [1, 10, 100, 1000, 100_000, 300_000]) {
      arrived += length;
      bench.receive(pattern(length));
      expect(Math.max(...bench.platform.allocations)).toBeLessThanOrEqual(Math.max(256, 4 * arrived));
    }
    expect(bench.sink.log).toEqual([]);
  });

  test('what a listener is lent lies in codec memory, or is its own', () => {
    const bench = new Bench({ role: 'server' });
    const sources: Uint8Array[] = [];
    bench.sink.onMessage = (source, start) => {
      sources.push(source);
      if (source === bench.platform.codec.memory) expect(start).toBeGreaterThanOrEqual(INPUT);
    };
    bench.receive({ payload: 'a' }, { fin: false, payload: 'b' }, { opcode: 0, payload: 'c' });
    expect(sources.map((source) => source === bench.platform.codec.memory)).toEqual([true, false]);
  });
});

// The runtime has no string for it, so no listener could be given its event.
describe.each(['server', 'client'] as const)('%s and a text message beyond the longest string', (role) => {
  const tooLarge = 'fail 1009 WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
  const agreement = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const compression = { engine: createWasmEngine(sharedDeflateKernel), agreement };
  /** Twenty times "a", compressed. */
  const TWENTY = hex('4a 4c c4 04 00 00');

  function bench(longestText: number, maxPayload: number): Bench {
    const platform = new ManualPlatform();
    platform.longestText = longestText;
    return new Bench({ role, maxPayload, compression }, platform);
  }

  test.each([0, Infinity, 1e12])('takes one of its length with maxPayload %d, in each form', (maxPayload) => {
    const { sink } = bench(20, maxPayload).receive(
      { opcode: 1, fin: false, payload: '123456789012' },
      { opcode: 0, payload: '34567890' },
      { opcode: 1, rsv1: true, payload: TWENTY },
    );
    expect(sink.log).toEqual(['message 12345678901234567890', 'message aaaaaaaaaaaaaaaaaaaa']);
    const long = bench(100_000, maxPayload).receive({ opcode: 1, payload: 'a'.repeat(100_000) });
    expect(long.sink.log).toEqual(['message (100000)']);
  });

  test.each([0, Infinity, 1e12])('fails the connection with maxPayload %d: in fragments', (maxPayload) => {
    const end = bench(10, maxPayload).receive({ opcode: 1, fin: false, payload: '12345' }, { opcode: 0, payload: '678901' });
    expect(end.sink.log).toEqual([tooLarge]);
    expect(end.sink.violation?.message).toBe('Max payload size exceeded');
    expect(end.sentHex().map((frame) => frame.slice(0, 8))).toEqual(['88 03 f1']);
  });

  test('fails it by the header of a long frame', () => {
    const end = bench(100_000, 0);
    end.receive(end.frame({ opcode: 1, length: 100_001, lengthBits: 64 }));
    expect(end.sink.log).toEqual([tooLarge]);
  });

  test('fails it while a compressed one is inflated', () => {
    const end = bench(19, 0).receive({ opcode: 1, rsv1: true, payload: TWENTY });
    expect(end.sink.log).toEqual([tooLarge]);
  });

  test('applies a smaller maxPayload first, and neither to bytes', () => {
    expect(bench(10, 5).receive({ opcode: 1, fin: false, payload: '123456' }).sink.log).toEqual([tooLarge]);
    const { sink } = bench(5, 0).receive(
      { opcode: 2, fin: false, payload: utf8('123456') },
      { opcode: 0, payload: '7890' },
      { opcode: 2, rsv1: true, payload: TWENTY },
    );
    expect(sink.log).toEqual(['message 1234567890', 'message aaaaaaaaaaaaaaaaaaaa']);
  });
});
