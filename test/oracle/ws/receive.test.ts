// What comes in: raw frames against both libraries, in both roles. Events, close codes and the bytes that answer.

import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { concat, hex, toHex, utf8, type FrameOptions } from '../../support/frames.ts';
import { closed, record, sameWithBoth } from './oracle.ts';
import { CLOSE, frames, received, withRawPeer } from './raw-peer.ts';

const SEQUENCES: readonly (readonly [string, readonly FrameOptions[]])[] = [
  ['text', [{ payload: 'text' }]],
  ['empty text', [{ payload: '' }]],
  ['text beyond ASCII', [{ payload: 'жä€😀' }]],
  ['bytes', [{ opcode: 2, payload: 'bytes' }]],
  ['126 bytes', [{ opcode: 2, payload: 'x'.repeat(126) }]],
  ['65536 bytes', [{ opcode: 2, payload: 'x'.repeat(65536) }]],
  [
    'two fragments',
    [
      { payload: 'a', fin: false },
      { opcode: 0, payload: 'b' },
    ],
  ],
  [
    'empty fragments',
    [
      { payload: '', fin: false },
      { opcode: 0, payload: '', fin: false },
      { opcode: 0, payload: '' },
    ],
  ],
  [
    'a character cut in two',
    [
      { payload: hex('e282'), fin: false },
      { opcode: 0, payload: hex('ac') },
    ],
  ],
  [
    'a Ping between fragments',
    [
      { payload: 'a', fin: false },
      { opcode: 9, payload: 'p' },
      { opcode: 0, payload: 'b' },
    ],
  ],
  ['a Ping', [{ opcode: 9, payload: 'ping' }]],
  ['an empty Ping', [{ opcode: 9 }]],
  ['a Pong nobody asked for', [{ opcode: 10, payload: 'pong' }]],
  ['125 bytes of Ping', [{ opcode: 9, payload: 'x'.repeat(125) }]],
  ['many messages', Array.from({ length: 50 }, (_, index) => ({ payload: String(index) }))],
  ['a Close without a code', [{ opcode: 8 }]],
  ['a Close with a reason', [{ opcode: 8, payload: concat(hex('03e8'), utf8('reason')) }]],
  ['a Close, then more', [CLOSE, { payload: 'late' }]],
  ...[1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999].map((code): [string, FrameOptions[]] => [
    `Close ${code}`,
    [{ opcode: 8, payload: Buffer.from([code >> 8, code & 255]) }],
  ]),
];

const VIOLATIONS: readonly (readonly [string, readonly FrameOptions[]])[] = [
  ['RSV1', [{ payload: 'x', rsv1: true }]],
  ['RSV2', [{ payload: 'x', rsv2: true }]],
  ['RSV3', [{ payload: 'x', rsv3: true }]],
  ['RSV1 on a Ping', [{ opcode: 9, rsv1: true }]],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, FrameOptions[]] => [`opcode ${opcode}`, [{ opcode }]]),
  ['a continuation of nothing', [{ opcode: 0, payload: 'x' }]],
  ['a continuation of what was ended', [{ payload: 'x' }, { opcode: 0, payload: 'y' }]],
  ['text inside a message', [{ payload: 'x', fin: false }, { payload: 'y' }]],
  [
    'bytes inside a message',
    [
      { payload: 'x', fin: false },
      { opcode: 2, payload: 'y' },
    ],
  ],
  ['a fragmented Ping', [{ opcode: 9, fin: false }]],
  ['a fragmented Close', [{ opcode: 8, fin: false }]],
  ['126 bytes of Ping', [{ opcode: 9, payload: 'x'.repeat(126) }]],
  ['126 bytes of Close', [{ opcode: 8, payload: 'x'.repeat(126) }]],
  ['a Close of one byte', [{ opcode: 8, payload: 'x' }]],
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535].map((code): [string, FrameOptions[]] => [
    `Close ${code}`,
    [{ opcode: 8, payload: Buffer.from([code >> 8, code & 255]) }],
  ]),
  ['a reason that is not UTF-8', [{ opcode: 8, payload: hex('03e8ff') }]],
  ['text that is not UTF-8', [{ payload: hex('61ff') }]],
  ['text cut in a character', [{ payload: hex('e282') }]],
  ['a surrogate in UTF-8', [{ payload: hex('eda080') }]],
  ['a good message, then a bad one', [{ payload: 'good' }, { payload: hex('ff') }]],
  ['2^53 bytes', [{ opcode: 2, payload: '', length: 2n ** 53n }]],
];

describe.each(['client', 'server'] as const)('a %s', (role) => {
  test.each(SEQUENCES)('takes %s', (_, list) =>
    sameWithBoth((library) => received(library, role, [frames(role, [...list, CLOSE])])),
  );

  test.each(SEQUENCES.filter(([name]) => !/65536|many/.test(name)))('takes %s byte by byte', (_, list) =>
    sameWithBoth((library) => {
      const bytes = frames(role, [...list, CLOSE]);
      const step = Math.max(1, Math.ceil(bytes.length / 20));
      const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (__, index) =>
        bytes.subarray(index * step, (index + 1) * step),
      );
      return received(library, role, chunks);
    }),
  );

  test.each(VIOLATIONS)('refuses %s', (_, list) => sameWithBoth((library) => received(library, role, [frames(role, list)])));

  test('refuses the wrong kind of masking', () =>
    sameWithBoth((library) => received(library, role, [frames(role === 'client' ? 'server' : 'client', [{ payload: 'x' }])])));

  test.each([
    ['a whole message', [{ opcode: 2, payload: 'abc' }]],
    [
      'two fragments',
      [
        { opcode: 2, payload: 'abc', fin: false },
        { opcode: 0, payload: 'de' },
      ],
    ],
    ['an empty message', [{ opcode: 2 }]],
    ['empty fragments', [{ opcode: 2, fin: false }, { opcode: 0, fin: false }, { opcode: 0 }]],
    [
      'some empty fragments',
      [
        { opcode: 2, payload: 'a', fin: false },
        { opcode: 0, fin: false },
        { opcode: 0, payload: 'b' },
      ],
    ],
    [
      'a Ping between',
      [
        { opcode: 2, payload: 'a', fin: false },
        { opcode: 9, payload: 'p' },
        { opcode: 0, payload: 'b' },
      ],
    ],
    ['a long message', [{ opcode: 2, payload: 'x'.repeat(3000) }]],
    [
      'long fragments',
      [
        { opcode: 2, payload: 'x'.repeat(3000), fin: false },
        { opcode: 0, payload: 'y'.repeat(500) },
      ],
    ],
    [
      'two messages',
      [
        { opcode: 2, payload: 'a', fin: false },
        { opcode: 0, payload: 'b' },
        { opcode: 2, payload: 'cd' },
      ],
    ],
    [
      'text in fragments',
      [
        { payload: 'a', fin: false },
        { opcode: 0, payload: 'b' },
      ],
    ],
  ] as [string, FrameOptions[]][])('gives %s in the form of each binaryType', async (_, list) => {
    for (const binaryType of ['nodebuffer', 'arraybuffer', 'fragments', 'blob']) {
      for (const allowSynchronousEvents of [true, false]) {
        await sameWithBoth((library) =>
          received(library, role, [frames(role, [...list, CLOSE])], { binaryType, allowSynchronousEvents }),
        );
      }
    }
  });

  test.each([
    [5, [{ payload: '12345' }]],
    [5, [{ payload: '123456' }]],
    [
      5,
      [
        { payload: '123', fin: false },
        { opcode: 0, payload: '45' },
      ],
    ],
    [
      5,
      [
        { payload: '123', fin: false },
        { opcode: 0, payload: '456' },
      ],
    ],
    [5, [{ payload: '12345' }, { payload: '12345' }]],
    [5, [{ payload: '12345', fin: false }, { opcode: 9, payload: 'a longer ping' }, { opcode: 0 }]],
    [5, [{ opcode: 2, payload: '', length: 1000000n }]],
    [0, [{ payload: 'x'.repeat(70000) }]],
    [70000, [{ payload: 'x'.repeat(70001) }]],
  ] as [number, FrameOptions[]][])('keeps to maxPayload %s: case %#', (maxPayload, list) =>
    sameWithBoth((library) => received(library, role, [frames(role, [...list, CLOSE])], { maxPayload })),
  );

  test.each([
    [1, 1],
    [1, 2],
    [3, 3],
    [3, 4],
    [0, 40],
  ])('keeps to maxFragments %s with %s', (maxFragments, count) =>
    sameWithBoth((library) => {
      const list = Array.from({ length: count }, (_, index) => ({
        opcode: index === 0 ? 1 : 0,
        payload: 'x',
        fin: index === count - 1,
      }));
      return received(library, role, [frames(role, [...list, CLOSE])], { maxFragments });
    }),
  );

  test.each([
    [2, 10],
    [30, 10],
    [0, 10],
  ])('keeps to maxBufferedChunks %s with %s reads', (maxBufferedChunks, count) =>
    sameWithBoth(async (library) => {
      const bytes = frames(role, [{ opcode: 2, payload: 'x'.repeat(100) }, CLOSE]);
      const step = Math.ceil(bytes.length / count);
      const chunks = Array.from({ length: count }, (_, index) => bytes.subarray(index * step, (index + 1) * step));
      return received(library, role, chunks, { maxBufferedChunks });
    }),
  );

  test.each([hex('61ff'), hex('e282')])('passes on text unchecked with skipUTF8Validation', (payload) =>
    sameWithBoth((library) => received(library, role, [frames(role, [{ payload }, CLOSE])], { skipUTF8Validation: true })),
  );

  test.each([
    ['the end of TCP', (socket: Socket) => socket.end()],
    ['a reset', (socket: Socket) => socket.resetAndDestroy()],
    ['the end of TCP inside a frame', (socket: Socket) => socket.end(hex('8185'))],
  ] as const)('closes 1006 at %s', (_, act) =>
    sameWithBoth(async (library) => {
      const { ws, socket, end } = await withRawPeer(library, role, {});
      const log = record(ws, [], ['message', 'close', 'error']);
      act(socket);
      await closed(ws);
      end();
      return log;
    }),
  );

  test('gives up after closeTimeout', () =>
    sameWithBoth(async (library) => {
      const { ws, end } = await withRawPeer(library, role, { closeTimeout: 50 });
      const log = record(ws, [], ['message', 'close', 'error']);
      const start = Date.now();
      ws.close(1000);
      await closed(ws);
      end();
      return [log, Date.now() - start < 5000];
    }));

  test('sends frames of the same bytes', () =>
    sameWithBoth(async (library) => {
      const { ws, socket, end } = await withRawPeer(library, role, {});
      const answer: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => answer.push(chunk));
      ws.send('text');
      ws.send('');
      ws.send(Buffer.from('bytes'));
      ws.send('x'.repeat(200));
      ws.send(Buffer.alloc(66000, 1));
      ws.send('a', { fin: false });
      ws.ping('p');
      ws.send('b', { fin: true });
      ws.send('unusual', { mask: role === 'server' });
      ws.pong('unusual', role === 'server');
      ws.close(1000, 'bye');
      await expect.poll(() => Buffer.concat(answer).includes('bye')).toBe(true);
      ws.terminate();
      end();
      // The key of a frame that a server masks is random.
      const bytes = Buffer.concat(answer);
      return role === 'server' ? [bytes.length, toHex(bytes.subarray(0, 60000))] : toHex(bytes);
    }));
});
