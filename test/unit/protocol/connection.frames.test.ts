// What connection.ts offers to APIs that speak of frames: frames one by one, their size, frames that the program composes, and
// a say in Pongs and close reasons.

import { describe, expect, test } from 'vitest';
import type { ConnectionOptions } from '../../../src/protocol/settings.ts';
import { Bench, textOf } from '../../support/connection-bench.ts';
import { hex, pattern, utf8, type FrameOptions } from '../../support/frames.ts';

/** A connection that passes on its frames; their first bytes and payloads go to the log as well. */
function frameBench(options: Partial<ConnectionOptions> = {}): Bench {
  const bench = new Bench({ role: 'server', deliverFrames: true, ...options });
  Object.assign(bench.sink, {
    onFrame: (first: number, payload: Uint8Array) => bench.sink.log.push(`frame ${first.toString(16)} ${textOf(payload)}`),
  });
  return bench;
}

describe.each(['server', 'client'] as const)('%s passes on', (role) => {
  test('frames one by one, control frames as ever', () => {
    const bench = frameBench({ role });
    bench.receive({ payload: 'a' }, { opcode: 2, fin: false, payload: 'b' }, { opcode: 9, payload: 'p' });
    bench.receive({ opcode: 0, fin: false }, { opcode: 0, payload: 'c' });
    expect(bench.sink.log).toEqual(['frame 81 a', 'frame 2 b', 'ping p', 'frame 0 ', 'frame 80 c']);
    expect(bench.sentHex()).toEqual(['8a 70']);
    expect(bench.sink.messages).toEqual([]);
  });

  test('a frame that comes byte by byte', () => {
    const bench = frameBench({ role });
    for (const byte of bench.frame({ opcode: 2, payload: 'hello' })) bench.receive(Uint8Array.of(byte));
    expect(bench.sink.log).toEqual(['frame 82 hello']);
  });

  test('a payload that is the program’s to keep', () => {
    const payloads: Uint8Array[] = [];
    const bench = frameBench({ role });
    Object.assign(bench.sink, { onFrame: (_first: number, payload: Uint8Array) => payloads.push(payload) });
    bench.receive({ payload: 'first' }).receive({ payload: 'other' });
    expect(payloads).toEqual([utf8('first'), utf8('other')]);
  });

  test('no frame out of its place', () => {
    const bench = frameBench({ role });
    bench.receive({ opcode: 0, payload: 'a' }, { payload: 'b' });
    expect(bench.sink.log).toEqual(['fail 1002 WS_ERR_INVALID_OPCODE']);
  });

  test('more than a message may hold, but no frame that does', () => {
    const bench = frameBench({ role, maxPayload: 5 });
    bench.receive({ fin: false, payload: '12345' }, { opcode: 0, payload: '67890' }, { payload: '123456' });
    expect(bench.sink.log).toEqual(['frame 1 12345', 'frame 80 67890', 'fail 1009 WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']);
  });
});

describe('server limits frames', () => {
  const tooLarge = 'fail 1009 WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
  const limit = { role: 'server', maxFramePayload: 10 } as const;

  test.each<[string, FrameOptions[], string[]]>([
    ['of the longest length', [{ payload: '0123456789' }], ['message 0123456789']],
    ['one byte longer', [{ payload: '0123456789a' }], [tooLarge]],
    [
      'that are fragments',
      [
        { fin: false, payload: 'a' },
        { opcode: 0, payload: '0123456789a' },
      ],
      [tooLarge],
    ],
    [
      'but not messages',
      [
        { fin: false, payload: '0123456789' },
        { opcode: 0, payload: 'abc' },
      ],
      ['message 0123456789abc'],
    ],
  ])('%s', (_name, frames, log) => expect(new Bench(limit).receive(...frames).sink.log).toEqual(log));

  test('by what the header announces', () => {
    const bench = new Bench({ role: 'server', maxFramePayload: 1000 });
    bench.receive(bench.frame({ opcode: 2, payload: pattern(20), length: 1001 }));
    expect(bench.sink.log).toEqual([tooLarge]);
    expect(bench.sink.violation!.message).toBe('Max frame payload size exceeded: 1001');
  });

  test('beside messages', () => {
    const bench = new Bench({ role: 'server', maxFramePayload: 10, maxPayload: 5 });
    bench.receive({ payload: '123456' });
    expect(bench.sink.violation!.message).toBe('Max payload size exceeded');
  });
});

describe('connection asks', () => {
  test('whether to answer a ping', () => {
    const asked: string[] = [];
    const acceptsPing = (payload: Uint8Array): boolean => {
      asked.push(textOf(payload));
      return textOf(payload) !== 'no';
    };
    const bench = new Bench({ role: 'server', acceptsPing });
    bench.receive({ opcode: 9, payload: 'yes' }, { opcode: 9, payload: 'no' });
    expect(asked).toEqual(['yes', 'no']);
    expect(bench.sentHex()).toEqual(['8a 79 65 73']);
    expect(bench.sink.log).toEqual(['ping yes', 'ping no']);
  });

  test('what to say of a violation', () => {
    const bench = new Bench({ role: 'server', describeViolation: (error) => utf8(error.code) });
    bench.receive({ opcode: 3 });
    expect(bench.sent().map(({ payload }) => textOf(payload.subarray(2)))).toEqual(['WS_ERR_INVALID_OPCODE']);
  });
});

describe.each(['server', 'client'] as const)('%s sends', (role) => {
  test('frames that the program composes, and forgets them', () => {
    const bench = new Bench({ role });
    bench.connection.sendBytes(hex('61'), false, { firstByte: 0x73 });
    bench.connection.sendBytes(hex('62'), false, { firstByte: 0x01 });
    bench.connection.sendText('c');
    expect(bench.connection.bufferedAmount).toBe(3);
    const sent = bench.sent();
    expect(sent.map(({ first, payload }) => [first, textOf(payload)])).toEqual([
      [0x73, 'a'],
      [0x01, 'b'],
      [0x81, 'c'],
    ]);
    expect(sent.map(({ masked }) => masked)).toEqual(Array(3).fill(role === 'client'));
  });
});
