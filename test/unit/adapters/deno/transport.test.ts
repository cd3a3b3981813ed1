import { expect, test } from 'vitest';
import type { DenoAddress, DenoConnection } from '../../../../adapters/deno/deno.ts';
import { DenoTransport } from '../../../../adapters/deno/transport.ts';
import type { TransportEvents } from '../../../../src/platform.ts';

/** A connection whose promises are the test's to settle. */
class FakeConnection implements DenoConnection {
  readonly localAddr: DenoAddress = { transport: 'tcp', hostname: '::1', port: 1 };
  readonly remoteAddr: DenoAddress = { transport: 'unix', path: null };
  readonly calls: string[] = [];
  reads: { bytes: Uint8Array; resolve(length: number | null): void; reject(error: Error): void }[] = [];
  writes: { bytes: Uint8Array; resolve(count: number): void; reject(error: Error): void }[] = [];

  read(bytes: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => this.reads.push({ bytes, resolve, reject }));
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => this.writes.push({ bytes, resolve, reject }));
  }

  closeWrite(): Promise<void> {
    this.calls.push('closeWrite');
    return Promise.resolve();
  }

  close(): void {
    this.calls.push('close');
  }

  ref(): void {
    this.calls.push('ref');
  }

  unref(): void {
    this.calls.push('unref');
  }
}

class Log implements TransportEvents {
  readonly events: string[] = [];
  onReceive: () => void = () => {};

  receive(chunk: Uint8Array): void {
    this.events.push(`receive ${[...chunk].join(' ')}`);
    this.onReceive();
  }

  receiveInput(): void {
    this.events.push('input');
  }

  receiveEnd(): void {
    this.events.push('end');
  }

  closed(error?: Error & { code?: string }): void {
    this.events.push(`closed ${error?.code ?? error?.message ?? 'well'}`);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function make(isAttached = true): { connection: FakeConnection; transport: DenoTransport; log: Log } {
  const connection = new FakeConnection();
  const transport = new DenoTransport(connection, false);
  const log = new Log();
  if (isAttached) transport.attach(log);
  return { connection, transport, log };
}

/** Lets the read under way give `bytes`, or the end. */
async function arrive(connection: FakeConnection, ...bytes: number[]): Promise<void> {
  const read = connection.reads.shift()!;
  read.bytes.set(bytes);
  read.resolve(bytes.length === 0 ? null : bytes.length);
  await turn();
}

test('transport reads once it is started, one read at a time', async () => {
  const { connection, transport, log } = make();
  expect(connection.reads).toHaveLength(0);
  transport.start();
  transport.start();
  expect(connection.reads).toHaveLength(1);
  await arrive(connection, 1, 2);
  expect(log.events).toEqual(['receive 1 2']);
  expect(connection.reads).toHaveLength(1);
});

test('transport starts no read into memory that is being delivered', async () => {
  const { connection, transport, log } = make();
  transport.start();
  let during = -1;
  log.onReceive = () => {
    transport.pause();
    transport.resume();
    during = connection.reads.length;
  };
  await arrive(connection, 1);
  expect(during).toBe(0);
  expect(connection.reads).toHaveLength(1);
});

test('transport keeps what arrives while it is paused, and its end', async () => {
  const { connection, transport, log } = make();
  transport.start();
  transport.pause();
  await arrive(connection, 7);
  expect(log.events).toEqual([]);
  transport.resume();
  expect(log.events).toEqual([]);
  await turn();
  expect(log.events).toEqual(['receive 7']);
  transport.pause();
  await arrive(connection);
  expect(log.events).toEqual(['receive 7']);
  transport.resume();
  await turn();
  expect(log.events).toEqual(['receive 7', 'end']);
});

test('transport goes on after a listener has thrown', async () => {
  const { connection, transport, log } = make();
  transport.start();
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  log.onReceive = () => {
    log.onReceive = () => {};
    throw new Error('of a program');
  };
  await arrive(connection, 1);
  expect(await thrown).toMatchObject({ message: 'of a program' });
  for (const listener of listeners) process.on('uncaughtException', listener);
  await arrive(connection, 2);
  expect(log.events).toEqual(['receive 1', 'receive 2']);
});

test('transport writes what was not taken, then what came meanwhile, then FIN', async () => {
  const { connection, transport } = make();
  const done: string[] = [];
  expect(transport.write([Uint8Array.of(1, 2, 3)], () => done.push('first'))).toBe(false);
  transport.write([Uint8Array.of(4)], () => done.push('second'));
  transport.end();
  expect(connection.writes).toHaveLength(1);
  connection.writes.shift()!.resolve(2);
  await turn();
  expect(done).toEqual([]);
  expect([...connection.writes[0].bytes]).toEqual([3]);
  connection.writes.shift()!.resolve(1);
  await turn();
  expect(done).toEqual(['first']);
  expect(connection.calls).toEqual([]);
  connection.writes.shift()!.resolve(1);
  await turn();
  expect(done).toEqual(['first', 'second']);
  expect(connection.calls).toEqual(['closeWrite']);
});

test.each([true, false])('transport closes when both sides have ended (the peer first: %s)', async (isPeerFirst) => {
  const { connection, transport, log } = make();
  transport.start();
  if (!isPeerFirst) transport.end();
  await turn();
  await arrive(connection);
  if (isPeerFirst) {
    expect(connection.calls).toEqual([]);
    transport.end();
    await turn();
  }
  expect(connection.calls).toEqual(['closeWrite', 'close']);
  expect(log.events).toEqual(['end', 'closed well']);
});

test.each(['reads', 'writes'] as const)('transport closes with the error of its %s', async (name) => {
  const { connection, transport, log } = make();
  transport.start();
  transport.write([Uint8Array.of(1)], () => log.events.push('written'));
  connection[name][0].reject(Object.assign(new Error('gone'), { name: 'ConnectionReset' }));
  await turn();
  expect(connection.calls).toEqual(['close']);
  expect(log.events).toEqual(['closed ECONNRESET']);
});

test('transport takes the end of TLS without a close_notify for an end', async () => {
  const { connection, transport, log } = make();
  transport.start();
  connection.reads[0].reject(Object.assign(new Error('no close_notify'), { name: 'UnexpectedEof' }));
  await turn();
  expect(log.events).toEqual(['end']);
});

test('transport tells its end after it was destroyed, to a receiver that comes later as well, and nothing else', async () => {
  const { connection, transport, log } = make(false);
  transport.start();
  transport.write([Uint8Array.of(1)], () => log.events.push('written'));
  transport.destroy();
  transport.destroy();
  await turn();
  transport.attach(log);
  expect(log.events).toEqual([]);
  await turn();
  connection.writes[0].resolve(1);
  await arrive(connection, 1);
  expect(log.events).toEqual(['closed well']);
  expect(connection.calls).toEqual(['close']);
  expect(transport.write([Uint8Array.of(1)], () => {})).toBe(false);
});

test('transport passes on addresses and ref', () => {
  const { connection, transport } = make();
  expect(transport.local).toEqual({ address: '::1', port: 1 });
  expect(transport.remote).toEqual({ address: undefined, port: undefined });
  transport.ref(false);
  transport.ref(true);
  expect(connection.calls).toEqual(['unref', 'ref']);
});

test('transport sends FIN once, also when it is ended in answer to the last write', async () => {
  const { connection, transport } = make();
  transport.write([Uint8Array.of(1)], () => transport.end());
  connection.writes.shift()!.resolve(1);
  await turn();
  expect(connection.calls).toEqual(['closeWrite']);
});

test('transport tells which writes were taken at once, and which have waited', async () => {
  const { connection, transport } = make();
  const told: (boolean | undefined)[] = [];
  const write = (): boolean => transport.write([Uint8Array.of(1, 2)], (isAtOnce) => told.push(isAtOnce));
  write();
  connection.writes.shift()!.resolve(2);
  await turn();
  expect(told).toEqual([true]);
  write();
  write();
  await turn();
  connection.writes.shift()!.resolve(2);
  await turn();
  connection.writes.shift()!.resolve(2);
  await turn();
  expect(told).toEqual([true, false, false]);
  write();
  connection.writes.shift()!.resolve(2);
  await turn();
  expect(told).toEqual([true, false, false, true]);
});

test('transport goes on writing, and ends, after a callback has thrown', async () => {
  const { connection, transport } = make();
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  transport.write([Uint8Array.of(1)], () => {
    throw new Error('of a program');
  });
  transport.write([Uint8Array.of(2)], () => {});
  transport.end();
  connection.writes.shift()!.resolve(1);
  expect(await thrown).toMatchObject({ message: 'of a program' });
  for (const listener of listeners) process.on('uncaughtException', listener);
  connection.writes.shift()!.resolve(1);
  await turn();
  expect(connection.calls).toEqual(['closeWrite']);
});

test('transport is made over a connection that is gone already', () => {
  const connection = new FakeConnection();
  const setNoDelay = (): void => {
    throw new Error('gone');
  };
  expect(() => new DenoTransport(Object.assign(connection, { setNoDelay }), false)).not.toThrow();
});
