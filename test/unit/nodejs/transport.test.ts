import { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createSession } from '../../../src/nodejs/session.ts';
import { NodeTransport } from '../../../src/nodejs/transport.ts';
import { platform } from '../../../src/nodejs/platform.ts';
import type { TransportEvents } from '../../../src/platform.ts';
import { expectBytes } from '../../support/bytes.ts';
import { parseFrames } from '../../support/parse-frames.ts';
import { concat, frame, hex, pattern, toHex, utf8 } from '../../support/frames.ts';
import { RecordingSink } from '../../support/memory-pipe.ts';
import { sleep } from '../../support/sleep.ts';
import { socketPair, until, type SocketPair } from './sockets.ts';

const KEY = hex('37 fa 21 3d');
const pairs: SocketPair[] = [];
afterEach(async () => {
  await Promise.all(pairs.splice(0).map((pair) => pair.close()));
});

class Events implements TransportEvents {
  readonly chunks: Uint8Array[] = [];
  readonly log: string[] = [];
  receive(chunk: Uint8Array): void {
    this.chunks.push(chunk.slice());
    this.log.push('receive');
  }
  receiveInput(length: number): void {
    this.chunks.push(platform.codec.input.slice(0, length));
    this.log.push('receiveInput');
  }
  receiveEnd(): void {
    this.log.push('end');
  }
  closed(error?: Error): void {
    this.log.push(error ? `closed ${(error as NodeJS.ErrnoException).code ?? error.message}` : 'closed');
  }
  get bytes(): Uint8Array {
    return concat(...this.chunks);
  }
}

interface Bench {
  readonly near: Socket;
  readonly far: Socket;
  readonly transport: NodeTransport;
  readonly events: Events;
  /** What the other side has read. */
  readonly read: () => Uint8Array;
}

async function bench(): Promise<Bench> {
  const pair = await socketPair();
  pairs.push(pair);
  const { near, far } = pair;
  const transport = new NodeTransport(near);
  const events = new Events();
  transport.attach(events);
  const chunks: Uint8Array[] = [];
  return {
    near,
    far,
    transport,
    events,
    read: () => {
      if (far.listenerCount('data') === 0) far.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      return concat(...chunks);
    },
  };
}

function turn(): Promise<void> {
  return sleep(20);
}

/** Both ends of a pipe of which neither is a socket. */
function duplexPair(): [Duplex, Duplex] {
  const make = (): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Uint8Array, _encoding, callback) {
        others.get(this)!.push(Buffer.from(chunk));
        callback();
      },
      final(callback) {
        others.get(this)!.push(null);
        callback();
      },
    });
  const [one, other] = [make(), make()];
  const others = new Map([
    [one, other],
    [other, one],
  ]);
  return [one, other];
}

describe('NodeTransport reads', () => {
  test('what was buffered before it came, then straight into the input arena', async () => {
    const { near, far, transport, events } = await bench();
    near.unshift(Buffer.from('before '));
    transport.start();
    expect(events.log).toEqual(['receive']);
    far.write('after');
    await until(() => events.bytes.length === 12);
    expectBytes(events.bytes, utf8('before after'));
    expect(events.log.slice(1)).toEqual(['receiveInput']);
  });

  test('nothing before start', async () => {
    const { far, transport, events } = await bench();
    far.write('abc');
    await turn();
    expect(events.log).toEqual([]);
    transport.start();
    await until(() => events.bytes.length === 3);
  });

  test('data events of a stream that is no socket', async () => {
    const [near, far] = duplexPair();
    const transport = new NodeTransport(near);
    const events = new Events();
    transport.attach(events);
    transport.start();
    far.write('abc');
    await until(() => events.bytes.length === 3);
    far.end();
    await until(() => events.log.includes('end'));
    transport.end();
    await until(() => events.log.includes('closed'));
    expect(events.log).toEqual(['receive', 'end', 'closed']);
  });

  test('not while paused, be it from before the start', async () => {
    const { far, transport, events } = await bench();
    transport.pause();
    transport.start();
    far.write('abc');
    await turn();
    expect(events.log).toEqual([]);
    transport.resume();
    await until(() => events.bytes.length === 3);
    transport.pause();
    far.write('def');
    await turn();
    expect(events.bytes).toHaveLength(3);
    transport.resume();
    await until(() => events.bytes.length === 6);
  });

  test('nothing from a destroyed socket', async () => {
    const { near, transport, events } = await bench();
    near.destroy();
    transport.start();
    await until(() => events.log.length > 0);
    expect(events.log).toEqual(['closed']);
  });
});

describe('NodeTransport writes', () => {
  test('a batch in order, and says at once that all was taken', async () => {
    const { transport, read } = await bench();
    let written = 0;
    expect(transport.write([utf8('a'), utf8('b'), utf8('c')], () => written++)).toBe(true);
    expect(transport.write([utf8('d')], () => written++)).toBe(true);
    await until(() => read().length === 4);
    expectBytes(read(), utf8('abcd'));
    expect(written).toBe(0);
  });

  test('what the operating system does not take at once, and says when it has', async () => {
    const { transport, read } = await bench();
    let early = 0;
    expect(transport.write([utf8('early')], () => early++)).toBe(true);
    const big = pattern(16_777_216);
    let written = 0;
    expect(transport.write([utf8('head'), big], () => written++)).toBe(false);
    await turn();
    expect(written).toBe(0);
    await until(() => read().length === big.length + 9 && written === 1);
    expectBytes(read().subarray(9), big);
    let later = 0;
    expect(transport.write([utf8('later')], () => later++)).toBe(true);
    await turn();
    expect([early, written, later]).toEqual([0, 1, 0]);
  });

  test('before what the program writes to the socket meanwhile, which its end follows', async () => {
    const { near, far, transport, read } = await bench();
    const big = pattern(16_777_216);
    let written = 0;
    expect(transport.write([big], () => written++)).toBe(false);
    expect(Object.hasOwn(near, '_write')).toBe(false);
    const done: string[] = [];
    near.write('one', () => done.push('one'));
    expect(near.writableLength).toBe(3);
    near.end('two', () => done.push('two'));
    await turn();
    expect(done).toEqual([]);
    read();
    await until(() => far.readableEnded);
    expect(new TextDecoder().decode(read().subarray(big.length))).toBe('onetwo');
    expect([written, ...done]).toEqual([1, 'one', 'two']);
  });

  test('through an own _write that another library has set, and leaves it', async () => {
    const { near, transport, read } = await bench();
    const { _write: write } = near;
    let calls = 0;
    near._write = (...given): void => {
      calls++;
      write.apply(near, given);
    };
    const own = near._write;
    expect(transport.write([pattern(16_777_216)], () => {})).toBe(false);
    expect(near._write).toBe(own);
    near.write('one');
    await until(() => read().length === 16_777_219);
    expect(calls).toBe(2);
  });

  test('nothing while the program has corked the socket', async () => {
    const { near, transport, read } = await bench();
    let written = 0;
    near.cork();
    expect(transport.write([utf8('a')], () => written++)).toBe(false);
    await turn();
    expect([read().length, written]).toEqual([0, 0]);
    near.write('b');
    near.uncork();
    await until(() => read().length === 2 && written === 1);
    expectBytes(read(), utf8('ab'));
  });

  test('and reports each write, though the queue of the stream has taken the one before at once', async () => {
    const { near, transport, read } = await bench();
    const written: string[] = [];
    near.cork();
    expect(transport.write([utf8('a')], () => written.push('written'))).toBe(false);
    near.uncork();
    expect(near.writableLength).toBe(0);
    expect(transport.write([utf8('b')], () => written.push('written'))).toBe(false);
    await until(() => read().length === 2 && written.length === 2);
    expectBytes(read(), utf8('ab'));
    expect(transport.write([utf8('c')], () => {})).toBe(true);
  });

  test('loses no callback of the program when the socket is destroyed', async () => {
    const { near, transport, events } = await bench();
    transport.start();
    expect(transport.write([pattern(16_777_216)], () => {})).toBe(false);
    const results: boolean[] = [];
    near.write('one', (error) => results.push(error instanceof Error));
    near.destroy();
    await until(() => events.log.includes('closed') && results.length > 0);
    expect(results).toEqual([true]);
  });

  test('a batch in one system call', () => {
    const calls: number[] = [];
    const stream = new Duplex({
      read() {},
      writev(chunks, callback) {
        calls.push(chunks.length);
        callback();
      },
    });
    const transport = new NodeTransport(stream);
    transport.write([utf8('a'), utf8('b'), utf8('c')], () => {});
    transport.write([utf8('d')], () => {});
    expect(calls).toEqual([3, 1]);
  });

  test('never says that bytes were taken which a broken connection has lost', async () => {
    const { near, transport, events } = await bench();
    transport.start();
    let written = 0;
    expect(transport.write([pattern(16_777_216)], () => written++)).toBe(false);
    near.destroy();
    await until(() => events.log.includes('closed'));
    expect(written).toBe(0);
  });

  test('never says that a destroyed socket took anything', async () => {
    const { transport, events } = await bench();
    transport.destroy();
    let written = 0;
    expect(transport.write([utf8('a')], () => written++)).toBe(false);
    expect(transport.write([utf8('a'), utf8('b')], () => written++)).toBe(false);
    await until(() => events.log.includes('closed'));
    await turn();
    expect(written).toBe(0);
    expect(events.log).toEqual(['closed']);
  });
});

describe('NodeTransport listens', () => {
  test('by the same functions on every socket', () => {
    const listenersOf = (event: string): unknown[] => {
      const sockets = [new Socket(), new Socket()];
      expect(sockets.map((socket) => new NodeTransport(socket))).toHaveLength(2);
      return sockets.map((socket) => socket.listeners(event).at(-1));
    };
    for (const event of ['end', 'error', 'close']) {
      const [one, other] = listenersOf(event);
      expect(one).toBe(other);
    }
  });
});

describe('NodeTransport ends', () => {
  test('one direction at a time', async () => {
    const { far, transport, events, read } = await bench();
    transport.start();
    transport.write([utf8('last')], () => {});
    transport.end();
    await until(() => read().length === 4 && far.readableEnded);
    far.write('still');
    await until(() => events.bytes.length === 5);
    far.end();
    await until(() => events.log.includes('closed'));
    expect(events.log).toEqual(['receiveInput', 'end', 'closed']);
  });

  test('with the error of the socket', async () => {
    const { far, transport, events } = await bench();
    transport.start();
    far.resetAndDestroy();
    await until(() => events.log.length > 0);
    expect(events.log).toEqual(['closed ECONNRESET']);
  });

  test('at once when destroyed', async () => {
    const { near, transport, events } = await bench();
    transport.start();
    transport.destroy();
    await until(() => events.log.length > 0);
    expect(events.log).toEqual(['closed']);
    expect(near.destroyed).toBe(true);
  });

  test('turns off what the HTTP server had set', async () => {
    const pair = await socketPair();
    pairs.push(pair);
    const { near } = pair;
    near.setTimeout(1234);
    const calls: unknown[] = [];
    near.setNoDelay = (on): Socket => {
      calls.push(on);
      return near;
    };
    expect(new NodeTransport(near)).toBeInstanceOf(NodeTransport);
    expect(near.timeout).toBe(0);
    expect(calls).toEqual([true]);
  });
});

describe('a session over a socket', () => {
  test('server echoes, and closes cleanly', async () => {
    const { near, far } = pairs[pairs.push(await socketPair()) - 1];
    const session = createSession(near, { role: 'server' });
    const sink = new RecordingSink();
    sink.session = session;
    session.attach(sink);
    sink.onEvent = ([type, value]) => {
      if (type === 'text') session.sendText(value);
    };
    session.start(frame({ payload: 'head', key: KEY }));
    const chunks: Uint8Array[] = [];
    far.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    far.on('end', () => far.end());
    far.write(concat(frame({ payload: 'a', key: KEY }), frame({ opcode: 8, payload: hex('03e8'), key: KEY })));
    await until(() => sink.of('end').length > 0);
    expect(sink.events).toEqual([['text', 'head'], ['text', 'a'], ['closing'], ['end', 1000, '', true]]);
    const frames = parseFrames(concat(...chunks)).map(({ first, payload }) => toHex(concat(Uint8Array.of(first), payload)));
    expect(frames).toEqual(['81 68 65 61 64', '81 61', '88 03 e8']);
  });

  test('each callback hears of the bytes that a broken connection has lost', async () => {
    const { near } = pairs[pairs.push(await socketPair()) - 1];
    const session = createSession(near, { role: 'server' });
    const sink = new RecordingSink();
    session.attach(sink);
    session.start();
    const results: string[] = [];
    session.sendBytes(pattern(16_777_216), false, undefined, (error) => results.push(`big ${error instanceof Error}`));
    await turn();
    session.sendText('waiting', undefined, (error) => results.push(`waiting ${error instanceof Error}`));
    await turn();
    session.terminate();
    session.sendText('late', undefined, (error) => results.push(`late ${error instanceof Error}`));
    await until(() => sink.of('end').length > 0);
    await turn();
    expect(results.toSorted()).toEqual(['big true', 'late true', 'waiting true']);
    expect(session.bufferedAmount).toBe(0);
  });

  test('streams that deliver inside write keep the order, FIN included', async () => {
    const [near, far] = duplexPair();
    const server = createSession(near, { role: 'server' });
    const client = createSession(far, { role: 'client' });
    const heard: string[] = [];
    const sinks = [server, client].map((session) => {
      const sink = new RecordingSink();
      sink.session = session;
      session.attach(sink);
      session.start();
      return sink;
    });
    sinks[0].onEvent = ([type, value]) => {
      if (type === 'text') server.sendText(`re:${value}`);
      if (value === '99') server.close(1000);
    };
    sinks[1].onEvent = ([type, value]) => {
      if (type === 'text') heard.push(value);
    };
    for (let index = 0; index < 100; index++) client.sendText(`${index}`);
    await until(() => sinks.every((sink) => sink.of('end').length > 0));
    expect(heard).toEqual(Array.from({ length: 100 }, (_, index) => `re:${index}`));
    for (const sink of sinks) expect(sink.events.at(-1)).toEqual(['end', 1000, '', true]);
  });
});
