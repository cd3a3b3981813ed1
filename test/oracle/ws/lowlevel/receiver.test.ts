// The Receiver export: bytes in, events out.

import { describe, expect, test } from 'vitest';
import { concat, hex, pattern, utf8, type FrameOptions } from '../../../support/frames.ts';
import { show, sleep } from '../oracle.ts';
import { eventsOf, framesFor, ours, receive, recordReceiver, sameWithBoth, theirs, type LowLevel } from './lowlevel.ts';

const CLOSE: FrameOptions = { opcode: 8, payload: hex('03e8') };

const SEQUENCES: readonly (readonly [string, readonly FrameOptions[]])[] = [
  ['nothing', []],
  ['text', [{ payload: 'text' }]],
  ['empty text', [{}]],
  ['text beyond ASCII', [{ payload: 'жä€😀' }]],
  ['bytes', [{ opcode: 2, payload: 'bytes' }]],
  ['65536 bytes', [{ opcode: 2, payload: pattern(65536) }]],
  ['400000 bytes', [{ opcode: 2, payload: pattern(400_000) }]],
  [
    'fragments with a Ping between',
    [
      { opcode: 2, payload: 'a', fin: false },
      { opcode: 9, payload: 'p' },
      { opcode: 0, fin: false },
      { opcode: 0, payload: 'b' },
    ],
  ],
  ['a Ping and a Pong', [{ opcode: 9, payload: 'ping' }, { opcode: 10 }]],
  ['many messages', Array.from({ length: 50 }, (_, index) => ({ payload: String(index) }))],
  ['a Close', [CLOSE]],
  ['a Close without a code', [{ opcode: 8 }]],
  ['a Close with a reason', [{ opcode: 8, payload: concat(hex('0bb8'), utf8('жreason')) }]],
  ['a message, a Close, then more', [{ payload: 'x' }, CLOSE, { payload: 'late' }, { rsv1: true }]],
  ['a message, then RSV1', [{ payload: 'x' }, { payload: 'y', rsv1: true }, { payload: 'late' }]],
  ['RSV2', [{ rsv2: true }]],
  ['RSV3', [{ rsv3: true }]],
  ['RSV1 on a Ping', [{ opcode: 9, rsv1: true }]],
  ...[3, 7, 11, 15].map((opcode): [string, FrameOptions[]] => [`opcode ${opcode}`, [{ opcode }]]),
  ['a continuation of nothing', [{ opcode: 0 }]],
  ['text inside a message', [{ fin: false }, { payload: 'y' }]],
  ['a fragmented Ping', [{ opcode: 9, fin: false }]],
  ['126 bytes of Ping', [{ opcode: 9, payload: 'x'.repeat(126) }]],
  ['a Close of one byte', [{ opcode: 8, payload: 'x' }]],
  ['a Close 1005', [{ opcode: 8, payload: hex('03ed') }]],
  ['a Close whose reason is no UTF-8', [{ opcode: 8, payload: hex('03e8ff') }]],
  ['text that is no UTF-8', [{ payload: hex('ff') }]],
];

describe.each([true, false])('a Receiver with isServer: %s', (isServer) => {
  test.each(SEQUENCES)('receives %s', (_, list) =>
    sameWithBoth(({ Receiver }) => receive(new Receiver({ isServer }), [framesFor(isServer, list)])),
  );

  test.each(SEQUENCES)('receives %s, one event a turn', (_, list) =>
    sameWithBoth(({ Receiver }) =>
      receive(new Receiver({ isServer, allowSynchronousEvents: false }), [framesFor(isServer, list)], 25),
    ),
  );

  // Without the callbacks: a violation is seen at its first byte, not when the header is complete.
  test.each(SEQUENCES.filter(([, list]) => framesFor(false, list).length < 200))('receives %s byte by byte', (_, list) =>
    sameWithBoth(async ({ Receiver }) => {
      const bytes = framesFor(isServer, list);
      const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));
      return eventsOf(await receive(new Receiver({ isServer }), chunks));
    }),
  );

  test('refuses the other side’s masking', () =>
    sameWithBoth(({ Receiver }) => receive(new Receiver({ isServer }), [framesFor(!isServer, [{ payload: 'x' }])])));
});

describe.each(['nodebuffer', 'arraybuffer', 'fragments', 'blob'] as const)('binaryType %s', (binaryType) => {
  test.each([true, false])('shapes binary messages, allowSynchronousEvents: %s', (allowSynchronousEvents) =>
    sameWithBoth(({ Receiver }) => {
      const list: FrameOptions[] = [
        { payload: 'text' },
        { opcode: 2, payload: 'bytes' },
        { opcode: 2 },
        { opcode: 2, payload: pattern(5000) },
        { opcode: 2, payload: 'ab', fin: false },
        { opcode: 0, fin: false },
        { opcode: 0, payload: 'c' },
        { payload: 'ab', fin: false },
        { opcode: 0, payload: 'c' },
      ];
      return receive(new Receiver({ binaryType, allowSynchronousEvents }), [framesFor(false, list)]);
    }),
  );
});

describe('limits', () => {
  test.each<[string, object, FrameOptions[]]>([
    ['maxPayload, reached', { maxPayload: 5 }, [{ payload: '12345' }]],
    ['maxPayload, passed', { maxPayload: 5 }, [{ payload: 'x' }, { payload: '123456' }]],
    [
      'maxPayload, by fragments',
      { maxPayload: 5 },
      [
        { payload: '123', fin: false },
        { opcode: 0, payload: '456' },
      ],
    ],
    ['maxPayload, and a Ping', { maxPayload: 5 }, [{ opcode: 9, payload: '1234567890' }]],
    [
      'maxFragments, reached',
      { maxFragments: 2 },
      [
        { fin: false, payload: 'a' },
        { opcode: 0, payload: 'b' },
      ],
    ],
    [
      'maxFragments, passed',
      { maxFragments: 2 },
      [
        { fin: false, payload: 'a' },
        { opcode: 0, fin: false, payload: 'b' },
        { opcode: 0, payload: 'c' },
      ],
    ],
    ['skipUTF8Validation', { skipUTF8Validation: true }, [{ payload: hex('ff') }]],
    ['options that are undefined', { maxPayload: undefined, isServer: undefined }, [{ payload: 'x' }]],
  ])('keeps to %s', (_, options, list) =>
    sameWithBoth(({ Receiver }) => receive(new Receiver(options), [framesFor(false, list)])),
  );

  test('maxBufferedChunks ends a message that comes in too many reads', async () => {
    const chunks = ['820a', '61', '61', '61', '61', '61', '61'].map((text) => Buffer.from(text, 'hex'));
    for (const { Receiver } of [ours, theirs]) {
      const log = await receive(new Receiver({ maxBufferedChunks: 3 }), chunks);
      const error = { name: 'RangeError', message: 'Too many buffered chunks', code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS' };
      expect(log).toContainEqual(['error', error]);
      expect(log.some((entry) => Array.isArray(entry) && entry[0] === 'message')).toBe(false);
    }
  });
});

describe('the stream', () => {
  const orderOf = async ({ Receiver }: LowLevel, allowSynchronousEvents: boolean, list: FrameOptions[]): Promise<unknown[]> => {
    const receiver = new Receiver({ allowSynchronousEvents });
    const log: unknown[] = [];
    for (const name of ['message', 'ping', 'conclude', 'finish', 'close', 'error']) {
      receiver.on(name, () => {
        log.push([name, receiver.writableEnded]);
        queueMicrotask(() => log.push(`microtask after ${name}`));
        process.nextTick(() => log.push(`tick after ${name}`));
        setImmediate(() => log.push(`turn after ${name}`));
      });
    }
    receiver.write(framesFor(false, list), () => log.push('callback'));
    log.push('written');
    setImmediate(() => log.push('turn'));
    await sleep(40);
    return log;
  };
  const list: FrameOptions[] = [{ payload: 'a' }, { opcode: 9 }, { payload: 'b' }];

  test.each([true, false])('emits in the same turns, allowSynchronousEvents: %s', (isSynchronous) =>
    sameWithBoth((library) => orderOf(library, isSynchronous, list)),
  );
  test.each([true, false])('emits in the same turns to a Close, allowSynchronousEvents: %s', (isSynchronous) =>
    sameWithBoth((library) => orderOf(library, isSynchronous, [...list, CLOSE])),
  );
  test.each([true, false])('emits in the same turns to a violation, allowSynchronousEvents: %s', (isSynchronous) =>
    sameWithBoth((library) => orderOf(library, isSynchronous, [...list, { opcode: 3 }])),
  );

  test('is a Writable like any other', () =>
    sameWithBoth(({ Receiver }) => {
      const receiver = new Receiver();
      return [
        receiver.writable,
        receiver.writableHighWaterMark,
        receiver.writableObjectMode,
        receiver.constructor.name,
        Receiver.length,
      ];
    }));

  test('takes strings as Latin-1 or hexadecimal, as asked', () =>
    sameWithBoth(async ({ Receiver }) => {
      const receiver = new Receiver();
      const log = recordReceiver(receiver);
      receiver.write('\x81\x01a', 'latin1');
      receiver.write('810162', 'hex');
      await sleep(10);
      return log;
    }));

  test('refuses a write after the Close frame', () =>
    sameWithBoth(({ Receiver }) => receive(new Receiver(), [framesFor(false, [CLOSE]), framesFor(false, [{ payload: 'x' }])])));

  test.each(['end', 'destroy'] as const)('%s() in the middle of a message', (method) =>
    sameWithBoth(async ({ Receiver }) => {
      const receiver = new Receiver();
      const log = recordReceiver(receiver);
      receiver.write(Buffer.from('810561', 'hex'));
      receiver[method]();
      await sleep(10);
      return log;
    }),
  );

  test('a listener may write to it', () =>
    sameWithBoth(async ({ Receiver }) => {
      const receiver = new Receiver();
      const log = recordReceiver(receiver);
      receiver.once('message', () => receiver.write(framesFor(false, [{ payload: 'inner' }])));
      receiver.write(framesFor(false, [{ payload: 'a' }, { payload: 'b' }]));
      await sleep(10);
      return log;
    }));

  test('what it emits is the program’s to keep', async () => {
    const receiver = new ours.Receiver();
    const messages: Buffer[] = [];
    receiver.on('message', (data) => messages.push(data as Buffer));
    for (const payload of ['one', 'two', 'three']) receiver.write(framesFor(false, [{ payload }, { payload }]));
    await sleep(5);
    expect(messages.map(show)).toEqual(['one', 'one', 'two', 'two', 'three', 'three'].map((text) => `Buffer ${text}`));
  });

  test('a listener of one may write to another', async () => {
    const [outer, inner] = [new ours.Receiver(), new ours.Receiver()];
    const log: unknown[] = [];
    outer.on('message', (data) => {
      log.push(['outer', show(data)]);
      inner.write(framesFor(false, [{ payload: `in ${(data as Buffer).toString()}` }]));
    });
    inner.on('message', (data) => log.push(['inner', show(data)]));
    outer.write(framesFor(false, [{ payload: 'a' }, { payload: 'b' }]));
    await sleep(10);
    const expected = ['a', 'b'].map((text) => ['inner', `Buffer in ${text}`]);
    expect(log.filter((entry) => (entry as string[])[0] === 'inner')).toEqual(expected);
    expect(log.filter((entry) => (entry as string[])[0] === 'outer')).toHaveLength(2);
  });
});
