// `send` and `stream` of the facade: kinds of data, callbacks, fragments on successive ticks, and the order of it all.

import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket, type SendCallback, type StreamCallback } from '../../../src/compat/classic/index.ts';
import { toHex } from '../../support/frames.ts';
import { connectRaw, until, within, type RawPeer } from '../../support/sockets.ts';
import { connectPair, ended, messagesOf, nextClient, nextMessage, openClient, startServer } from './peers.ts';
import { sleep } from '../../support/sleep.ts';

/** A server's end whose peer is a bare socket: what it sends can be read as it stands. */
async function openRaw(): Promise<{ ws: WebSocket; peer: RawPeer }> {
  const { server, port } = await startServer();
  const accepted = nextClient(server);
  const peer = await connectRaw(port);
  onTestFinished(() => void peer.socket.destroy());
  return { ws: await accepted, peer };
}

/** The frames of what was sent; all are short. */
async function sent(peer: RawPeer, length: number): Promise<string> {
  return toHex(await peer.readBytes(length));
}

const THIS_FILE = fileURLToPath(import.meta.url);

describe('send', () => {
  test.each([
    ['text', 'héy', undefined, '81 04 68 c3 a9 79'],
    ['a Buffer', Buffer.from([1, 2]), undefined, '82 02 01 02'],
    ['an ArrayBuffer', Uint8Array.of(1, 2).buffer, undefined, '82 02 01 02'],
    ['a view of part of a buffer', new Uint16Array([0, 0x0201, 0]).subarray(1, 2), undefined, '82 02 01 02'],
    ['a number', 42, undefined, '81 02 34 32'],
    ['nothing', undefined, undefined, '81 00'],
    ['null', null, undefined, '81 00'],
    ['an empty text', '', undefined, '81 00'],
    ['an array of bytes', [1, 2], { binary: true }, '82 02 01 02'],
    ['text as binary', 'hi', { binary: true }, '82 02 68 69'],
    ['a Buffer as text', Buffer.from('hi'), { binary: false }, '81 02 68 69'],
    ['a Buffer with binary undefined', Buffer.from('hi'), { binary: undefined }, '82 02 68 69'],
    ['options that are null', 'hi', null, '81 02 68 69'],
  ])('writes %s', async (_what, data, options, bytes) => {
    const { ws, peer } = await openRaw();
    ws.send(data, options);
    expect(await sent(peer, (bytes.length + 1) / 3)).toBe(bytes);
  });

  test('masks when told to', async () => {
    const { ws, peer } = await openRaw();
    ws.send('hi', { mask: true });
    const bytes = await peer.readBytes(8);
    expect(toHex(bytes.subarray(0, 2))).toBe('81 82');
    expect([bytes[6] ^ bytes[2], bytes[7] ^ bytes[3]]).toEqual([0x68, 0x69]);
  });

  test('a server refuses a client that does not mask', async () => {
    const { local, remote } = await connectPair();
    const failed = once(remote, 'error') as Promise<[Error & { code: string }]>;
    local.send('hi', { mask: false });
    expect((await failed)[0].code).toBe('WS_ERR_EXPECTED_MASK');
  });

  test('calls back once it is sent', async () => {
    const { local, remote } = await connectPair();
    const messages = messagesOf(remote);
    const callback = vi.fn<(...values: unknown[]) => void>();
    local.send('first', callback);
    local.send('second', {}, callback);
    await until('both callbacks', () => callback.mock.calls.length === 2);
    expect(callback.mock.calls.every(([error]) => !error)).toBe(true);
    await until('both messages', () => messages.length === 2);
  });

  test('bufferedAmount counts what waits', async () => {
    const { local } = await connectPair();
    local.send('12345');
    expect(local.bufferedAmount).toBe(5);
    await until('it is sent', () => local.bufferedAmount === 0);
  });

  test('throws while the connection is not open, or gives the callback the error', async () => {
    const { url } = await startServer();
    const ws = openClient(url);
    const callback = vi.fn<SendCallback>();
    expect(() => ws.send('x')).toThrow('not opened');
    ws.send('x', callback);
    ws.send('x', {}, callback);
    await once(ws, 'open');
    ws.close();
    expect(() => ws.send('x')).toThrow('not opened');
    ws.send('x', callback);
    await ended(ws);
    expect(() => ws.send('x')).toThrow('not opened');
    ws.send('x', callback);
    await until('all callbacks', () => callback.mock.calls.length === 4);
    expect(callback.mock.calls.map(([error]) => error!.message)).toEqual(Array(4).fill('not opened'));
  });

  test('refuses what has no bytes', async () => {
    const { local } = await connectPair();
    expect(() => local.send({})).toThrow(TypeError);
    const error = await new Promise((resolve) => {
      local.send({}, resolve);
    });
    expect(error).toBeInstanceOf(TypeError);
  });

  test('a callback hears that the connection was lost', async () => {
    const { local, remote } = await connectPair();
    remote.pause();
    const callback = vi.fn<(...values: unknown[]) => void>();
    for (let index = 0; index < 32; index++) local.send(Buffer.alloc(1 << 20), callback);
    await until('some are sent', () => callback.mock.calls.length < 32);
    local.terminate();
    await until('all callbacks', () => callback.mock.calls.length === 32);
    expect(callback.mock.calls.at(-1)![0]).toBeInstanceOf(Error);
  });

  test('maxBufferedAmount bounds what may wait', async () => {
    const { local, remote } = await connectPair({}, { maxBufferedAmount: 1 << 20 });
    remote.pause();
    const failed = once(local, 'error') as Promise<[Error & { code: string }]>;
    const fill = (): void => {
      if (local.readyState !== WebSocket.OPEN) return;
      local.send(Buffer.alloc(1 << 20), () => {});
      setImmediate(fill);
    };
    fill();
    expect((await within('the limit', failed))[0].code).toBe('WS_ERR_TOO_MUCH_BUFFERED_OUTPUT');
  });
});

describe('stream', () => {
  test('sends one fragment a call, on successive ticks', async () => {
    const { ws, peer } = await openRaw();
    const fragments = ['ab', Buffer.from('c'), 'd'];
    let isInSend = false;
    let calls = 0;
    ws.stream({}, (error, send) => {
      expect(error).toBeNull();
      // Never from inside of `send`.
      expect(isInSend).toBe(false);
      calls++;
      isInSend = true;
      const fragment = fragments.shift();
      send(fragment, fragments.length === 0);
      isInSend = false;
    });
    expect(calls).toBe(0);
    expect(await sent(peer, 10)).toBe('01 02 61 62 00 01 63 80 01 64');
    expect(calls).toBe(3);
  });

  test('arrives as one message, of text or bytes', async () => {
    const { local, remote } = await connectPair();
    for (const binary of [false, true]) {
      let count = 0;
      const give: StreamCallback = (_error, send) => {
        if (++count < 200) send(`${count},`);
        else send(null, true);
      };
      if (binary) local.stream({ binary }, give);
      else local.stream(give);
      const { data, flags } = await nextMessage(remote);
      expect(String(data)).toBe(Array.from({ length: 199 }, (_, index) => `${index + 1},`).join(''));
      expect(flags.binary).toBe(binary);
    }
  });

  test('may be fed in its own time', async () => {
    const { local, remote } = await connectPair();
    let step = 0;
    local.stream({ binary: true }, (_error, send) => void setTimeout(() => send([step], ++step === 3), 2));
    expect((await nextMessage(remote)).data).toEqual(Buffer.from([0, 1, 2]));
  });

  test('masks as the options say', async () => {
    const { ws, peer } = await openRaw();
    ws.stream({ mask: true, binary: true }, (_error, send) => send([9], true));
    const bytes = await peer.readBytes(7);
    expect(toHex(bytes.subarray(0, 2))).toBe('82 81');
    expect(bytes[6] ^ bytes[2]).toBe(9);
  });

  test('makes sends, streams and files wait their turn, but not pings', async () => {
    const { ws, peer } = await openRaw();
    const callback = vi.fn<(...values: unknown[]) => void>();
    let give: ((data: unknown, final?: boolean) => void) | undefined;
    ws.stream((_error, send) => void (give = send));
    ws.send('b', callback);
    ws.send(Readable.from(['c', 'd'], { objectMode: false }), callback);
    ws.stream((_error, send) => send('e', true));
    ws.send('f', callback);
    ws.ping('p');
    expect(ws.bufferedAmount).toBe(2);
    await until('the first call', () => give !== undefined);
    give!('a');
    expect(await sent(peer, 6)).toBe('89 01 70 01 01 61');
    expect(callback).not.toHaveBeenCalled();
    give!('', true);
    // The rest in order: 'b'; 'c', 'd' and an empty fragment; 'e'; 'f'.
    expect(await sent(peer, 25)).toBe('89 01 70 01 01 61 80 00 81 01 62 01 01 63 00 01 64 80 00 81 01 65 81 01 66');
    await until('the callbacks', () => callback.mock.calls.length === 3);
    expect(ws.bufferedAmount).toBe(0);
  });

  test('is finished before close() ends the connection, with what waits behind it', async () => {
    const { ws, peer } = await openRaw();
    let give: ((data: unknown, final?: boolean) => void) | undefined;
    ws.stream((_error, send) => void (give = send));
    const callback = vi.fn<(...values: unknown[]) => void>();
    ws.send('b', callback);
    await until('the first call', () => give !== undefined);
    ws.close(4000, 'x');
    expect(ws.readyState).toBe(WebSocket.CLOSING);
    expect(() => ws.send('late')).toThrow('not opened');
    give!('a');
    expect(await sent(peer, 3)).toBe('01 01 61');
    give!('', true);
    expect(await sent(peer, 13)).toBe('01 01 61 80 00 81 01 62 88 03 0f a0 78');
    await until('the callback', () => callback.mock.calls.length === 1);
    expect(callback.mock.calls[0][0]).toBeFalsy();
  });

  test('that stands still holds the closing handshake back for closeTimeout', async () => {
    const { local, remote } = await connectPair({}, { closeTimeout: 30 });
    const errors: unknown[] = [];
    let isWaiting = false;
    local.stream((error, send) => {
      if (error) errors.push(error.message);
      else if (!isWaiting) send('half');
      isWaiting = true;
    });
    local.send('waits', (error) => errors.push(error!.message));
    await until('half a message', () => isWaiting);
    local.close(4000);
    expect(await ended(remote)).toEqual([4000, '']);
    await until('the error', () => errors.length === 1);
    expect(errors).toEqual(['not opened']);
  });

  test('gives the error to the callback when the connection closes in its midst', async () => {
    const { local, remote } = await connectPair();
    const errors: unknown[] = [];
    local.stream((error, send) => {
      if (error) errors.push(error.message);
      else setTimeout(() => send('x'), 2);
    });
    await until('fragments', () => remote.bytesReceived > 0);
    remote.terminate();
    await until('the error', () => errors.length > 0);
    expect(errors).toEqual(['not opened']);
  });

  test('goes on after a fragment that has no bytes, and not after its end', async () => {
    const { local, remote } = await connectPair();
    const seen: string[] = [];
    local.stream((error, send) => {
      if (error) {
        seen.push(error.name);
        send('ok', true);
        expect(() => send('more')).toThrow('The stream has ended');
      } else {
        send({});
      }
    });
    expect((await nextMessage(remote)).data).toBe('ok');
    expect(seen).toEqual(['TypeError']);
  });

  test('needs a callback, and gives it the error while the connection is not open', async () => {
    const { url } = await startServer();
    const ws = openClient(url);
    expect(() => ws.stream({})).toThrow('callback must be provided');
    const callback = vi.fn<StreamCallback>();
    ws.stream({}, callback);
    await once(ws, 'open');
    ws.close();
    ws.stream(callback);
    expect(callback.mock.calls.map(([error]) => error!.message)).toEqual(['not opened', 'not opened']);
    for (const [, send] of callback.mock.calls) send('nowhere');
    expect(callback).toHaveBeenCalledTimes(2);
  });
});

describe('readable streams', () => {
  test.each([{ binary: true }, { binary: false }])('a file is one message with %j', async (options) => {
    const { local, remote } = await connectPair();
    const callback = vi.fn<(...values: unknown[]) => void>();
    local.send(createReadStream(THIS_FILE, { highWaterMark: 100 }), options, callback);
    local.send('behind it');
    const messages = messagesOf(remote);
    const { data, flags } = await nextMessage(remote);
    const content = await readFile(THIS_FILE);
    expect(Buffer.from(data as string).equals(content)).toBe(true);
    expect(flags.binary).toBe(options.binary);
    await until('the next', () => messages.length === 2);
    expect(messages[1]).toBe('behind it');
    expect(callback.mock.calls).toEqual([[null]]);
  });

  test('a stream with an encoding is text', async () => {
    const { local, remote } = await connectPair();
    local.send(createReadStream(THIS_FILE, { highWaterMark: 7, encoding: 'utf8', end: 1999 }));
    expect((await nextMessage(remote)).data).toBe((await readFile(THIS_FILE)).toString('utf8', 0, 2000));
  });

  test('an empty stream is an empty message, one that has ended too', async () => {
    const { ws, peer } = await openRaw();
    ws.send(Readable.from([]));
    expect(await sent(peer, 2)).toBe('81 00');
    const spent = new PassThrough();
    spent.end();
    spent.resume();
    await once(spent, 'end');
    ws.send(spent);
    expect(await sent(peer, 4)).toBe('81 00 81 00');
  });

  test('a stream is read no faster than the peer takes it', async () => {
    const { local, remote } = await connectPair();
    remote.pause();
    let given = 0;
    const source = new Readable({
      highWaterMark: 1 << 16,
      read() {
        given++;
        this.push(given <= 1024 ? Buffer.alloc(1 << 16) : null);
      },
    });
    local.send(source, { binary: true });
    let before = -1;
    // Until no more is taken for a while.
    while (before !== given) {
      before = given;
      await sleep(100);
    }
    expect(given).toBeLessThan(1024);
    remote.resume();
    expect((await nextMessage(remote)).data).toHaveLength(1 << 26);
  });

  test('a file that cannot be opened is an error, and the connection goes on', async () => {
    const { local, remote } = await connectPair();
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      local.send(createReadStream('/no/such/file'), {}, (failure) => resolve(failure!));
    });
    expect(error.code).toBe('ENOENT');
    local.send('next');
    expect((await nextMessage(remote)).data).toBe('next');
  });

  test('a file that fails while it waits is an error in its turn', async () => {
    const { local, remote } = await connectPair();
    let give: ((data: unknown, final?: boolean) => void) | undefined;
    local.stream((_error, send) => void (give = send));
    const file = createReadStream('/no/such/file');
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => {
      local.send(file, {}, (error) => resolve(error!));
    });
    await new Promise((resolve) => file.once('close', resolve));
    give!('done', true);
    expect((await nextMessage(remote)).data).toBe('done');
    expect((await failed).code).toBe('ENOENT');
  });

  test.each([
    ['fails', (source: PassThrough) => void source.destroy(new Error('disk')), 'disk'],
    ['is destroyed', (source: PassThrough) => void source.destroy(), 'The readable stream closed before its end'],
  ])('a stream that %s half way ends the connection with 1011', async (_what, breakIt, message) => {
    const { local, remote } = await connectPair();
    const source = new PassThrough();
    source.write('half');
    const failed = new Promise<Error>((resolve) => {
      local.send(source, {}, (error) => resolve(error!));
    });
    await until('half of it', () => remote.bytesReceived > 0);
    breakIt(source);
    expect((await failed).message).toBe(message);
    expect((await ended(remote))[0]).toBe(1011);
  });

  test('a stream is destroyed when the connection closes before its end', async () => {
    const { local, remote } = await connectPair();
    const source = new PassThrough();
    source.write('half');
    const waiting = createReadStream(THIS_FILE);
    const errors: string[] = [];
    local.send(source, {}, (error) => errors.push(error!.message));
    local.send(waiting, {}, (error) => errors.push(error!.message));
    await until('half of it', () => remote.bytesReceived > 0);
    remote.terminate();
    await until('both errors', () => errors.length === 2);
    expect(errors).toEqual(['not opened', 'not opened']);
    expect([source.destroyed, waiting.destroyed]).toEqual([true, true]);
  });

  test('several of them, and messages, are delivered by a close() right behind them', async () => {
    const { local, remote } = await connectPair();
    const messages = messagesOf(remote);
    const content = await readFile(THIS_FILE);
    const results: unknown[] = [];
    local.send(createReadStream(THIS_FILE, { highWaterMark: 100 }), { binary: true }, (error) => results.push(error));
    local.send('between', (error) => results.push(error ?? null));
    local.send(Readable.from(['a', 'b']), (error) => results.push(error));
    local.close(4001, 'done');
    const end = ended(local);
    expect(await ended(remote)).toEqual([4001, 'done']);
    expect(messages).toEqual([content, 'between', 'ab']);
    expect(results).toEqual([null, null, null]);
    expect((await end)[0]).toBe(4001);
  });

  test('a slow one is not cut off as long as it moves', async () => {
    const { local, remote } = await connectPair({}, { closeTimeout: 3000 });
    const messages = messagesOf(remote);
    local.send(
      Readable.from(
        (async function* slow() {
          for (let index = 0; index < 10; index++) {
            await sleep(400);
            yield String(index);
          }
        })(),
      ),
    );
    local.close();
    await ended(remote);
    expect(messages).toEqual(['0123456789']);
  });

  test('a peer that never answers Close gets all of one, and is dropped soon', async () => {
    const { ws, peer } = await openRaw();
    const source = new PassThrough();
    ws.send(source);
    ws.close();
    source.end('!');
    expect(await sent(peer, 9)).toBe('01 01 21 80 00 88 02 03 e8');
    const started = Date.now();
    expect((await ended(ws))[0]).toBe(1006);
    expect(Date.now() - started).toBeLessThan(20_000);
  });

  test('one that breaks while close() waits for it ends the connection soon, without an answer of the peer', async () => {
    const { ws, peer } = await openRaw();
    const source = new PassThrough();
    const results: unknown[] = [];
    ws.send(source, {}, (error) => results.push(error?.message));
    ws.send('behind it', (error) => results.push(error?.message));
    source.write('!');
    expect(await sent(peer, 3)).toBe('01 01 21');
    ws.close();
    source.destroy(new Error('broken'));
    expect(await sent(peer, 7)).toBe('01 01 21 88 02 03 f3');
    const started = Date.now();
    expect((await ended(ws))[0]).toBe(1006);
    expect(Date.now() - started).toBeLessThan(20_000);
    expect(results).toEqual(['broken', 'not opened']);
  });

  test('a connection that the peer ends meanwhile is over for them', async () => {
    const { local, remote } = await connectPair();
    const source = new PassThrough();
    source.write('half');
    const failed = new Promise<Error>((resolve) => {
      local.send(source, {}, (error) => resolve(error!));
    });
    await until('half of it', () => remote.bytesReceived > 0);
    const end = ended(local);
    local.close();
    remote.terminate();
    expect((await failed).message).toBe('not opened');
    expect((await end)[0]).toBe(1006);
    expect(source.destroyed).toBe(true);
  });
});
