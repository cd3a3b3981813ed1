import { describe, expect, test } from 'vitest';
import { coreOf } from '../../../../src/api/ws/core.ts';
import { open, TestSocket } from './idle-socket.ts';

describe('ready', () => {
  test('client resolves with itself when it opens, and later', async () => {
    const ws = new TestSocket();
    const { ready } = ws;
    expect(ws.ready).toBe(ready);
    open(ws);
    expect(await ready).toBe(ws);
    expect(await ws.ready).toBe(ws);
    expect(ws.listenerCount('error')).toBe(0);
  });

  test('client that was open resolves when asked after it closed', async () => {
    const ws = new TestSocket();
    const session = open(ws);
    session.receiveEnd(1000);
    expect(await ws.ready).toBe(ws);
  });

  test('client rejects with the error, which needs no listener then', async () => {
    const ws = new TestSocket();
    const { ready } = ws;
    coreOf(ws).fail(new Error('refused'));
    await expect(ready).rejects.toThrow('refused');
    await expect(ws.ready).rejects.toThrow('refused');
  });

  test('client rejects when asked after the failure', async () => {
    const ws = new TestSocket();
    ws.on('error', () => {});
    coreOf(ws).fail(new Error('refused'));
    await expect(ws.ready).rejects.toThrow('refused');
  });

  test('client rejects when it is closed before', async () => {
    const ws = new TestSocket();
    const { ready } = ws;
    ws.close();
    await expect(ready).rejects.toThrow('WebSocket was closed before the connection was established');
  });

  test('client leaves an error without a listener alone when nobody asks', () => {
    const ws = new TestSocket();
    expect(() => coreOf(ws).fail(new Error('refused'))).toThrow('refused');
  });

  test('client takes no listener of the program away', async () => {
    const ws = new TestSocket();
    const errors: unknown[] = [];
    ws.on('error', (error) => errors.push(error.message));
    const { ready } = ws;
    open(ws);
    await ready;
    ws.emit('error', new Error('later'));
    expect(errors).toEqual(['later']);
  });

  test('a program may use the name', () => {
    const ws: { ready: unknown } = new TestSocket();
    ws.ready = true;
    expect(ws.ready).toBe(true);
    expect(Object.keys(TestSocket.prototype)).not.toContain('ready');
  });

  test('a subclass may have a field of the name, by the rules of today and by those before ES2022', async () => {
    class Defined extends TestSocket {
      // @ts-expect-error -- `ws` has no such member, so its users may write this.
      override ready = false;
    }
    class Assigned extends TestSocket {
      constructor() {
        super();
        Object.assign(this, { ready: false });
      }
    }
    for (const ws of [new Defined(), new Assigned()]) {
      expect(ws.ready).toBe(false);
      open(ws as TestSocket);
      Object.assign(ws, { ready: true });
      expect([ws.ready, ws.readyState]).toEqual([true, 1]);
    }
    const plain = new TestSocket();
    open(plain);
    expect(await plain.ready).toBe(plain);
  });
});

describe('sendAsync()', () => {
  test('socket resolves once the message was handed over', async () => {
    const ws = new TestSocket();
    const session = open(ws);
    await expect(ws.sendAsync('a')).resolves.toBeUndefined();
    await ws.sendAsync('b', { binary: true });
    expect(session.calls.slice(1)).toEqual([
      ['text', 'a'],
      ['bytes', [0x62]],
    ]);
  });

  test('socket rejects with what the callback gets', async () => {
    const ws = new TestSocket();
    const session = open(ws);
    session.sendText = (_text, _options, callback) => callback?.(new Error('lost'));
    await expect(ws.sendAsync('a')).rejects.toThrow('lost');
  });

  test('socket rejects with what send throws', async () => {
    const ws = new TestSocket();
    await expect(ws.sendAsync('a')).rejects.toThrow('WebSocket is not open: readyState 0 (CONNECTING)');
  });

  test('socket that has closed rejects', async () => {
    const ws = new TestSocket();
    open(ws).receiveEnd(1000);
    await expect(ws.sendAsync('a')).rejects.toThrow('WebSocket is not open: readyState 3 (CLOSED)');
  });
});
