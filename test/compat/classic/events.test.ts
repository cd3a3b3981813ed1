// The browser's interface on the facade: event objects, `onmessage` and the like, `addEventListener`.

import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import {
  WebSocket,
  type CloseEvent,
  type ErrorEvent,
  type Event,
  type MessageEvent,
} from '../../../src/compat/classic/index.ts';
import { freePort, until } from '../../support/sockets.ts';
import { connectPair, ended, openClient, startServer } from './peers.ts';

describe('attributes', () => {
  test('onopen, onmessage and onclose get event objects', async () => {
    const { server, url } = await startServer();
    server.on('connection', (ws: WebSocket) => {
      ws.send('text');
      ws.send(Buffer.from('bytes'));
      ws.close(4000, 'done');
    });
    const ws = openClient(url);
    const events: Event[] = [];
    for (const name of ['onopen', 'onmessage', 'onclose', 'onerror'] as const) {
      expect(ws[name]).toBeNull();
      ws[name] = function listener(this: WebSocket, event: Event) {
        expect(this).toBe(ws);
        events.push(event);
      };
    }
    await ended(ws);
    expect(events.map(({ type, target }) => [type, target === ws])).toEqual([
      ['open', true],
      ['message', true],
      ['message', true],
      ['close', true],
    ]);
    expect((events[1] as MessageEvent).data).toBe('text');
    expect((events[2] as MessageEvent).data).toEqual(Buffer.from('bytes'));
    expect(events[3] as CloseEvent).toMatchObject({ code: 4000, reason: 'done', wasClean: true });
  });

  test('onerror gets the error itself as its event, and onclose hears that it was not clean', async () => {
    const ws = openClient(`ws://127.0.0.1:${await freePort()}`);
    let error: ErrorEvent | undefined;
    let close: CloseEvent | undefined;
    ws.onerror = (event) => void (error = event);
    ws.onclose = (event) => void (close = event);
    await ended(ws);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ type: 'error', code: 'ECONNREFUSED' });
    expect(error!.target).toBe(ws);
    expect(Object.keys(error!)).not.toContain('target');
    expect(close).toMatchObject({ code: 1006, reason: '', wasClean: false });
  });

  test('an attribute holds one listener, beside those of on and addEventListener', async () => {
    const { local, remote } = await connectPair();
    const [first, second, added] = [
      vi.fn<(...values: unknown[]) => void>(),
      vi.fn<(...values: unknown[]) => void>(),
      vi.fn<(...values: unknown[]) => void>(),
    ];
    local.on('message', added);
    local.onmessage = first;
    expect(local.onmessage).toBe(first);
    local.onmessage = second;
    remote.send('x');
    await once(local, 'message');
    expect([first, second, added].map((listener) => listener.mock.calls.length)).toEqual([0, 1, 1]);
    local.onmessage = null;
    expect(local.onmessage).toBeNull();
    local.removeAllListeners('message');
    expect(local.listenerCount('message')).toBe(0);
  });
});

test('a function that replaces an attribute takes its place among the listeners', async () => {
  const { local, remote } = await connectPair();
  const seen: string[] = [];
  local.onmessage = () => seen.push('replaced');
  local.on('message', () => seen.push('listener'));
  local.onmessage = () => seen.push('attribute');
  remote.send('x');
  await until('both', () => seen.length === 2);
  expect(seen).toEqual(['attribute', 'listener']);
  local.onmessage = null;
  local.onmessage = () => seen.push('last');
  remote.send('y');
  await until('both again', () => seen.length === 4);
  expect(seen.slice(2)).toEqual(['listener', 'last']);
});

describe('addEventListener', () => {
  test('adds a listener once, until removeEventListener', async () => {
    const { local, remote } = await connectPair();
    const listener = vi.fn<(event: MessageEvent) => void>();
    const count = vi.fn<(...values: unknown[]) => void>();
    local.on('message', count);
    local.addEventListener('message', listener);
    local.addEventListener('message', listener);
    local.onmessage = listener;
    remote.send('x');
    await until('a message', () => count.mock.calls.length === 1);
    expect(listener.mock.calls.map(([{ type, data }]) => [type, data])).toEqual([
      ['message', 'x'],
      ['message', 'x'],
    ]);
    local.removeEventListener('message', listener);
    remote.send('y');
    await until('another', () => count.mock.calls.length === 2);
    expect(listener).toHaveBeenCalledTimes(3);
    expect(local.onmessage).toBe(listener);
  });

  test('takes other events of the emitter as they are, and ignores what is no function', async () => {
    const { local, remote } = await connectPair();
    const listener = vi.fn<(...values: unknown[]) => void>();
    local.addEventListener('ping' as never, listener);
    local.addEventListener('message', null as never);
    remote.ping('p');
    await until('a ping', () => listener.mock.calls.length === 1);
    expect(listener.mock.calls[0][0]).toEqual(Buffer.from('p'));
    local.removeEventListener('ping' as never, listener);
    expect(local.listenerCount('ping')).toBe(0);
    expect(local.listenerCount('message')).toBe(0);
  });
});
