// A hixie-76 connection over real sockets: messages both ways, closing, limits, and what the protocol has not.

import fc from 'fast-check';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { WebSocket } from '../../../src/compat/classic/index.ts';
import { ClassicTransport, createSession } from '../../../src/compat/classic/transport.ts';
import { duplexPair, until } from '../../support/sockets.ts';
import { ended, framesOf, messagesOf, nextMessage, openHixie } from './peers.ts';
import { sleep } from '../../support/sleep.ts';

/** Bytes from Latin-1. */
function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

describe('messages', () => {
  test('text arrives as a string, with its flags', async () => {
    const { peer, ws } = await openHixie();
    const received = nextMessage(ws);
    peer.write(Buffer.concat([bytes('\0'), Buffer.from('grüße'), bytes('\xff')]));
    const { data, flags } = await received;
    expect(data).toBe('grüße');
    expect(flags).toEqual({ binary: false, masked: false, buffer: Buffer.from('grüße') });
    expect(ws.bytesReceived).toBe(9);
  });

  test('a message cut at every byte arrives once', async () => {
    const { peer, ws } = await openHixie();
    const messages = messagesOf(ws);
    const wire = bytes('\0Hello\xff\x80\x03abc\0\xc3\xa9\xff');
    for (let cut = 0; cut <= wire.length; cut++) {
      const before = ws.bytesReceived;
      peer.write(wire.subarray(0, cut));
      await until('the first part', () => ws.bytesReceived === before + cut);
      peer.write(wire.subarray(cut));
      await until('both messages', () => messages.length === 2 * (cut + 1));
    }
    expect(new Set(messages)).toEqual(new Set(['Hello', 'é']));
    expect(ws.bytesReceived).toBe(wire.length * (wire.length + 1));
  });

  test('property: messages, cut anywhere, arrive in order', async () => {
    const { peer, ws } = await openHixie();
    const messages = messagesOf(ws);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat({ max: 100 }), { maxLength: 4 }),
        async (texts, cuts) => {
          messages.length = 0;
          const wire = Buffer.concat(texts.flatMap((text) => [bytes('\0'), Buffer.from(text), bytes('\xff')]));
          let start = 0;
          for (const end of [...cuts.sort((left, right) => left - right), wire.length]) {
            if (end > wire.length || end <= start) continue;
            peer.write(wire.subarray(start, end));
            await new Promise(setImmediate);
            start = end;
          }
          await until('all messages', () => messages.length === texts.length);
          expect(messages).toEqual(texts.map((text) => Buffer.from(text).toString()));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('send writes text frames', async () => {
    const { peer, ws } = await openHixie();
    const callback = vi.fn<(...values: unknown[]) => void>();
    ws.send('one', callback);
    ws.send('é', {});
    ws.send(Buffer.from('two'), { binary: false });
    ws.send('');
    ws.send(null);
    expect(await framesOf(peer, 18)).toBe('\0one\xff\0\xc3\xa9\xff\0two\xff\0\xff\0\xff');
    await until('the callback', () => callback.mock.calls.length === 1);
    expect(callback.mock.calls[0][0]).toBeFalsy();
    expect(ws.bufferedAmount).toBe(0);
  });

  test('stream and readable streams write one frame', async () => {
    const { peer, ws } = await openHixie();
    const parts = ['a', 'b', 'c'];
    ws.stream((_error, send) => send(parts.shift(), parts.length === 0));
    ws.send(Readable.from(['d', 'e'], { objectMode: false }));
    ws.send('f');
    expect(await framesOf(peer, 12)).toBe('\0abc\xff\0de\xff\0f\xff');
  });

  test('binary messages are refused, and forged frames with them', async () => {
    const { peer, ws } = await openHixie();
    expect(() => ws.send(Buffer.from('x'))).toThrow('hixie-76 has no binary messages');
    expect(() => ws.send('x', { binary: true })).toThrow('hixie-76 has no binary messages');
    expect(() => ws.send(bytes('x\xff\0forged'), { binary: false })).toThrow('Text must be UTF-8');
    const errors: string[] = [];
    ws.send(Buffer.from('x'), (error) => errors.push(error!.message));
    ws.stream({ binary: true }, (error) => errors.push(error!.message));
    ws.send(Readable.from(['x']), { binary: true }, (error) => errors.push(error!.message));
    await until('the errors', () => errors.length === 3);
    expect(new Set(errors)).toEqual(new Set(['hixie-76 has no binary messages']));
    ws.send('last');
    expect(await framesOf(peer, 6)).toBe('\0last\xff');
  });

  test('ping and pong write nothing', async () => {
    const { peer, ws } = await openHixie();
    ws.ping('x');
    ws.pong('x', {}, true);
    ws.send('y');
    expect(await framesOf(peer, 3)).toBe('\0y\xff');
  });

  test('pause holds messages back until resume', async () => {
    const { peer, ws } = await openHixie();
    const messages = messagesOf(ws);
    ws.pause();
    peer.write(bytes('\0held\xff'));
    await sleep(50);
    expect(messages).toEqual([]);
    ws.resume();
    await until('the message', () => messages.length === 1);
    expect(messages).toEqual(['held']);
  });

  test('a listener that throws costs no other message', async () => {
    const [near, far] = duplexPair();
    const transport = new ClassicTransport(near, 'hixie-76');
    const session = createSession(transport, 'server', {});
    const seen: string[] = [];
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => thrown.push(error));
    session.attach({
      onMessage(source, start, end) {
        seen.push(Buffer.from(source.subarray(start, end)).toString());
        if (seen.length === 1) throw new Error('listener');
      },
      onPing() {},
      onPong() {},
      onClosing() {},
      onError() {},
      onDrain() {},
      onEnd() {},
    });
    session.start(transport.accept(bytes('\0a\xff\0b\xff')));
    await until('the exception', () => thrown.length === 1);
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(seen).toEqual(['a', 'b']);
    session.terminate();
    far.destroy();
  });
});

describe('closing', () => {
  test("the peer's closing handshake is answered, and ends the connection as 1000", async () => {
    const { peer, ws, server } = await openHixie();
    peer.write(bytes('\xff\0\0ignored\xff'));
    const message = vi.fn<(...values: unknown[]) => void>();
    ws.on('message', message);
    const closed = ended(ws);
    expect(await framesOf(peer, 2)).toBe('\xff\0');
    await until('the end', () => peer.hasEnded);
    peer.socket.end();
    expect(await closed).toEqual([1000, '']);
    expect(message).not.toHaveBeenCalled();
    expect(server.clients).toEqual([]);
  });

  test('close says goodbye and waits for the peer', async () => {
    const { peer, ws } = await openHixie();
    const closed = ended(ws);
    ws.close(4000, 'has no place');
    expect(ws.readyState).toBe(WebSocket.CLOSING);
    expect(() => ws.send('late')).toThrow('not opened');
    expect(await framesOf(peer, 2)).toBe('\xff\0');
    expect(peer.hasEnded).toBe(false);
    peer.write(bytes('\xff\0'));
    await until('the end', () => peer.hasEnded);
    peer.socket.end();
    expect(await closed).toEqual([1000, '']);
    expect(peer.bytes.toString('latin1', 16)).toBe('\xff\0');
  });

  test('close in the midst of a message that goes no further ends its frame first', async () => {
    const { peer, ws } = await openHixie({ closeTimeout: 30 });
    let isHalf = false;
    ws.stream((error, send) => {
      if (error || isHalf) return;
      isHalf = true;
      send('half');
    });
    await until('half of it', () => isHalf);
    ws.close();
    expect(await framesOf(peer, 8)).toBe('\0half\xff\xff\0');
  });

  test('close waits for a message that is being sent, and not long for a peer that does not answer', async () => {
    const { peer, ws } = await openHixie();
    ws.send(Readable.from(['ha', 'lf']));
    ws.send('next');
    ws.close();
    expect(await framesOf(peer, 14)).toBe('\0half\xff\0next\xff\xff\0');
    expect(await ended(ws)).toEqual([1006, '']);
  });

  test('the end of TCP without a closing handshake is 1006', async () => {
    const { peer, ws } = await openHixie();
    const closed = ended(ws);
    peer.socket.end();
    expect(await closed).toEqual([1006, '']);
    await until('the end of TCP', () => peer.hasEnded);
    expect(await framesOf(peer, 0)).toBe('');
  });

  test('a reset is 1006', async () => {
    const { peer, ws } = await openHixie();
    const closed = ended(ws);
    peer.socket.resetAndDestroy();
    expect(await closed).toEqual([1006, '']);
  });

  test('terminate and the close of the server drop the connection', async () => {
    const first = await openHixie();
    const closed = ended(first.ws);
    first.ws.terminate();
    expect(await closed).toEqual([1006, '']);
    const second = await openHixie();
    const closedToo = ended(second.ws);
    second.server.close(1001);
    expect((await closedToo)[0]).toBe(1006);
    expect(await framesOf(second.peer, 2)).toBe('\xff\0');
  });

  test('closeTimeout ends a closing handshake that the peer does not finish', async () => {
    const { ws } = await openHixie({ closeTimeout: 20 });
    const closed = ended(ws);
    ws.close();
    expect(await closed).toEqual([1006, '']);
  });
});

describe('limits', () => {
  test.each([
    ['a message that is too long', `\0${'x'.repeat(101)}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
    ['a skipped frame that is too long', '\x80\x65', 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
    ['an ignored frame that does not end', `\x01${'x'.repeat(101)}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
    ['a length that does not end', `\x80${'\x80'.repeat(8)}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
    ['text that is not UTF-8', '\0\xc0\xaf\xff', 'WS_ERR_INVALID_UTF8'],
  ])('%s ends the connection', async (_what, wire, code) => {
    const { peer, ws } = await openHixie({ maxPayload: 100 });
    const failed = once(ws, 'error') as Promise<[Error & { code: string }]>;
    const closed = ended(ws);
    const messages = messagesOf(ws);
    peer.write(bytes(wire));
    expect((await failed)[0].code).toBe(code);
    peer.write(bytes('\0more\xff'));
    expect(await framesOf(peer, 2)).toBe('\xff\0');
    await until('the end', () => peer.hasEnded);
    peer.socket.end();
    expect(await closed).toEqual([1006, '']);
    expect(messages).toEqual([]);
  });

  test('a message of maxPayload bytes is taken', async () => {
    const { peer, ws } = await openHixie({ maxPayload: 100 });
    const received = nextMessage(ws);
    peer.write(bytes(`\0${'x'.repeat(100)}\xff`));
    expect((await received).data).toHaveLength(100);
  });

  test('a peer that does not read is dropped at maxBufferedAmount', async () => {
    const { peer, ws } = await openHixie({ maxBufferedAmount: 1 << 20 });
    peer.socket.pause();
    const failed = once(ws, 'error') as Promise<[Error & { code: string }]>;
    const closed = ended(ws);
    const text = 'x'.repeat(1 << 20);
    const fill = (): void => {
      if (ws.readyState !== WebSocket.OPEN) return;
      ws.send(text, () => {});
      setImmediate(fill);
    };
    fill();
    expect((await failed)[0].code).toBe('WS_ERR_TOO_MUCH_BUFFERED_OUTPUT');
    expect(await closed).toEqual([1006, '']);
  });
});
