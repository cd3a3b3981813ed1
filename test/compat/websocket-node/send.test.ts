// What the methods of a connection send, return, throw and call back: the same as WebSocket-Node.

import { describe, test } from 'vitest';
import type { WebSocketConnection } from '../../../src/compat/websocket-node/index.ts';
import { frame, hex } from '../../support/frames.ts';
import { outcome } from '../../oracle/ws/oracle.ts';
import { record, sameWithBoth, sleep, until, withRawPeer, type Library } from './oracle.ts';

/** A program: what it does, and what it is lent. */
type Action = (connection: WebSocketConnection, done: (error?: Error | null) => void, library: Library) => unknown;

function frameOf(library: Library, members: object): InstanceType<Library['frame']> {
  const made = new library.frame(Buffer.alloc(4), Buffer.alloc(10), { maxReceivedFrameSize: 100 });
  return Object.assign(made, members);
}

const PROGRAMS: Readonly<Record<string, Action>> = {
  sendUTF: (connection, done) => connection.sendUTF('grün', done),
  'sendUTF of nothing': (connection, done) => connection.sendUTF('', done),
  'sendUTF of a number': (connection, done) => connection.sendUTF(5, done),
  'sendUTF of a Buffer': (connection) => connection.sendUTF(Buffer.from('x')),
  'sendUTF of an object': (connection) => connection.sendUTF({ toString: () => 'made' }),
  'sendUTF twice': (connection, done) => {
    connection.sendUTF('a', done);
    connection.sendUTF('b', done);
  },
  sendBytes: (connection, done) => connection.sendBytes(Buffer.from('x'), done),
  'sendBytes of nothing': (connection, done) => connection.sendBytes(Buffer.alloc(0), done),
  'sendBytes of text': (connection) => connection.sendBytes('x' as never),
  'sendBytes of a Uint8Array': (connection) => connection.sendBytes(new Uint8Array(1) as never),
  'send of text': (connection, done) => connection.send('x', done),
  'send of a Buffer': (connection, done) => connection.send(Buffer.from('x'), done),
  'send of a number': (connection) => connection.send(5),
  'send of a boolean': (connection) => connection.send(false),
  'send of an array': (connection) => connection.send([1, 2]),
  'send of a Uint8Array': (connection) => connection.send(new Uint8Array([1, 2])),
  'send of what has no toString': (connection) => connection.send(Object.create(null) as string),
  'a length of 16 bits': (connection, done) => connection.sendUTF('x'.repeat(200), done),
  'text in fragments': (connection, done) => connection.sendUTF('y'.repeat(601), done),
  'bytes in fragments': (connection, done) => connection.sendBytes(Buffer.alloc(700, 'z'), done),
  'a character that two fragments share': (connection, done) =>
    connection.sendUTF(`${'a'.repeat(299)}ä${'b'.repeat(10)}`, done),
  'bytes of exactly two fragments': (connection, done) => connection.sendBytes(Buffer.alloc(600, 'z'), done),
  'bytes of exactly the threshold': (connection, done) => connection.sendBytes(Buffer.alloc(300, 'z'), done),
  ping: (connection) => connection.ping('p'),
  'ping without a payload': (connection) => connection.ping(undefined),
  'ping of a Buffer': (connection) => connection.ping(Buffer.from('p')),
  'ping of a number': (connection) => connection.ping(5),
  'ping of too much': (connection) => connection.ping(Buffer.alloc(130, 'a')),
  pong: (connection) => connection.pong(Buffer.from('p')),
  'pong of too much': (connection) => connection.pong(Buffer.alloc(130, 'a')),
  sendFrame: (connection, done, library) =>
    connection.sendFrame(frameOf(library, { fin: true, opcode: 1, binaryPayload: Buffer.from('x') }), done),
  'sendFrame that breaks the rules': (connection, done, library) =>
    connection.sendFrame(
      frameOf(library, { fin: false, rsv1: true, rsv2: true, rsv3: true, opcode: 3, binaryPayload: Buffer.from('x') }),
      done,
    ),
  'sendFrame that asks for a mask': (connection, done, library) =>
    connection.sendFrame(frameOf(library, { fin: true, mask: true, opcode: 2, binaryPayload: Buffer.from('x') }), done),
  'sendFrame without a payload': (connection, _done, library) =>
    connection.sendFrame(frameOf(library, { fin: true, opcode: 2 })),
  'sendFrame of fragments': (connection, _done, library) => {
    connection.sendFrame(frameOf(library, { fin: false, opcode: 1, binaryPayload: Buffer.from('a') }));
    connection.sendFrame(frameOf(library, { fin: true, opcode: 0, binaryPayload: Buffer.from('b') }));
    connection.sendUTF('c');
  },
  fragmentAndSend: (connection, done, library) =>
    connection.fragmentAndSend(frameOf(library, { opcode: 2, binaryPayload: Buffer.alloc(400, 'f') }), done),
  'fragmentAndSend of text': (connection, done, library) =>
    connection.fragmentAndSend(frameOf(library, { opcode: 1, binaryPayload: Buffer.alloc(301, 'f') }), done),
  'fragmentAndSend of a control frame': (connection, done, library) =>
    connection.fragmentAndSend(frameOf(library, { opcode: 9, binaryPayload: Buffer.from('x') }), done),
  close: (connection) => connection.close(),
  'close 1000 without a text': (connection) => connection.close(1000, ''),
  'close 1001': (connection) => connection.close(1001),
  'close 3000 and a text': (connection) => connection.close(3000, 'because'),
  'close 3999 without a text': (connection) => connection.close(3999),
  'close with a code that is text': (connection) => connection.close('1001' as never),
  'close 1012': (connection) => connection.close(1012),
  'close 999': (connection) => connection.close(999),
  'close 1004': (connection) => connection.close(1004),
  'close 1005': (connection) => connection.close(1005),
  'close 1006': (connection) => connection.close(1006),
  'close 2000': (connection) => connection.close(2000),
  'close 5000': (connection) => connection.close(5000),
  'close twice': (connection) => {
    connection.close(1001, 'a');
    connection.close(1002, 'b');
  },
  drop: (connection) => connection.drop(),
  'drop with a code and a text': (connection) => connection.drop(1001, 'gone'),
  'drop without a Close frame': (connection) => connection.drop(1006, 'gone', true),
  'drop 3333': (connection) => connection.drop(3333),
  'close after drop': (connection) => {
    connection.drop();
    connection.close();
  },
  'drop after close': (connection) => {
    connection.close(1001);
    connection.drop(1008);
  },
  pause: (connection) => connection.pause(),
};

async function run(library: Library, role: 'client' | 'server', action: Action, config: object): Promise<unknown> {
  const { connection, peer, close } = await withRawPeer(library, role, { fragmentationThreshold: 300, ...config });
  const log = record(connection, [], ['message', 'pong', 'close', 'drain', 'pause']);
  let answered = false;
  peer.socket.on('data', (chunk: Buffer) => {
    // Close frames are answered, once.
    if (chunk[0] !== 0x88 || answered) return;
    answered = true;
    peer.socket.write(frame({ opcode: 8, payload: hex('03e8'), ...(role === 'server' ? { key: hex('00 00 00 00') } : {}) }));
    setTimeout(() => peer.socket.end(), 5);
  });
  // null and undefined both say that there is no error.
  const result = outcome(() => action(connection, (error) => log.push(['done', error ?? undefined]), library));
  const at = { state: connection.state, connected: connection.connected, code: connection.closeReasonCode };
  // What is sent last arrives last.
  if (connection.connected) connection.ping('~');
  await until(
    () => connection.state === 'closed' || peer.frames().endsWith('89 7e;') || peer.frames().endsWith('89 masked 7e;'),
  );
  const { socket } = peer;
  if (!connection.connected) await until(() => socket.readableEnded || socket.destroyed);
  await sleep(10);
  const { state, connected, closeReasonCode, closeDescription } = connection;
  const end = { result, at, log: [...log], frames: peer.frames(), state, connected, closeReasonCode, closeDescription };
  close();
  return end;
}

describe.each(['server', 'client'] as const)('%s', (role) => {
  for (const [name, action] of Object.entries(PROGRAMS)) {
    test.concurrent(`${name}`, () => sameWithBoth((library) => run(library, role, action, {})));
  }
  test.concurrent('does not fragment when told so', () =>
    sameWithBoth((library) =>
      run(library, role, (connection) => connection.sendUTF('x'.repeat(900)), { fragmentOutgoingMessages: false }),
    ),
  );
  test.concurrent('goes on after pause and resume', () =>
    sameWithBoth(async (library) => {
      const { connection, peer, close } = await withRawPeer(library, role);
      await sleep(30);
      const log = record(connection, [], ['message', 'pause', 'resume']);
      connection.pause();
      peer.socket.write(frame({ payload: 'late', ...(role === 'server' ? { key: hex('01 02 03 04') } : {}) }));
      await sleep(30);
      log.push(connection.inputPaused);
      connection.resume();
      await until(() => log.length === 4);
      close();
      return [...log];
    }),
  );
});
