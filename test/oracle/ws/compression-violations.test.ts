// permessage-deflate: what a peer may send, and what it may not. RFC 7692 sections 6.2 and 7.2, in both roles, byte by byte.

import { once } from 'node:events';
import { constants, createDeflateRaw, type ZlibOptions } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { hex, pattern, utf8, type FrameOptions } from '../../support/frames.ts';
import { receivedCompressed, withCompression } from './lowlevel/compressed-peer.ts';
import { closed, ours, record, sameWithBoth, sleep, type Library } from './oracle.ts';
import { CLOSE, frames, type Role } from './raw-peer.ts';

const HELLO = hex('f248cdc9c90700');
/** "Hello" by a reference to the one before. */
const AGAIN = hex('f200110000');
const ROLES = ['client', 'server'] as const;

/** `parts` in one zlib context, each with the four bytes of its flush left out. */
async function deflated(parts: readonly Uint8Array[], options: ZlibOptions = {}): Promise<Buffer[]> {
  const stream = createDeflateRaw(options);
  let output: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => output.push(chunk));
  const results: Buffer[] = [];
  for (const part of parts) {
    stream.write(part);
    await new Promise<void>((resolve) => {
      stream.flush(constants.Z_SYNC_FLUSH, () => resolve());
    });
    results.push(Buffer.concat(output).subarray(0, -4));
    output = [];
  }
  stream.destroy();
  return results;
}

const fragment = (payload: Uint8Array, first: boolean, fin: boolean, opcode: number = 1): FrameOptions => ({
  payload,
  fin,
  opcode: first ? opcode : 0,
  rsv1: first,
});

const SEQUENCES: readonly (readonly [string, readonly FrameOptions[]])[] = [
  ['a compressed message', [{ payload: HELLO, rsv1: true }]],
  [
    'one that refers to the one before',
    [
      { payload: HELLO, rsv1: true },
      { payload: AGAIN, rsv1: true },
    ],
  ],
  ['bytes', [{ opcode: 2, payload: HELLO, rsv1: true }]],
  [
    'plain messages between',
    [{ payload: 'a' }, { payload: HELLO, rsv1: true }, { payload: 'b' }, { payload: AGAIN, rsv1: true }, { payload: 'c' }],
  ],
  ['fragments', [fragment(HELLO.subarray(0, 3), true, false), fragment(HELLO.subarray(3), false, true)]],
  [
    'fragments of a byte, and empty ones',
    [
      fragment(new Uint8Array(), true, false),
      ...Array.from(HELLO, (byte) => fragment(Uint8Array.of(byte), false, false)),
      fragment(new Uint8Array(), false, true),
    ],
  ],
  [
    'control frames between fragments',
    [
      fragment(HELLO.subarray(0, 3), true, false),
      { opcode: 9, payload: 'ping' },
      { opcode: 10, payload: 'pong' },
      fragment(HELLO.subarray(3), false, true),
    ],
  ],
  [
    'control frames behind',
    [
      { payload: HELLO, rsv1: true },
      { opcode: 9, payload: 'ping' },
      { opcode: 10, payload: 'pong' },
    ],
  ],
  ['an empty block', [{ payload: hex('00'), rsv1: true }]],
  ['nothing at all', [{ rsv1: true }]],
  ['blocks that are stored', [{ payload: hex('00 0500 faff 48656c6c6f 00'), rsv1: true }]],
  ['two blocks', [{ payload: hex('f248050000 00ffff cac9c90700'), rsv1: true }]],
  ['a block with BFINAL', [{ payload: hex('f348cdc9c9070000'), rsv1: true }]],
  [
    'a block with BFINAL, then more messages',
    [
      { payload: hex('f348cdc9c9070000'), rsv1: true },
      { payload: HELLO, rsv1: true },
    ],
  ],
  ['text beyond ASCII', [{ payload: hex('bab0edf092474d6b00'), rsv1: true }]],
];

const VIOLATIONS: readonly (readonly [string, readonly FrameOptions[]])[] = [
  ['what is no deflate stream', [{ payload: hex('ffffffff'), rsv1: true }]],
  ['what is none, in a fragment', [fragment(hex('ffff'), true, false), fragment(HELLO, false, true)]],
  ['a reference to what was never sent', [{ payload: AGAIN, rsv1: true }]],
  ['a stored block with a wrong length', [{ payload: hex('00 0500 0000 48656c6c6f 00'), rsv1: true }]],
  [
    'a good message, then a bad one, then a good one',
    [
      { payload: HELLO, rsv1: true },
      { payload: hex('ffff'), rsv1: true },
      { payload: HELLO, rsv1: true },
    ],
  ],
  ['text that is no UTF-8', [{ payload: hex('fa0f00'), rsv1: true }]],
  ['RSV1 on a continuation', [fragment(HELLO, true, false), { opcode: 0, rsv1: true }]],
  [
    'RSV1 on a continuation of a plain message',
    [
      { payload: 'x', fin: false },
      { opcode: 0, rsv1: true },
    ],
  ],
  ['RSV1 on a Ping', [{ opcode: 9, rsv1: true }]],
  ['RSV1 on a Pong', [{ opcode: 10, rsv1: true }]],
  ['RSV1 on a Close', [{ opcode: 8, rsv1: true }]],
  ['RSV1 and RSV2', [{ rsv1: true, rsv2: true }]],
  ['RSV1 and RSV3', [{ rsv1: true, rsv3: true }]],
  ['a message inside a compressed one', [fragment(HELLO.subarray(0, 3), true, false), { payload: 'x' }]],
];

async function seen(
  library: Library,
  role: Role,
  list: readonly FrameOptions[],
  options: Record<string, unknown> = {},
  parameters: string = '',
): Promise<unknown> {
  return receivedCompressed(library, role, [frames(role, list)], options, parameters);
}

describe.each(ROLES)('a %s', (role) => {
  test.each(SEQUENCES)('takes %s', (_, list) => sameWithBoth((library) => seen(library, role, [...list, CLOSE])));

  test.each(SEQUENCES)('takes %s, a byte a read', (_, list) =>
    sameWithBoth((library) =>
      receivedCompressed(
        library,
        role,
        Array.from(frames(role, [...list, CLOSE]), (byte) => Uint8Array.of(byte)),
      ),
    ),
  );

  test.each(VIOLATIONS)('refuses %s', (_, list) => sameWithBoth((library) => seen(library, role, [...list, CLOSE])));

  test.each(VIOLATIONS)('refuses %s, one event a turn', (_, list) =>
    sameWithBoth((library) => seen(library, role, [...list, CLOSE], { allowSynchronousEvents: false })),
  );

  test('with skipUTF8Validation takes any text', () =>
    sameWithBoth((library) =>
      seen(library, role, [{ payload: hex('fa0f00'), rsv1: true }, CLOSE], { skipUTF8Validation: true }),
    ));

  test('without the peer’s context refuses a reference to the message before', () => {
    const peer = role === 'client' ? 'server' : 'client';
    const list = [
      { payload: HELLO, rsv1: true },
      { payload: AGAIN, rsv1: true },
    ];
    return sameWithBoth((library) => seen(library, role, [...list, CLOSE], {}, `; ${peer}_no_context_takeover`));
  });

  test.each([8, 9, 12, 15])('with a window of 2^%i keeps to it', async (windowBits) => {
    const peer = role === 'client' ? 'server' : 'client';
    const far = Buffer.concat([utf8('needle'), pattern(20_000), utf8('needle')]);
    // Deflated with a large window: the second "needle" may refer to the first, which the agreed window does not reach.
    const [packed] = await deflated([Buffer.concat([far, far])], { windowBits: 15 });
    await sameWithBoth((library) =>
      seen(
        library,
        role,
        [{ opcode: 2, payload: packed, rsv1: true }, CLOSE],
        { perMessageDeflate: { maxMemoryPerConnection: 65536 } },
        `; ${peer}_max_window_bits=${windowBits}`,
      ),
    );
  });

  test.each<[string, number, number]>([
    ['as long as allowed', 1000, 1000],
    ['one byte too long', 1001, 1000],
    ['a bomb', 30_000_000, 1000],
    ['a bomb, against a large limit', 30_000_000, 1_000_000],
    ['without a limit', 3_000_000, 0],
  ])('checks maxPayload while it inflates: %s', async (_, length, maxPayload) => {
    const [packed] = await deflated([Buffer.alloc(length)]);
    await sameWithBoth((library) => seen(library, role, [{ opcode: 2, payload: packed, rsv1: true }, CLOSE], { maxPayload }));
  });

  test('checks maxPayload over all fragments', async () => {
    const [packed] = await deflated([Buffer.alloc(5000)]);
    const list = [fragment(packed.subarray(0, 5), true, false, 2), fragment(packed.subarray(5), false, true)];
    await sameWithBoth((library) => seen(library, role, [...list, CLOSE], { maxPayload: 4999 }));
  });

  test.each([2, 3])('counts fragments, maxFragments: %i', (maxFragments) => {
    const list = [0, 2, 4].map((at) => fragment(HELLO.subarray(at, at === 4 ? 7 : at + 2), at === 0, at === 4));
    return sameWithBoth((library) => seen(library, role, [...list, CLOSE], { maxFragments }));
  });

  test.each(['nodebuffer', 'arraybuffer', 'blob', 'fragments'])('binaryType %s', (binaryType) =>
    sameWithBoth((library) =>
      seen(library, role, [{ opcode: 2, payload: HELLO, rsv1: true }, { opcode: 2, rsv1: true, payload: hex('00') }, CLOSE], {
        binaryType,
      }),
    ),
  );

  test('binaryType fragments, in fragments, gives the same bytes', async () => {
    const [one, two] = await deflated([utf8('first part, '), utf8('second part')]);
    const list = [fragment(Buffer.concat([one, hex('0000ffff')]), true, false, 2), fragment(two, false, true)];
    // Where they are cut differs: we inflate a message as a whole.
    await sameWithBoth(async (library) => {
      const { log } = await receivedCompressed(library, role, [frames(role, [...list, CLOSE])], { binaryType: 'fragments' });
      const [, pieces] = log[0] as [string, string[]];
      return pieces.map((piece) => piece.replace(/^Buffer /, '')).join('');
    });
  });

  test('a Close frame behind a long message comes after it', async () => {
    const [packed] = await deflated([pattern(3_000_000)]);
    await sameWithBoth(async (library) => {
      const { ws, socket, end } = await withCompression(library, role);
      const log: unknown[] = [];
      ws.on('message', (data) => log.push(['message', (data as Buffer).length]));
      ws.on('close', (code) => log.push(['close', code]));
      socket.resume();
      socket.write(
        frames(role, [
          { opcode: 2, payload: packed, rsv1: true },
          { opcode: 8, payload: hex('03e9') },
        ]),
      );
      setTimeout(() => socket.end(), 100);
      await closed(ws);
      end();
      return log;
    });
  });

  // ws delivers what it is inflating, and fails on what does not inflate, after terminate() as well.
  test('of ours that is terminated drops the message that is being inflated', async () => {
    const [packed] = await deflated([Buffer.alloc(60_000_000, 'x')]);
    const { ws, socket, end } = await withCompression(ours, role);
    const log = record(ws, [], ['message', 'error', 'close']);
    socket.write(frames(role, [{ opcode: 9 }, { opcode: 2, payload: packed, rsv1: true }]));
    await once(ws, 'ping');
    ws.terminate();
    await closed(ws);
    await sleep(10);
    expect(log.map((entry) => (entry as unknown[])[0])).toEqual(['close']);
    end();
  });

  test('of ours that a listener terminates drops what comes behind', async () => {
    const { ws, socket, end } = await withCompression(ours, role);
    const log = record(ws, [], ['message', 'error', 'close']);
    ws.once('message', () => ws.terminate());
    const list = [
      { payload: HELLO, rsv1: true },
      { payload: hex('ffff'), rsv1: true },
    ];
    socket.write(frames(role, list));
    await closed(ws);
    expect(log.map((entry) => (entry as unknown[])[0])).toEqual(['message', 'close']);
    end();
  });

  test('of ours calls RSV1 on a reserved opcode the first fault', async () => {
    const { log, answer } = await receivedCompressed(ours, role, [frames(role, [{ opcode: 3, rsv1: true }])]);
    expect(log[0]).toMatchObject(['error', { code: 'WS_ERR_UNEXPECTED_RSV_1' }, 2]);
    expect(answer.endsWith('03 ea')).toBe(true);
  });
});

describe('an error of zlib', () => {
  test.each(ROLES)('reaches a %s with its code', async (role) => {
    const { log } = await receivedCompressed(ours, role, [frames(role, [{ payload: hex('ffff'), rsv1: true }])]);
    expect(log[0]).toEqual(['error', { name: 'Error', message: 'invalid block type', code: 'Z_DATA_ERROR' }, 2]);
  });
});
