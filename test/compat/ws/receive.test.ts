// What comes in: raw frames against both libraries, in both roles. Events, close codes and the bytes that answer.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import { concat, frame, hex, toHex, utf8, type FrameOptions } from '../../support/frames.ts';
import { closed, ours, rawServer, record, requestOf, sameWithBoth, sleep, until, type Library, type Socket_ } from './oracle.ts';

type Role = 'client' | 'server';
type Options = Record<string, unknown>;

/** A WebSocket of `library` whose peer is a raw socket. */
async function withRawPeer(library: Library, role: Role, options: Options): Promise<{ ws: Socket_; socket: Socket; end(): void }> {
  if (role === 'server') {
    const server = new library.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    await once(server, 'listening');
    const connected = once(server, 'connection') as Promise<[Socket_]>;
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(requestOf());
    const [[ws]] = await Promise.all([connected, once(socket, 'data')]);
    return { ws, socket, end: () => (socket.destroy(), server.close()) };
  }
  let peer!: Socket;
  const server = await rawServer((socket, head) => {
    peer = socket;
    const key = /^sec-websocket-key: (.*)$/im.exec(head)![1].trim();
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`);
  });
  // A mask of zeros makes what a client sends readable.
  const ws = new library.WebSocket(`ws://127.0.0.1:${server.port}`, { perMessageDeflate: false, generateMask() {}, ...options });
  await once(ws, 'open');
  return { ws, socket: peer, end: () => server.close() };
}

/** Writes `chunks` to one side, and gives what it emitted and answered until it closed. */
async function received(library: Library, role: Role, chunks: readonly Uint8Array[], options: Options & { binaryType?: string } = {}) {
  const { binaryType, ...others } = options;
  const { ws, socket, end } = await withRawPeer(library, role, others);
  if (binaryType !== undefined) ws.binaryType = binaryType as 'nodebuffer';
  const log = record(ws, [], ['message', 'ping', 'pong', 'close', 'error']);
  const answer: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => answer.push(chunk));
  socket.on('end', () => socket.end());
  for (const [index, chunk] of chunks.entries()) {
    if (index > 0) await sleep(3);
    socket.write(chunk);
  }
  // A server ends TCP; our client waits for that (RFC 6455 section 7.1.1), ws's does not.
  await until(() => ws.readyState >= ws.CLOSING);
  if (role === 'client') setTimeout(() => socket.end(), 5);
  await closed(ws);
  end();
  return { log, answer: toHex(Buffer.concat(answer)) };
}

/** Frames as the peer of `role` must send them. */
function frames(role: Role, list: readonly FrameOptions[]): Uint8Array {
  return concat(...list.map((options) => frame(role === 'server' ? { key: [0, 0, 0, 0], ...options } : options) as Uint8Array));
}

const CLOSE: FrameOptions = { opcode: 8, payload: hex('03e8') };

const SEQUENCES: readonly (readonly [string, readonly FrameOptions[]])[] = [
  ['text', [{ payload: 'text' }]],
  ['empty text', [{ payload: '' }]],
  ['text beyond ASCII', [{ payload: 'жä€😀' }]],
  ['bytes', [{ opcode: 2, payload: 'bytes' }]],
  ['126 bytes', [{ opcode: 2, payload: 'x'.repeat(126) }]],
  ['65536 bytes', [{ opcode: 2, payload: 'x'.repeat(65536) }]],
  ['two fragments', [{ payload: 'a', fin: false }, { opcode: 0, payload: 'b' }]],
  ['empty fragments', [{ payload: '', fin: false }, { opcode: 0, payload: '', fin: false }, { opcode: 0, payload: '' }]],
  ['a character cut in two', [{ payload: hex('e282'), fin: false }, { opcode: 0, payload: hex('ac') }]],
  ['a Ping between fragments', [{ payload: 'a', fin: false }, { opcode: 9, payload: 'p' }, { opcode: 0, payload: 'b' }]],
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
  ['bytes inside a message', [{ payload: 'x', fin: false }, { opcode: 2, payload: 'y' }]],
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
      const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (__, index) => bytes.subarray(index * step, (index + 1) * step));
      return received(library, role, chunks);
    }),
  );

  test.each(VIOLATIONS)('refuses %s', (_, list) => sameWithBoth((library) => received(library, role, [frames(role, list)])));

  test('refuses the wrong kind of masking', () =>
    sameWithBoth((library) => received(library, role, [frames(role === 'client' ? 'server' : 'client', [{ payload: 'x' }])])));

  test.each([
    ['a whole message', [{ opcode: 2, payload: 'abc' }]],
    ['two fragments', [{ opcode: 2, payload: 'abc', fin: false }, { opcode: 0, payload: 'de' }]],
    ['an empty message', [{ opcode: 2 }]],
    ['empty fragments', [{ opcode: 2, fin: false }, { opcode: 0, fin: false }, { opcode: 0 }]],
    ['some empty fragments', [{ opcode: 2, payload: 'a', fin: false }, { opcode: 0, fin: false }, { opcode: 0, payload: 'b' }]],
    ['a Ping between', [{ opcode: 2, payload: 'a', fin: false }, { opcode: 9, payload: 'p' }, { opcode: 0, payload: 'b' }]],
    ['a long message', [{ opcode: 2, payload: 'x'.repeat(3000) }]],
    ['long fragments', [{ opcode: 2, payload: 'x'.repeat(3000), fin: false }, { opcode: 0, payload: 'y'.repeat(500) }]],
    ['two messages', [{ opcode: 2, payload: 'a', fin: false }, { opcode: 0, payload: 'b' }, { opcode: 2, payload: 'cd' }]],
    ['text in fragments', [{ payload: 'a', fin: false }, { opcode: 0, payload: 'b' }]],
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
    [5, [{ payload: '123', fin: false }, { opcode: 0, payload: '45' }]],
    [5, [{ payload: '123', fin: false }, { opcode: 0, payload: '456' }]],
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
      const list = Array.from({ length: count }, (_, index) => ({ opcode: index === 0 ? 1 : 0, payload: 'x', fin: index === count - 1 }));
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
      await sleep(30);
      ws.terminate();
      end();
      // The key of a frame that a server masks is random.
      const bytes = Buffer.concat(answer);
      return role === 'server' ? [bytes.length, toHex(bytes.subarray(0, 60000))] : toHex(bytes);
    }));
});

describe('generateMask', () => {
  test.each([
    ['short text', 'short'],
    ['long text', 'x'.repeat(5000)],
    ['bytes', Buffer.from('bytes')],
    ['many bytes', Buffer.alloc(70000, 5)],
    ['very many bytes', Buffer.alloc(700000, 6)],
  ])('makes the key of %s', (_, data) =>
    sameWithBoth(async (library) => {
      const seen: unknown[] = [];
      let count = 0;
      const { ws, socket, end } = await withRawPeer(library, 'client', {
        generateMask(mask: Buffer) {
          seen.push(mask.length, Buffer.isBuffer(mask));
          mask.writeUInt32BE(0x01020304 + count++);
        },
      });
      const hash = process.getBuiltinModule('node:crypto').createHash('sha1');
      let length = 0;
      socket.on('data', (chunk: Buffer) => {
        length += chunk.length;
        hash.update(chunk);
      });
      ws.send(data);
      await new Promise((resolve) => void ws.ping('end', undefined, resolve as () => void));
      await sleep(50);
      ws.terminate();
      end();
      return [seen, count, length, hash.digest('hex')];
    }),
  );
});

describe('what differs by intention', () => {
  test.each(['client', 'server'] as const)('a %s of ours refuses a length that is not in its shortest form', async (role) => {
    const { log } = await received(ours, role, [frames(role, [{ payload: 'x', lengthBits: 16 }])]);
    expect(log[0]).toMatchObject(['error', { code: 'WS_ERR_INVALID_PAYLOAD_LENGTH_FORM' }, 2]);
  });

  test.each(['client', 'server'] as const)('a %s of ours calls a length with the top bit set a violation', async (role) => {
    const { log } = await received(ours, role, [frames(role, [{ opcode: 2, length: 2n ** 63n }])]);
    expect(log[0]).toMatchObject(['error', { code: 'WS_ERR_INVALID_PAYLOAD_LENGTH_FORM' }, 2]);
  });

  test('a server of ours takes a legal message of more fragments than ws allows', async () => {
    const list = Array.from({ length: 20000 }, (_, index) => ({ opcode: index === 0 ? 1 : 0, payload: 'x', fin: index === 19999 }));
    const { log } = await received(ours, 'server', [frames('server', [...list, CLOSE])]);
    expect(log[0]).toEqual(['message', `Buffer ${'x'.repeat(20000)}`, false, 1]);
  });
});
