import { beforeEach, describe, expect, test } from 'vitest';
import { EdgeTransport } from '../../../../adapters/edge/transport.ts';
import type { Platform } from '../../../../src/platform.ts';
import { fakePlatform } from '../../../support/fake-session.ts';
import { FakeSocket, Recorder, settle } from './fake-socket.ts';

let socket: FakeSocket;
let recorder: Recorder;
let transport: EdgeTransport;

beforeEach(() => {
  socket = new FakeSocket();
  recorder = new Recorder();
  transport = new EdgeTransport(socket, fakePlatform, { isSecure: false, remote: { address: undefined, port: 80 } });
  transport.attach(recorder);
});

describe('reading', () => {
  test('begins with start', async () => {
    socket.source.enqueue(Uint8Array.of(1, 2));
    await settle();
    expect(recorder.events).toEqual([]);
    transport.start();
    await settle();
    socket.source.enqueue(Uint8Array.of(3));
    await settle();
    expect(recorder.events).toEqual([[1, 2], [3]]);
  });

  test('keeps what arrives in a pause, and hands it to whoever is attached after it', async () => {
    transport.start();
    transport.pause();
    socket.source.enqueue(Uint8Array.of(1));
    socket.source.enqueue(Uint8Array.of(2));
    socket.source.close();
    await settle();
    expect(recorder.events).toEqual([]);
    const next = new Recorder();
    transport.attach(next);
    transport.resume();
    await settle();
    expect(next.events).toEqual([[1], [2], 'end']);
    expect(recorder.events).toEqual([]);
  });

  test('goes on after FIN was sent, and the connection is over when both sides have ended', async () => {
    transport.start();
    transport.end();
    await settle();
    socket.source.enqueue(Uint8Array.of(1));
    await settle();
    expect(socket.calls).toEqual(['end']);
    socket.source.close();
    await settle();
    expect(recorder.events).toEqual([[1], 'end', 'closed']);
    expect(socket.calls).toEqual(['end', 'close']);
  });

  test('reports why it failed, once', async () => {
    transport.start();
    socket.source.error(new Error('lost'));
    await settle();
    transport.destroy();
    await settle();
    expect(recorder.events).toEqual(['closed: lost']);
  });
});

describe('writing', () => {
  test('that fails leaves the bytes to be read that came before the reset', async () => {
    transport.start();
    transport.write([Uint8Array.of(1)], () => expect.unreachable());
    await settle();
    socket.finishWrite(new Error('reset'));
    await settle();
    socket.source.enqueue(Uint8Array.of(2, 3));
    await settle();
    socket.source.error(new Error('lost'));
    await settle();
    expect(recorder.events).toEqual([[2, 3], 'closed: lost']);
  });

  test('that fails while reading is paused ends the connection', async () => {
    transport.start();
    transport.pause();
    transport.write([Uint8Array.of(1)], () => expect.unreachable());
    await settle();
    socket.finishWrite(new Error('reset'));
    await settle();
    expect(recorder.events).toEqual(['closed: reset']);
  });

  test('gathers short chunks, and tells when the runtime has taken them', async () => {
    let count = 0;
    expect(transport.write([Uint8Array.of(1), Uint8Array.of(2, 3)], () => count++)).toBe(false);
    await settle();
    expect(socket.calls).toEqual([[1, 2, 3]]);
    expect(count).toBe(0);
    socket.finishWrite();
    await settle();
    expect(count).toBe(1);
  });

  test('passes long chunks on one by one, in order', async () => {
    const long = new Uint8Array(65_536).fill(7);
    let count = 0;
    transport.write([Uint8Array.of(1), long], () => count++);
    await settle();
    expect(socket.calls).toEqual([[1]]);
    socket.finishWrite();
    await settle();
    expect(count).toBe(0);
    expect(socket.calls[1]).toHaveLength(65_536);
    socket.finishWrite();
    await settle();
    expect(count).toBe(1);
  });

  test('ends the connection when it fails', async () => {
    transport.write([Uint8Array.of(1)], () => expect.unreachable());
    await settle();
    socket.finishWrite(new Error('reset'));
    await settle();
    expect(recorder.events).toEqual(['closed: reset']);
    expect(transport.write([Uint8Array.of(2)], () => expect.unreachable())).toBe(false);
  });

  test('says nothing once it is destroyed', async () => {
    transport.write([Uint8Array.of(1)], () => expect.unreachable());
    await settle();
    transport.destroy();
    expect(recorder.events).toEqual([]);
    socket.finishWrite();
    await settle();
    expect(recorder.events).toEqual(['closed']);
    expect(socket.calls).toEqual([[1], 'close']);
  });
});

test('the end is told to whoever is attached after it', async () => {
  transport.destroy();
  await settle();
  const late = new Recorder();
  transport.attach(late);
  expect(late.events).toEqual(['closed']);
});

test('reading goes on after a receiver has thrown, and what it threw is thrown again where it is reported', async () => {
  const tasks: (() => void)[] = [];
  const platform = Object.create(fakePlatform, { defer: { value: (task: () => void) => tasks.push(task) } }) as Platform;
  const other = new FakeSocket();
  const throwing = new EdgeTransport(other, platform, transport);
  const heard: number[] = [];
  const receive = (chunk: Uint8Array): void => {
    heard.push(...chunk);
    throw new Error('of the program');
  };
  throwing.attach({ receive, receiveInput: () => {}, receiveEnd: () => {}, closed: () => {} });
  throwing.start();
  other.source.enqueue(Uint8Array.of(1));
  other.source.enqueue(Uint8Array.of(2));
  await settle();
  expect(heard).toEqual([1, 2]);
  expect(tasks).toHaveLength(2);
  expect(tasks[0]).toThrow('of the program');
});
