import { expect, test, vi } from 'vitest';
import { SendQueue } from '../../../../src/api/w3c/send-queue.ts';
import { FakeSession, fakePlatform, utf8, type SessionCall } from '../../../support/fake-session.ts';
import { settle } from './bound-class.ts';

const NOTHING = new Uint8Array(0);

function queueOver(session: FakeSession): { queue: SendQueue; errors: Error[] } {
  const errors: Error[] = [];
  const queue = new SendQueue(fakePlatform, (error) => errors.push(error));
  queue.open(session);
  return { queue, errors };
}

function blobOf(bytes: number[]): Blob {
  return new Blob([Uint8Array.from(bytes)]);
}

test('client passes text and bytes on at once', () => {
  const session = new FakeSession();
  const { queue } = queueOver(session);
  const bytes = Uint8Array.of(1, 2);
  queue.send('text');
  queue.send(bytes);
  expect(session.calls).toEqual<SessionCall[]>([
    ['text', 'text'],
    ['bytes', [1, 2]],
  ]);
  expect(session.lastBytes).toBe(bytes);
});

test('client keeps the order of calls around Blobs', async () => {
  const session = new FakeSession();
  const { queue } = queueOver(session);
  const bytes = Uint8Array.of(5);
  queue.send('a');
  queue.send(blobOf([1, 2]));
  queue.send('b');
  queue.send(bytes);
  queue.send(blobOf([3]));
  queue.send(blobOf([]));
  queue.send('c');
  queue.close(1000, utf8('bye'));
  bytes[0] = 9;
  expect(session.calls).toEqual<SessionCall[]>([['text', 'a']]);
  await vi.waitFor(() => expect(session.calls).toHaveLength(8));
  expect(session.calls).toEqual<SessionCall[]>([
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

test('client counts what waits for a Blob at once, and only once', async () => {
  const session = new FakeSession();
  const { queue } = queueOver(session);
  queue.send(blobOf([1, 2, 3]));
  queue.send('\u20ac');
  queue.send(new Uint8Array(10));
  expect(queue.bufferedAmount).toBe(16);
  await vi.waitFor(() => expect(session.calls).toHaveLength(3));
  expect(queue.bufferedAmount).toBe(16);
  session.bufferedAmount = 0;
  expect(queue.bufferedAmount).toBe(0);
});

test('client counts for ever what was never sent', async () => {
  const session = new FakeSession();
  const { queue } = queueOver(session);
  queue.send('ab');
  queue.send(blobOf([1, 2, 3]));
  session.bufferedAmount = 1;
  queue.end();
  session.bufferedAmount = 0;
  expect(queue.bufferedAmount).toBe(4);
  queue.discard('xyz');
  queue.send(new Uint8Array(5));
  expect(queue.bufferedAmount).toBe(12);
  await settle();
  expect(queue.bufferedAmount).toBe(12);
  expect(session.calls).toEqual<SessionCall[]>([['text', 'ab']]);
});

test('client sends nothing more once the closing handshake has begun', async () => {
  const session = new FakeSession();
  const { queue } = queueOver(session);
  queue.send(blobOf([1, 2, 3]));
  queue.send('later');
  queue.close(undefined, NOTHING);
  queue.stop();
  await settle();
  expect(session.calls).toEqual([]);
  expect(queue.bufferedAmount).toBe(8);
});

test('client reports a Blob that cannot be read, and sends nothing behind it', async () => {
  const session = new FakeSession();
  const { queue, errors } = queueOver(session);
  const blob = blobOf([1, 2]);
  blob.arrayBuffer = () => Promise.reject(new Error('The file is gone'));
  queue.send(blob);
  queue.send('later');
  await vi.waitFor(() => expect(errors).toHaveLength(1));
  expect(errors[0].message).toBe('The file is gone');
  expect(session.calls).toEqual([]);
});

test('client does not report a Blob that nobody waits for any more', async () => {
  const session = new FakeSession();
  const { queue, errors } = queueOver(session);
  const blob = blobOf([1, 2]);
  blob.arrayBuffer = () => Promise.reject(new Error('The file is gone'));
  queue.send(blob);
  queue.end();
  await settle();
  expect(errors).toEqual([]);
});
