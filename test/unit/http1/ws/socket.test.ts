import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { platform as nodePlatform } from '../../../../src/nodejs/platform.ts';
import { StreamSocket } from '../../../../src/http1/ws/socket.ts';
import { NodeRawTransport } from '../../../support/node-network.ts';
import { sleep } from '../../../support/sleep.ts';
import { RecordingSink } from '../../../support/memory-pipe.ts';
import { ManualPlatform } from '../../../support/platform.ts';
import { FakeTransport, latin1 } from '../fake-network.ts';

function setUp() {
  const transport = new FakeTransport();
  const platform = new ManualPlatform();
  const events: string[] = [];
  const socket = new StreamSocket(transport, platform, () => events.push('gone'));
  for (const name of ['finish', 'end', 'close', 'drain']) socket.on(name, () => events.push(name));
  const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
  return { transport, platform, socket, events, turn };
}

describe('StreamSocket', () => {
  test('socket tells its addresses', () => {
    const { socket } = setUp();
    expect(socket).toMatchObject({ remoteAddress: '192.0.2.1', remotePort: 50_000, remoteFamily: 'IPv4', encrypted: false });
    expect(socket.address()).toEqual({ address: '2001:db8::1', port: 443, family: 'IPv6' });
  });

  test('socket writes text in its encoding, bytes, and tells when', async () => {
    const { socket, transport, events, turn } = setUp();
    const done: number[] = [];
    expect(socket.write('é', 'latin1', () => done.push(1))).toBe(true);
    socket.write('é', () => done.push(2));
    await turn();
    transport.isHeld = true;
    expect(socket.write(latin1('abc'), undefined, () => done.push(3))).toBe(false);
    await turn();
    expect(done).toEqual([1, 2]);
    transport.release();
    await turn();
    expect(done).toEqual([1, 2, 3]);
    expect(events).toEqual(['drain']);
    expect(transport.written).toBe('\xe9\xc3\xa9abc');
  });

  test('socket tells whoever waits for a write that it is lost', async () => {
    const { socket, transport, turn } = setUp();
    const done: unknown[] = [];
    transport.isHeld = true;
    socket.write('a', () => done.push('a'));
    transport.release();
    socket.write('b');
    socket.write('c', (error) => done.push(error?.message));
    socket.destroy();
    transport.events!.closed();
    await turn();
    expect(done).toEqual(['a', 'The socket was closed before the data was written']);
  });

  test('socket ends behind what waits, reads on for a while, and goes with the peer', async () => {
    const { socket, transport, events, turn } = setUp();
    transport.isHeld = true;
    socket.end('bye');
    expect(socket.writable).toBe(false);
    expect(transport.calls).toEqual([]);
    transport.release();
    expect(transport.calls).toEqual(['end']);
    await turn();
    expect(events).toEqual(['finish']);
    expect(transport.calls).toEqual(['end', 'start']);
    transport.receive('ignored');
    transport.events!.receiveEnd();
    expect(transport.calls).toEqual(['end', 'start', 'destroy']);
    transport.events!.closed();
    expect(events).toEqual(['finish', 'end', 'gone', 'close']);
  });

  test('socket does not wait for ever for a peer that was refused', () => {
    const { socket, transport, platform } = setUp();
    transport.isHeld = true;
    socket.end('bye');
    platform.advance(4999);
    expect(transport.isDestroyed).toBe(false);
    platform.advance(1);
    expect(transport.isDestroyed).toBe(true);
  });

  test('socket refuses to write after its end', async () => {
    const { socket, transport, turn } = setUp();
    socket.end();
    let error: unknown;
    expect(socket.write('x', 'utf8', (fault) => (error = fault))).toBe(false);
    await turn();
    expect(error).toBeInstanceOf(Error);
    expect(transport.written).toBe('');
  });

  test('socket reports an error where somebody listens, and else nowhere', () => {
    const quiet = setUp();
    quiet.transport.events!.closed(new Error('read ECONNRESET'));
    expect(quiet.events).toEqual(['gone', 'close']);
    const { socket, transport } = setUp();
    const heard: unknown[] = [];
    socket.on('error', ({ message }: Error) => heard.push(message));
    socket.on('close', (hadError) => heard.push(hadError));
    socket.destroy(new Error('mine'));
    expect(socket).toMatchObject({ destroyed: true, readable: false, writable: false, readyState: 'closed' });
    transport.events!.closed();
    transport.events!.closed();
    expect(heard).toEqual(['mine', true]);
  });

  test('socket keeps the process alive or not, and pauses', () => {
    const { socket, transport } = setUp();
    socket.unref().ref().pause().resume();
    socket.setNoDelay().setNoDelay(false).setKeepAlive().setKeepAlive(true, 1000);
    expect(transport.calls.slice(0, 4)).toEqual(['unref', 'ref', 'pause', 'resume']);
    expect(transport.calls.slice(4)).toEqual(['noDelay true', 'noDelay false', 'keepAlive false 0', 'keepAlive true 1000']);
  });
});

describe('StreamSocket with a session', () => {
  function setUpSession(before: (set: ReturnType<typeof setUp>) => void = () => {}) {
    const set = setUp();
    before(set);
    const session = set.socket.createSession(set.platform, { role: 'server' });
    const sink = new RecordingSink();
    sink.session = session;
    session.attach(sink);
    return { ...set, session, sink };
  }
  // RFC 6455 section 5.7: "Hello", masked.
  const HELLO = '\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58';

  test('session reads chunks and the input arena', () => {
    const { socket, transport, platform, session, sink } = setUpSession();
    session.start();
    transport.receive(HELLO);
    platform.codec.input.set(latin1(HELLO));
    transport.events!.receiveInput(HELLO.length);
    expect(socket.bytesRead).toBe(22);
    expect(sink.of('text')).toEqual([
      ['text', 'Hello'],
      ['text', 'Hello'],
    ]);
  });

  test('session hears what came while it was being decided, behind the head', () => {
    const { transport, session, sink } = setUpSession(({ socket, transport: raw }) => {
      socket.watch();
      raw.receive(HELLO.slice(4));
      raw.events!.receiveEnd();
    });
    expect(transport.calls).toEqual(['start', 'pause']);
    session.start(latin1(HELLO.slice(0, 4)));
    expect(sink.of('text')).toEqual([['text', 'Hello']]);
    expect(sink.of('closing')).toHaveLength(1);
    expect(transport.calls).toEqual(['start', 'pause', 'start']);
  });

  test('session that is paused by a message of before reads no more until it resumes', () => {
    const { transport, session, sink } = setUpSession(({ socket, transport: raw }) => {
      socket.watch();
      raw.receive(HELLO);
    });
    sink.onEvent = () => session.pause();
    session.start();
    expect(sink.of('text')).toHaveLength(1);
    expect(transport.isReading).toBe(false);
    session.resume();
    expect(transport.isReading).toBe(true);
  });

  test('socket reads no more than 16 KiB ahead', () => {
    const { socket, transport } = setUp();
    socket.watch();
    for (let count = 0; count < 16; count++) {
      expect(transport.isReading).toBe(true);
      transport.receive(new Uint8Array(1024));
    }
    expect(transport.isReading).toBe(false);
  });

  test('socket notices a peer that leaves while it is being decided', () => {
    const { socket, transport } = setUp();
    socket.watch();
    transport.events!.receiveEnd();
    expect(socket.readable).toBe(false);
  });

  test('session pauses the transport, writes past the socket, ends it and destroys it', async () => {
    const { socket, transport, session, platform, events, turn } = setUpSession();
    session.start();
    session.pause();
    session.resume();
    socket.write('x');
    session.sendText('Hi');
    platform.runDeferred();
    expect(transport.written).toBe('x\x81\x02Hi');
    expect(socket.bytesWritten).toBe(5);
    session.close(1000);
    platform.runDeferred();
    // The client's Close frame, 1000, masked with zeros.
    transport.receive('\x88\x82\0\0\0\0\x03\xe8');
    platform.runDeferred();
    expect(socket.writable).toBe(false);
    await turn();
    expect(events).toEqual(['finish']);
    expect(transport.calls).toEqual(['start', 'pause', 'resume', 'resume', 'end']);
    session.terminate();
    expect(socket.destroyed).toBe(true);
  });
});

describe.each<[string, (socket: Socket) => Socket | StreamSocket]>([
  ['net.Socket', (socket) => socket],
  ['StreamSocket', (socket) => new StreamSocket(new NodeRawTransport(socket, false, {}), nodePlatform)],
])('members of net.Socket: %s', (_name, wrap) => {
  /** An accepted socket, and what its peer reads. */
  async function open(): Promise<{ socket: Socket; peer: Socket; read: () => string }> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let text = '';
    peer.on('data', (piece: Buffer) => (text += piece.toString()));
    const [inner] = await accepted;
    onTestFinished(() => {
      peer.destroy();
      inner.destroy();
      server.close();
    });
    return { socket: wrap(inner) as Socket, peer, read: () => text };
  }

  test('setTimeout emits timeout once after a time without traffic, calls back, and leaves the socket open', async () => {
    const { socket, peer } = await open();
    const fired: string[] = [];
    socket.on('timeout', () => fired.push('event'));
    expect(socket.setTimeout(50, () => fired.push('callback'))).toBe(socket);
    expect(socket.timeout).toBe(50);
    await once(socket, 'timeout');
    await sleep(150);
    expect(fired).toEqual(['event', 'callback']);
    expect(socket.destroyed).toBe(false);
    const answer = once(peer, 'data');
    socket.write('still open');
    await answer;
    await once(socket, 'timeout');
    expect(fired).toEqual(['event', 'callback', 'event']);
  });

  test('setTimeout starts anew with each write', async () => {
    const { socket } = await open();
    let count = 0;
    socket.on('timeout', () => count++);
    socket.setTimeout(2000);
    for (let round = 0; round < 8; round++) {
      await sleep(300);
      socket.write('x');
    }
    expect(count).toBe(0);
    await once(socket, 'timeout');
    expect(count).toBe(1);
  });

  test('setTimeout with 0 ends the watch and takes the callback away; a time below 0 is a RangeError', async () => {
    const { socket } = await open();
    let count = 0;
    const callback = (): number => count++;
    socket.setTimeout(30, callback);
    expect(socket.setTimeout(0, callback)).toBe(socket);
    expect(socket.listenerCount('timeout')).toBe(0);
    await sleep(100);
    expect(count).toBe(0);
    for (const time of [-1, Number.NaN]) expect(() => socket.setTimeout(time)).toThrow(RangeError);
  });

  test('cork keeps writes back until uncork or end, and their callbacks too', async () => {
    const { socket, peer, read } = await open();
    const done: string[] = [];
    socket.cork();
    socket.cork();
    socket.write('a', () => done.push('a'));
    socket.write('b', () => done.push('b'));
    socket.uncork();
    await sleep(50);
    expect([read(), done]).toEqual(['', []]);
    const arrived = once(peer, 'data');
    socket.uncork();
    await arrived;
    await sleep(10);
    expect([read(), done]).toEqual(['ab', ['a', 'b']]);
    socket.cork();
    socket.write('c');
    socket.end('d');
    await once(peer, 'end');
    expect(read()).toBe('abcd');
  });

  test('setNoDelay and setKeepAlive give the socket back', async () => {
    const { socket } = await open();
    expect(socket.setNoDelay()).toBe(socket);
    expect(socket.setNoDelay(false)).toBe(socket);
    expect(socket.setKeepAlive()).toBe(socket);
    expect(socket.setKeepAlive(true, 1000)).toBe(socket);
  });
});
