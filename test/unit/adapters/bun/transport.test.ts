// The Bun transport over a socket that takes as many bytes as a test says: no byte is lost, doubled or overtaken.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BunSocket } from '../../../../adapters/bun/bun.ts';
import { BunTransport, type SetupEvents } from '../../../../adapters/bun/transport.ts';
import { pattern } from '../../../support/frames.ts';

/** A socket that takes what `appetite` says, call by call, and everything after that. */
class FakeSocket implements BunSocket<BunTransport> {
  declare data: BunTransport;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  readonly taken: number[] = [];
  readonly calls: string[] = [];
  readonly #appetite: number[];

  constructor(appetite: readonly number[]) {
    this.#appetite = [...appetite];
  }

  write(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): number {
    const count = Math.min(length, this.#appetite.shift() ?? length);
    for (let index = 0; index < count; index++) this.taken.push(bytes[offset + index]);
    return count;
  }

  shutdown(): void {
    this.calls.push('shutdown');
  }

  close(): void {
    this.calls.push('close');
    this.data.closed(undefined);
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  ref(): void {}
  unref(): void {}

  setNoDelay(isOn: boolean): void {
    this.calls.push(`noDelay ${isOn}`);
  }

  setKeepAlive(isOn: boolean, delay: number): void {
    this.calls.push(`keepAlive ${isOn} ${delay}`);
  }
}

function open(appetite: readonly number[]): { transport: BunTransport; socket: FakeSocket } {
  const transport = new BunTransport(false, { onOpen() {}, onReady() {}, onFailure() {} });
  const socket = new FakeSocket(appetite);
  socket.data = transport;
  transport.opened(socket);
  return { transport, socket };
}

test('hands over every byte once and in order, however the socket takes them', () => {
  const sizes = fc.oneof(fc.nat(40), fc.constantFrom(16383, 16384, 16385, 40_000));
  fc.assert(
    fc.property(
      fc.array(fc.array(sizes, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(20_000), { maxLength: 12 }),
      (writes, appetite) => {
        const { transport, socket } = open(appetite);
        const expected: Uint8Array[] = [];
        const done: number[] = [];
        const late: number[] = [];
        writes.forEach((lengths, index) => {
          const chunks = lengths.map((length, at) => pattern(length, index * 7 + at));
          expected.push(...chunks);
          if (!transport.write(chunks, () => done.push(index))) late.push(index);
        });
        transport.end();
        for (let turn = 0; turn < 20; turn++) transport.drained();
        expect(Buffer.compare(Buffer.from(socket.taken), Buffer.concat(expected))).toBe(0);
        expect(done).toEqual(late);
        expect(socket.calls.filter((call) => call === 'shutdown')).toHaveLength(1);
      },
    ),
    { numRuns: 60 },
  );
});

test('sends FIN only behind what is waiting', () => {
  const { transport, socket } = open([3, 0]);
  expect(transport.write([pattern(5)], () => {})).toBe(false);
  transport.end();
  transport.drained();
  expect(socket.calls).not.toContain('shutdown');
  transport.drained();
  expect(socket.taken).toHaveLength(5);
  expect(socket.calls).toContain('shutdown');
});

test('drops what is waiting when it is destroyed', () => {
  const { transport, socket } = open([1]);
  transport.write([pattern(5)], () => expect.unreachable());
  transport.destroy();
  transport.drained();
  expect(socket.taken).toHaveLength(1);
  expect(socket.calls).toEqual(['pause', 'close']);
});

test('tells who opened it of the one or the other, once', () => {
  const heard: string[] = [];
  const setup: SetupEvents = {
    onOpen: () => heard.push('open'),
    onReady: () => heard.push('ready'),
    onFailure: () => heard.push('failure'),
  };
  const make = (isSecure: boolean): FakeSocket => {
    const socket = new FakeSocket([]);
    socket.data = new BunTransport(isSecure, setup);
    socket.data.opened(socket);
    return socket;
  };
  const plain = make(false);
  plain.data.closed(undefined);
  expect(heard).toEqual(['open', 'ready']);
  const secure = make(true);
  secure.data.secured(new Error('not trusted'));
  secure.data.closed(undefined);
  expect(heard).toEqual(['open', 'ready', 'open', 'failure']);
});

describe('what a receiver throws is uncaught, and', () => {
  const fault = new Error('of a program');
  const fail = (): never => {
    throw fault;
  };

  /** Runs `task`, and gives what was uncaught until the next turn. */
  async function uncaughtOf(task: () => void): Promise<unknown[]> {
    const listeners = process.listeners('uncaughtException');
    const uncaught: unknown[] = [];
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    task();
    await new Promise((resolve) => setTimeout(resolve, 0));
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    return uncaught;
  }

  test('the other writes and FIN still go out', async () => {
    const { transport, socket } = open([0]);
    transport.write([pattern(2)], fail);
    transport.write([pattern(3)], () => {});
    transport.end();
    expect(await uncaughtOf(() => transport.drained())).toEqual([fault]);
    expect(socket.taken).toHaveLength(5);
    expect(socket.calls).toContain('shutdown');
    expect(socket.calls).not.toContain('close');
  });

  test('what comes next is still delivered', async () => {
    const { transport, socket } = open([]);
    const heard: string[] = [];
    const events = {
      receive(bytes: Uint8Array) {
        heard.push(`receive ${bytes.length}`);
        fail();
      },
      receiveInput() {},
      receiveEnd() {
        heard.push('end');
        fail();
      },
      closed: () => heard.push('closed'),
    };
    transport.received(pattern(1));
    transport.received(pattern(2));
    const uncaught = await uncaughtOf(() => {
      transport.attach(events);
      transport.start();
    });
    expect(uncaught).toEqual([fault, fault]);
    expect(
      await uncaughtOf(() => {
        transport.received(pattern(3));
        transport.ended();
        transport.closed(undefined);
      }),
    ).toEqual([fault, fault]);
    expect(heard).toEqual(['receive 1', 'receive 2', 'receive 3', 'end', 'closed']);
    expect(socket.calls).not.toContain('close');
  });
});
