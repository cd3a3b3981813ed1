import { describe, expect, test } from 'vitest';
import { INPUT_BYTES, RECORD_CAPACITY } from '../../../assembly/layout.ts';
import { MESSAGE_ASCII, MESSAGE_OWNED, MESSAGE_TEXT } from '../../../src/platform.ts';
import { expectBytes } from '../../support/bytes.ts';
import { Bench, KEY, textOf } from '../../support/connection-bench.ts';
import { concat, frame, hex, pattern, toHex, utf8, type FrameOptions } from '../../support/frames.ts';

describe.each(['client', 'server'] as const)('%s', (role) => {
  test('receives text and binary, and says what they are', () => {
    const bench = new Bench({ role });
    bench.receive({ payload: 'abc' }, { payload: 'né' }, { opcode: 2, payload: 'x' }, { payload: '' }, { opcode: 2 });
    expect(bench.sink.messages.map(({ kind }) => kind)).toEqual([
      MESSAGE_TEXT | MESSAGE_ASCII,
      MESSAGE_TEXT,
      0,
      MESSAGE_TEXT | MESSAGE_ASCII,
      0,
    ]);
    expect(bench.sink.log).toEqual(['message abc', 'message né', 'message x', 'message ', 'message ']);
  });

  test('joins fragments, with control frames between them', () => {
    const bench = new Bench({ role });
    bench.receive(
      { fin: false, payload: 'a' },
      { opcode: 9, payload: 'p' },
      { opcode: 0, fin: false, payload: '' },
      { opcode: 10, payload: 'q' },
      { opcode: 0, payload: 'bc' },
      { opcode: 2, fin: false, payload: 'd' },
      { opcode: 0, payload: 'é' },
    );
    expect(bench.sink.log).toEqual(['ping p', 'pong q', 'message abc', 'message dé']);
    expect(bench.sink.messages.map(({ kind }) => kind)).toEqual([MESSAGE_TEXT | MESSAGE_ASCII | MESSAGE_OWNED, MESSAGE_OWNED]);
    expect(bench.sentHex()).toEqual(['8a 70']);
  });

  test('calls text ASCII only if all of its fragments are', () => {
    const bench = new Bench({ role });
    const euro = utf8('€');
    bench.receive({ fin: false, payload: euro.subarray(0, 1) }, { opcode: 0, payload: euro.subarray(1) });
    bench.receive({ fin: false, payload: 'é' }, { opcode: 0, payload: 'a' });
    bench.receive({ fin: false, payload: 'a' }, { opcode: 0, payload: 'b' });
    expect(bench.sink.messages.map(({ kind }) => kind & MESSAGE_ASCII)).toEqual([0, 0, MESSAGE_ASCII]);
  });

  test.each([0, 1, 125, 126, 127, 65535, 65536, 131072, INPUT_BYTES, 1_000_003])(
    'receives %i bytes at once and in pieces',
    (length) => {
      const payload = pattern(length);
      const bench = new Bench({ role });
      const bytes = bench.frame({ opcode: 2, payload });
      bench.receive(bytes, { payload: 'end' });
      for (const size of [65536, 1021]) {
        for (let at = 0; at < bytes.length; at += size) bench.connection.receive(bytes.subarray(at, at + size));
      }
      expect(bench.sink.messages).toHaveLength(4);
      for (const index of [0, 2, 3]) expectBytes(bench.sink.messages[index].bytes, payload);
    },
  );

  test('receives a stream one byte at a time', () => {
    const bench = new Bench({ role });
    const bytes = concat(
      bench.frame({ fin: false, payload: 'né' }),
      bench.frame({ opcode: 9, payload: pattern(125) }),
      bench.frame({ opcode: 0, payload: pattern(200).map((byte) => byte & 0x7f) }),
      bench.frame({ opcode: 8, payload: hex('03e8 6279') }),
    );
    for (const byte of bytes) bench.connection.receive(Uint8Array.of(byte));
    expect(bench.sink.log).toEqual(['ping (125)', 'message (203)', 'close']);
    expect(bench.end()).toEqual([1000, 'by', true]);
  });

  test('receives more frames in a chunk than the record table holds', () => {
    const bench = new Bench({ role });
    const count = RECORD_CAPACITY * 2 + 3;
    const one = bench.frame({ payload: 'x' });
    const bytes = new Uint8Array(one.length * count);
    for (let index = 0; index < count; index++) bytes.set(one, index * one.length);
    bench.receive(bytes);
    expect(bench.sink.log).toHaveLength(count);
    expect(new Set(bench.sink.log)).toEqual(new Set(['message x']));
  });

  test('masks as the role demands, or as the options say', () => {
    const bench = new Bench({ role });
    const { connection } = bench;
    connection.sendText('a');
    connection.sendBytes(utf8('b'), false, {});
    connection.ping(utf8('c'));
    connection.sendText('d', { mask: false });
    connection.sendBytes(utf8('e'), false, { mask: true });
    connection.pong(utf8('f'), undefined, true);
    connection.ping(utf8('g'), undefined, false);
    connection.close(1000);
    const byRole = role === 'client';
    const frames = bench.sent();
    expect(frames.map(({ masked }) => masked)).toEqual([byRole, byRole, byRole, false, true, true, false, byRole]);
    expect(frames.map(({ payload }) => textOf(payload)).slice(0, 7)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  });

  test('sends fragments: the first names the type, the others continue', () => {
    const bench = new Bench({ role });
    const { connection } = bench;
    connection.sendText('a', { fin: false });
    connection.sendBytes(utf8('b'), false, { fin: false });
    connection.ping(utf8('p'));
    connection.sendText('c', { fin: true });
    connection.sendText('d');
    connection.sendBytes(utf8('e'), true, { fin: false });
    connection.sendBytes(utf8('f'), false, {});
    connection.sendBytes(utf8('g'), false);
    expect(bench.sentHex()).toEqual(['01 61', '00 62', '89 70', '80 63', '81 64', '01 65', '80 66', '82 67']);
  });

  test('refuses control frames that RFC 6455 section 5.5 forbids, and queues nothing', () => {
    const bench = new Bench({ role });
    const { connection } = bench;
    const long = new Uint8Array(126);
    expect(() => connection.ping(long)).toThrow(expect.objectContaining({ code: 'WS_ERR_USAGE' }));
    expect(() => connection.pong(long)).toThrow('125');
    expect(() => connection.close(1000, new Uint8Array(124))).toThrow('123');
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, NaN]) {
      expect(() => connection.close(code)).toThrow(expect.objectContaining({ code: 'WS_ERR_USAGE' }));
    }
    expect(bench.sent()).toEqual([]);
    connection.ping(new Uint8Array(125));
    connection.pong(new Uint8Array(125));
    connection.close(4999, new Uint8Array(123));
    expect(bench.sent().map(({ first }) => first)).toEqual([0x89, 0x8a, 0x88]);
  });

  test.each([
    ['a code and a reason', '03e9 676f', 1001, 'go', '88 03 e9 67 6f'],
    ['a code', '0fa0', 4000, '', '88 0f a0'],
    ['nothing', '', 1005, '', '88'],
  ])('answers a Close frame with %s', (_, payload, code, reason, answer) => {
    const bench = new Bench({ role });
    bench.receive({ opcode: 8, payload: hex(payload) }, { payload: 'late' });
    expect(bench.sink.log).toEqual(['close']);
    expect(bench.sentHex()).toEqual([answer]);
    bench.connection.close(1000);
    expect(bench.sent()).toEqual([]);
    expect(bench.end()).toEqual([code, reason, true]);
  });

  test('sends one Close frame when both begin', () => {
    const bench = new Bench({ role });
    bench.connection.close(1001, utf8('me'));
    bench.receive({ opcode: 8, payload: hex('03e8') });
    expect(bench.sentHex()).toEqual(['88 03 e9 6d 65']);
    expect(bench.end()).toEqual([1000, '', true]);
  });

  test('hears messages, and answers pings, between its Close frame and the answer to it', () => {
    const bench = new Bench({ role });
    bench.connection.close();
    bench.receive({ payload: 'still' }, { opcode: 9, payload: 'p' });
    expect(bench.sink.log).toEqual(['message still', 'ping p']);
    expect(bench.sentHex()).toEqual(['88', '8a 70']);
  });

  const INVALID: readonly [string, FrameOptions, string][] = [
    ['RSV1', { rsv1: true, payload: 'a' }, '1002 WS_ERR_UNEXPECTED_RSV_1'],
    ['RSV2', { rsv2: true }, '1002 WS_ERR_UNEXPECTED_RSV_2_3'],
    ['RSV3', { rsv3: true }, '1002 WS_ERR_UNEXPECTED_RSV_2_3'],
    ['opcode 3', { opcode: 3 }, '1002 WS_ERR_INVALID_OPCODE'],
    ['opcode 15', { opcode: 15 }, '1002 WS_ERR_INVALID_OPCODE'],
    ['a continuation of nothing', { opcode: 0 }, '1002 WS_ERR_INVALID_OPCODE'],
    ['a fragmented ping', { opcode: 9, fin: false }, '1002 WS_ERR_EXPECTED_FIN'],
    ['a ping of 126 bytes', { opcode: 9, payload: pattern(126) }, '1002 WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    ['a length that is not in its shortest form', { payload: 'a', lengthBits: 16 }, '1002 WS_ERR_INVALID_PAYLOAD_LENGTH_FORM'],
    ['a length above 2^53 - 1', { length: 2n ** 53n }, '1009 WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'],
    ['invalid UTF-8', { payload: hex('61 ff') }, '1007 WS_ERR_INVALID_UTF8'],
    ['text that ends in a character', { payload: hex('e2 82') }, '1007 WS_ERR_INVALID_UTF8'],
    ['a Close frame of one byte', { opcode: 8, payload: hex('03') }, '1002 WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    ['close code 1005', { opcode: 8, payload: hex('03ed') }, '1002 WS_ERR_INVALID_CLOSE_CODE'],
    ['close code 0', { opcode: 8, payload: hex('0000') }, '1002 WS_ERR_INVALID_CLOSE_CODE'],
    ['a close reason that is not UTF-8', { opcode: 8, payload: hex('03e8 c0') }, '1007 WS_ERR_INVALID_UTF8'],
  ];

  test.each(INVALID)('fails %s, delivers what came before, ignores the rest', (_, options, outcome) => {
    for (const isCut of [false, true]) {
      const bench = new Bench({ role });
      const bytes = concat(bench.frame({ payload: 'before' }), bench.frame(options), bench.frame({ payload: 'after' }));
      if (isCut) for (const byte of bytes) bench.connection.receive(Uint8Array.of(byte));
      else bench.receive(bytes);
      bench.receive({ payload: 'later' });
      expect(bench.sink.log).toEqual(['message before', `fail ${outcome}`]);
      expect(bench.sentHex()).toEqual([`88 ${toHex(hex(Number(outcome.slice(0, 4)).toString(16).padStart(4, '0')))}`]);
      expect(bench.platform.codec.isDelivering).toBe(false);
      expect(bench.end()).toEqual([1006, '', false]);
    }
  });

  test('fails the wrong mask', () => {
    const bench = new Bench({ role });
    if (role === 'server') bench.receive(frame({ payload: 'a' }));
    else bench.receive(frame({ payload: 'a', key: KEY }));
    expect(bench.sink.violation?.code).toBe(role === 'server' ? 'WS_ERR_EXPECTED_MASK' : 'WS_ERR_UNEXPECTED_MASK');
  });

  test('fails text at its first bad byte, in the middle of an unfinished frame', () => {
    const bench = new Bench({ role });
    bench.receive(bench.frame({ payload: concat(utf8('abc'), hex('ff'), pattern(1000)) }).subarray(0, 14));
    expect(bench.sink.log).toEqual(['fail 1007 WS_ERR_INVALID_UTF8']);
  });

  test('passes bad text on when told to', () => {
    const bench = new Bench({ role, skipUtf8Validation: true });
    bench.receive({ payload: hex('ff') });
    expect(bench.sink.messages).toEqual([{ bytes: hex('ff'), kind: MESSAGE_TEXT }]);
  });

  test('a throwing listener loses no message, and its error reaches the program', () => {
    const bench = new Bench({ role });
    bench.sink.onEvent = (event) => {
      throw new Error(event);
    };
    bench.receive(
      { payload: 'a' },
      { opcode: 9, payload: 'b' },
      { opcode: 10, payload: 'c' },
      { fin: false, payload: 'd' },
      { opcode: 0, payload: 'e' },
      { opcode: 8 },
    );
    const all = ['message a', 'ping b', 'pong c', 'message de', 'close'];
    expect(bench.sink.log).toEqual(all);
    expect(bench.platform.codec.isDelivering).toBe(false);
    expect(bench.platform.uncaught).toEqual([]);
    expect(bench.sentHex()).toEqual(['8a 62', '88']);
    expect(bench.platform.uncaught.map((error) => (error as Error).message)).toEqual(all);
  });

  test('receiveEnd forgets the unfinished', () => {
    const bench = new Bench({ role });
    bench.receive({ fin: false, payload: 'abc' });
    bench.receive(bench.frame({ opcode: 0, payload: 'def' }).subarray(0, 1));
    bench.connection.receiveEnd();
    bench.receive({ payload: 'x' });
    expect(bench.sink.log).toEqual([]);
    expect(bench.sent()).toEqual([]);
    expect(bench.end()).toEqual([1006, '', false]);
  });

  test('a listener that ends the connection hears no more of the chunk', () => {
    const bench = new Bench({ role });
    bench.sink.onEvent = () => bench.connection.terminate();
    bench.receive({ payload: 'a' }, { payload: 'b' }, { opcode: 3 });
    expect(bench.sink.log).toEqual(['message a']);
  });
});
