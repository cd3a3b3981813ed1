// permessage-deflate: what is sent, and when. RFC 7692 sections 6 and 7.2.

import { constants, inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { pattern, toHex } from '../../support/frames.ts';
import { messagesIn, withCompression } from './lowlevel/compressed-peer.ts';
import {
  closed,
  open,
  ours,
  sameOnAllSides,
  sameWithBoth,
  show,
  sleep,
  theirs,
  until,
  type Library,
  type Pair,
  type Socket_,
} from './oracle.ts';
import type { Role } from './raw-peer.ts';

const LONG = 'wasock and ws '.repeat(5000);
type Send = readonly [data: unknown, options?: Parameters<Socket_['send']>[1]];

/** The frames in `bytes`: the first header byte of each, and the payload, inflated. Each message may refer to those before it. */
function framesIn(bytes: Buffer, isMasked: boolean): [number, string][] {
  const frames: [number, string][] = [];
  let window = Buffer.alloc(0);
  let parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at];
    const short = bytes[at + 1] & 0x7f;
    const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    at += (short < 126 ? 2 : short === 126 ? 4 : 10) + (isMasked ? 4 : 0);
    const payload = bytes.subarray(at, (at += size));
    const isCompressed = (first & 0x40) !== 0 || parts.length > 0;
    if (!isCompressed || (first & 0x08) !== 0) {
      frames.push([first, toHex(payload)]);
      continue;
    }
    // The fragments of a message, of which the last lacks the four bytes of the flush (RFC 7692 section 7.2.1).
    parts.push(payload);
    if ((first & 0x80) === 0) {
      frames.push([first, 'a fragment']);
      continue;
    }
    const packed = Buffer.concat([...parts, Buffer.from([0, 0, 0xff, 0xff])]);
    const plain = inflateRawSync(packed, {
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(window.length > 0 && { dictionary: window }),
    });
    window = Buffer.concat([window, plain]).subarray(-32768);
    parts = [];
    frames.push([first, toHex(plain)]);
  }
  return frames;
}

/** What a WebSocket writes for some messages, inflated, and how many of them its callbacks told of. */
async function written(
  library: Library,
  role: Role,
  list: readonly Send[],
  options: object = {},
  parameters: string = '',
): Promise<unknown> {
  const perMessageDeflate = { threshold: 0, ...options };
  const { ws, socket, received, end } = await withCompression(library, role, { perMessageDeflate }, parameters);
  const order: unknown[] = [];
  for (const [index, [data, how]] of list.entries()) {
    ws.send(data as string, how ?? {}, (error) => order.push(error ? [index, show(error)] : index));
  }
  await until(() => order.length === list.length);
  await new Promise((resolve) => {
    ws.ping('end', undefined, resolve);
  });
  await until(() => Buffer.concat(received).includes('end'));
  ws.terminate();
  socket.destroy();
  end();
  return [order, framesIn(Buffer.concat(received), role === 'client')];
}

describe.each(['client', 'server'] as const)('a %s', (role) => {
  const own = role;
  const other = role === 'client' ? 'server' : 'client';
  const MESSAGES: readonly Send[] = [
    ['hello'],
    ['hello'],
    [Buffer.from('hello')],
    ['жä€😀'],
    [''],
    [Buffer.from(pattern(500))],
    [LONG],
  ];

  test.each<[string, object, string]>([
    ['with both contexts', {}, ''],
    ['without its own context', {}, `; ${own}_no_context_takeover`],
    ['without the other’s context', {}, `; ${other}_no_context_takeover`],
    ...[8, 9, 10, 12, 15].map((bits): [string, object, string] => [
      `with ${bits} window bits`,
      {},
      `; ${own}_max_window_bits=${bits}`,
    ]),
    ['with the other’s window small', {}, `; ${other}_max_window_bits=8`],
    ['with zlib options', { zlibDeflateOptions: { level: 1, memLevel: 2, strategy: 1 } }, ''],
    ['with windowBits for zlib, which the agreement overrides', { zlibDeflateOptions: { windowBits: 9 } }, ''],
    ['with a small chunkSize', { zlibDeflateOptions: { chunkSize: 64 } }, ''],
    ['with concurrencyLimit', { concurrencyLimit: 1 }, ''],
  ])('sends the same frames and messages %s', (_, options, parameters) =>
    sameWithBoth((library) =>
      written(
        library,
        role,
        MESSAGES.filter(([data]) => data !== ''),
        options,
        parameters,
      ),
    ),
  );

  test('sends an empty message as one empty block', () =>
    sameWithBoth((library) => written(library, role, [[''], ['x'], ['']], {}, `; ${own}_no_context_takeover`)));

  // A long one is cut into stored blocks by the size of the buffers that zlib happens to be given.
  test('sends the same frames and messages without compressing', () =>
    sameWithBoth((library) =>
      written(library, role, [['hello'], [Buffer.from(pattern(500))], ['hello']], { zlibDeflateOptions: { level: 0 } }),
    ));

  test('of ours takes compress: undefined for the default, as it does with all options', async () => {
    const [, plain] = (await written(theirs, role, [['hello', { compress: undefined }]])) as [unknown, [number, string][]];
    const [, packed] = (await written(ours, role, [['hello', { compress: undefined }]])) as [unknown, [number, string][]];
    expect([plain[0][0], packed[0][0]]).toEqual([0x81, 0xc1]);
  });

  test.each<[string, object]>([
    ['the default', { threshold: undefined }],
    ['10 bytes', { threshold: 10 }],
    ['no bytes', { threshold: 0 }],
  ])('keeps to a threshold of %s where it keeps no context', (_, options) =>
    sameWithBoth((library) =>
      written(
        library,
        role,
        [9, 10, 1023, 1024].flatMap((length): Send[] => [['x'.repeat(length)], [Buffer.alloc(length, 120)]]),
        options,
        `; ${own}_no_context_takeover`,
      ),
    ),
  );

  test('disregards the threshold where it keeps a context', () =>
    sameWithBoth((library) => written(library, role, [['short'], ['short'], ['x'.repeat(2000)]], { threshold: 1024 })));

  test('compresses the messages that may be', () =>
    sameWithBoth((library) =>
      written(library, role, [
        ['hello', { compress: true }],
        ['hello', { compress: false }],
        ['hello', { compress: true }],
        [Buffer.from('hello'), { compress: false, binary: true }],
        ['hello'],
      ]),
    ));

  test('compresses fragments as one message', () =>
    sameWithBoth((library) =>
      written(library, role, [
        ['first ', { fin: false }],
        ['second ', { fin: false }],
        ['third', { fin: true }],
        ['hello', { fin: false, compress: false }],
        ['hello', { fin: true, compress: true }],
        ['hello', { fin: false, compress: true }],
        ['hello', { fin: true, compress: false }],
        ['hello'],
      ]),
    ));

  test('decides by the first fragment whether a message is long enough', () =>
    sameWithBoth((library) =>
      written(
        library,
        role,
        [
          ['short', { fin: false }],
          ['x'.repeat(20), { fin: true }],
          ['x'.repeat(20), { fin: false }],
          ['short', { fin: true }],
        ],
        { threshold: 10 },
        `; ${own}_no_context_takeover`,
      ),
    ));

  test('sends Blobs and what follows them in order', () =>
    sameWithBoth((library) => written(library, role, [[new Blob(['hello'])], ['hello'], [new Blob([LONG])], ['end of it']])));
});

/** Waits until both have seen as many messages as the other sent, then closes. */
async function finish(pair: Pair, toPeer: number, toClient: number): Promise<unknown> {
  await until(() => messagesIn(pair.peerLog) === toPeer && messagesIn(pair.clientLog) === toClient);
  return pair.end();
}

const BOTH = [{ perMessageDeflate: { threshold: 0 } }, { perMessageDeflate: { threshold: 0 } }] as const;

describe('between two', () => {
  test.each(['nodebuffer', 'arraybuffer', 'blob'])('binaryType %s', (binaryType) =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides, ...BOTH);
      pair.client.binaryType = pair.peer.binaryType = binaryType as 'nodebuffer';
      const messages = ['text', Buffer.from('bytes'), Buffer.alloc(0), Buffer.from(pattern(100_000)), LONG];
      for (const data of messages) {
        pair.client.send(data);
        pair.peer.send(data);
      }
      return finish(pair, messages.length, messages.length);
    }),
  );

  test('binaryType fragments gives all bytes in order', async () => {
    for (const sides of [ours, theirs].map((server) => ({ client: theirs, server }))) {
      const pair = await open(sides, ...BOTH);
      pair.peer.binaryType = 'fragments';
      const messages: unknown[] = [];
      pair.peer.on('message', (data) => messages.push(Buffer.concat(data as Buffer[]).toString('latin1')));
      pair.client.send(Buffer.from('one'), { fin: false });
      pair.client.send(Buffer.from('two'), { fin: true });
      pair.client.send(Buffer.alloc(5000, 120));
      await finish(pair, 2, 0);
      expect(messages).toEqual(['onetwo', 'x'.repeat(5000)]);
    }
  });

  test('many short messages of both kinds, compressed or not', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides, ...BOTH);
      for (let index = 0; index < 300; index++) {
        const data = index % 3 === 0 ? Buffer.from(`bytes ${index}`) : `text ${index}`;
        pair.client.send(data, { compress: index % 4 !== 0 });
        pair.peer.send(data, { compress: index % 5 !== 0 });
      }
      return finish(pair, 300, 300);
    }));

  test('a close() behind long messages comes after them', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides, ...BOTH);
      const callbacks: unknown[] = [];
      for (const text of [LONG.repeat(40), 'short', LONG.repeat(20)]) {
        pair.client.send(text, (error) => callbacks.push([text.length, show(error ?? null)]));
      }
      pair.client.close(1000, 'done');
      await Promise.all([closed(pair.client), closed(pair.peer)]);
      pair.server.close();
      const lengths = pair.peerLog.map((entry) => {
        const [name, data, ...others] = entry as [string, string, ...unknown[]];
        return name === 'message' ? [name, data.length] : [name, data, ...others];
      });
      return [lengths, callbacks];
    }));

  test('allowSynchronousEvents: false gives one message a turn', () =>
    sameOnAllSides(async (sides) => {
      const settings = { perMessageDeflate: { threshold: 0 }, allowSynchronousEvents: false };
      const pair = await open(sides, settings, settings);
      const turns: number[] = [];
      let turn = 0;
      const tick = (): void => {
        turn++;
        if (pair.peer.readyState === 1) setImmediate(tick);
      };
      tick();
      pair.peer.on('message', () => turns.push(turn));
      for (const data of ['a', 'b', 'c', LONG]) pair.client.send(data);
      const result = await finish(pair, 4, 0);
      return [new Set(turns).size, result];
    }));

  test('pause() and resume() with messages under way', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides, ...BOTH);
      pair.peer.pause();
      for (const data of ['a', LONG, 'b']) pair.client.send(data);
      await sleep(30);
      const before = messagesIn(pair.peerLog);
      pair.peer.resume();
      return [before, await finish(pair, 3, 0)];
    }));
});

describe('while a message is being compressed', () => {
  const bytes = Buffer.from(pattern(8_000_000));

  test.each(['client', 'server'] as const)('bufferedAmount of a %s counts what waits, and falls to nothing', async (role) => {
    for (const library of [ours, theirs]) {
      const { ws, socket, end } = await withCompression(library, role, { perMessageDeflate: { threshold: 0 } });
      socket.resume();
      const sent = new Promise((resolve) => {
        ws.send(bytes, resolve);
      });
      expect(ws.bufferedAmount).toBe(bytes.length);
      ws.send('behind');
      expect(ws.bufferedAmount).toBe(bytes.length + 6);
      await sent;
      await until(() => ws.bufferedAmount === 0);
      ws.terminate();
      end();
    }
  });

  test.each(['client', 'server'] as const)('terminate() of a %s tells the callbacks', async (role) => {
    for (const library of [ours, theirs]) {
      const { ws, socket, end } = await withCompression(library, role, { perMessageDeflate: { threshold: 0 } });
      socket.resume();
      const errors: unknown[] = [];
      ws.send(bytes, (error) => errors.push(error instanceof Error));
      ws.send('behind', (error) => errors.push(error instanceof Error));
      ws.terminate();
      await closed(ws);
      await until(() => errors.length === 2);
      expect(errors).toEqual([true, true]);
      end();
    }
  });

  test.each(['client', 'server'] as const)('the peer of a %s goes away', async (role) => {
    for (const library of [ours, theirs]) {
      const { ws, socket, end } = await withCompression(library, role, { perMessageDeflate: { threshold: 0 } });
      const errors: unknown[] = [];
      ws.on('error', () => {});
      ws.send(bytes, (error) => errors.push(error instanceof Error));
      ws.send('behind', (error) => errors.push(error instanceof Error));
      socket.destroy();
      await closed(ws);
      await until(() => errors.length === 2);
      expect(errors).toEqual([true, true]);
      end();
    }
  });

  test('close() keeps both sides in CLOSING until all is sent', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides, ...BOTH);
      pair.client.send(bytes);
      pair.client.close(1001);
      const states = [pair.client.readyState];
      await until(() => pair.client.readyState === 3 && pair.peer.readyState === 3);
      pair.server.close();
      return [states, messagesIn(pair.peerLog), pair.clientLog.at(-1), pair.peerLog.at(-1)];
    }));

  test('a Ping of ours overtakes it', async () => {
    const pair = await open({ client: ours, server: theirs }, ...BOTH);
    pair.client.send(bytes);
    pair.client.ping('p');
    await until(() => messagesIn(pair.peerLog) === 1);
    expect(pair.peerLog.map((entry) => (entry as unknown[])[0])).toEqual(['ping', 'message']);
    await pair.end();
  });
});
