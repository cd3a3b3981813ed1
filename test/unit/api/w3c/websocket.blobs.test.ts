import { expect, test } from 'vitest';
import type { FakeSession, SessionCall } from '../../../support/fake-session.ts';
import { opened, settle } from './bound-class.ts';

/** Calls behind those that opened the socket. */
function callsOf(session: FakeSession): SessionCall[] {
  return session.calls.slice(2);
}

function blobOf(bytes: number[]): Blob {
  return new Blob([Uint8Array.from(bytes)]);
}

function unreadable(): Blob {
  const blob = blobOf([1, 2]);
  blob.arrayBuffer = () => Promise.reject(new Error('The file is gone'));
  return blob;
}

test('client passes text and bytes on at once', () => {
  const { session, socket } = opened();
  const bytes = Uint8Array.of(1, 2);
  socket.send('text');
  socket.send(bytes);
  expect(callsOf(session)).toEqual<SessionCall[]>([
    ['text', 'text'],
    ['bytes', [1, 2]],
  ]);
  expect(session.lastBytes).toBe(bytes);
});

test('client keeps the order of calls around Blobs', async () => {
  const { session, socket } = opened();
  const bytes = Uint8Array.of(5);
  socket.send('a');
  socket.send(blobOf([1, 2]));
  socket.send('b');
  socket.send(bytes);
  socket.send(blobOf([3]));
  socket.send(blobOf([]));
  socket.send('c');
  socket.close(1000, 'bye');
  bytes[0] = 9;
  expect(callsOf(session)).toEqual<SessionCall[]>([['text', 'a']]);
  await expect.poll(() => callsOf(session)).toHaveLength(8);
  expect(callsOf(session)).toEqual<SessionCall[]>([
    ['text', 'a'],
    ['bytes', [1, 2]],
    ['text', 'b'],
    ['bytes', [5]],
    ['bytes', [3]],
    ['bytes', []],
    ['text', 'c'],
    ['close', 1000, 'bye'],
  ]);
});

test('client sends at once again when the Blobs have been sent', async () => {
  const { session, socket } = opened();
  socket.send(blobOf([1]));
  await expect.poll(() => callsOf(session)).toHaveLength(1);
  await settle();
  socket.send('a');
  expect(callsOf(session)).toHaveLength(2);
  socket.send(blobOf([2]));
  await expect.poll(() => callsOf(session)).toHaveLength(3);
});

test('client counts what waits for a Blob at once, and only once', async () => {
  const { session, socket } = opened();
  socket.send(blobOf([1, 2, 3]));
  socket.send('\u20ac');
  socket.send(new Uint8Array(10));
  expect(socket.bufferedAmount).toBe(16);
  await expect.poll(() => callsOf(session)).toHaveLength(3);
  expect(socket.bufferedAmount).toBe(16);
  session.bufferedAmount = 0;
  expect(socket.bufferedAmount).toBe(0);
});

test('client counts for ever what was never sent', async () => {
  const { session, socket } = opened();
  socket.send('ab');
  socket.send(blobOf([1, 2, 3]));
  session.bufferedAmount = 1;
  session.receiveEnd(1006, '', false);
  session.bufferedAmount = 0;
  expect(socket.bufferedAmount).toBe(4);
  socket.send('xyz');
  socket.send(new Uint8Array(5));
  expect(socket.bufferedAmount).toBe(12);
  await settle();
  expect(socket.bufferedAmount).toBe(12);
  expect(callsOf(session)).toEqual<SessionCall[]>([['text', 'ab']]);
});

test('client sends nothing more once the server has begun to close', async () => {
  const { session, socket } = opened();
  socket.send(blobOf([1, 2, 3]));
  socket.send('later');
  socket.close();
  session.sink.onClosing();
  await settle();
  expect(callsOf(session)).toEqual([]);
  expect(socket.bufferedAmount).toBe(8);
});

test('client drops the connection at a Blob that cannot be read, and sends nothing behind it', async () => {
  const { session, socket } = opened();
  socket.send(unreadable());
  socket.send('later');
  await settle();
  expect(callsOf(session)).toEqual<SessionCall[]>([['terminate']]);
  expect(socket.bufferedAmount).toBe(7);
});

test('client does not report a Blob that fails behind the end of the connection', async () => {
  const { session, socket, log } = opened();
  socket.send(unreadable());
  session.receiveEnd(1000);
  await settle();
  expect(log).toEqual(['close in 3: 1000 "" clean']);
  expect(callsOf(session)).toEqual([]);
});
