// Where the facade means to differ from WebSocket-Node (docs/compat/websocket.md): what both do.

import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { concat, frame, hex, type FrameOptions } from '../../support/frames.ts';
import { outcome, rawServer } from '../../oracle/ws/oracle.ts';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import { listen, open, ours, rawPeer, record, requestOf, sleep, theirs, until, withRawPeer, type Library } from './oracle.ts';

/** What a server's connection says of frames that end it, and what it answers. */
async function ended(
  library: Library,
  frames: readonly FrameOptions[],
  config: object = {},
  key?: Uint8Array,
): Promise<unknown[]> {
  const { connection, peer, close } = await withRawPeer(library, 'server', config);
  const mask = key ?? hex('37 fa 21 3d');
  peer.socket.write(concat(...frames.map((options) => frame(mask.length === 4 ? { ...options, key: mask } : options))));
  await until(() => connection.state === 'closed');
  await sleep(10);
  close();
  return [connection.closeReasonCode, connection.closeDescription, peer.frames().slice(0, 7)];
}

const CLOSES: readonly (readonly [string, string, readonly unknown[], readonly unknown[]])[] = [
  ['without a code', '', [1006, 'Connection dropped by remote peer.', '88 03e8'], [1005, 'Reason not provided', '88 ;']],
  ['with 2000', '07 d0', [2000, undefined, '88 03ea'], [1002, 'Invalid close code.', '88 03ea']],
  ['with 1004', '03 ec', [1004, 'Reserved', '88 03ea'], [1002, 'Invalid close code.', '88 03ea']],
  ['with 1005', '03 ed', [1005, 'Reason not provided', '88 03ea'], [1002, 'Invalid close code.', '88 03ea']],
  ['with 1015', '03 f7', [1015, 'TLS Handshake Failed', '88 03e8'], [1002, 'Invalid close code.', '88 03ea']],
  ['with 3000', '0b b8', [3000, undefined, '88 03e8'], [3000, undefined, '88 0bb8']],
  ['of one byte', '03', [1005, 'Reason not provided', '88 03ea'], [1002, 'Invalid close frame.', '88 03ea']],
  ['with a reason of one byte', '0b b8 78', [3000, undefined, '88 03e8'], [3000, 'x', '88 0bb8']],
  [
    'with a reason that is no UTF-8',
    '03 e8 ff',
    [1000, 'Normal connection closure', '88 03e8'],
    [1007, 'Invalid UTF-8 Data Received', '88 03ef'],
  ],
];

describe('the peer sends Close', () => {
  test.each(CLOSES)('%s', async (_name, payload, expected, actual) => {
    const close = [{ opcode: 8, payload: hex(payload) }];
    expect(await ended(theirs, close)).toEqual(expected);
    expect(await ended(ours, close)).toEqual(actual);
  });
});

/** What a server answers to a request that RFC 6455 section 4.2.1 does not allow: its first line. */
async function answer(library: Library, headers: Record<string, string | undefined>, first?: string): Promise<string> {
  const { server, port, close } = await listen(library);
  server.on('request', (request) => void request.accept(null, request.origin));
  const peer = rawPeer(connect(port, '127.0.0.1'));
  peer.socket.write(requestOf(headers, first));
  await until(() => peer.text().includes('\r\n\r\n'));
  close();
  return peer.text().slice(9, 12);
}

describe('the server', () => {
  test('refuses frames without a mask', async () => {
    expect(await ended(ours, [{ payload: 'a' }], {}, new Uint8Array())).toEqual([
      1002,
      'Frames from a client must be masked.',
      '88 03ea',
    ]);
    const { connection, peer, close } = await withRawPeer(theirs, 'server');
    const log = record(connection, [], ['message']);
    peer.socket.write(frame({ payload: 'a' }));
    await until(() => log.length === 1);
    close();
  });

  test.each([
    ['a key that is none', { 'Sec-WebSocket-Key': 'abc' }, undefined, '400'],
    ['another protocol', { Upgrade: 'h2c' }, undefined, '400'],
    ['another method', {}, 'POST / HTTP/1.1', '405'],
    ['HTTP 1.0', {}, 'GET / HTTP/1.0', '400'],
    ['a subprotocol twice', { 'Sec-WebSocket-Protocol': 'a, a' }, undefined, '400'],
    ['an empty subprotocol', { 'Sec-WebSocket-Protocol': 'a,,b' }, undefined, '400'],
    ['extensions that are none', { 'Sec-WebSocket-Extensions': 'a b' }, undefined, '400'],
  ])('refuses %s', async (_name, headers, first, status) => {
    expect(await answer(theirs, headers, first)).toBe('101');
    expect(await answer(ours, headers, first)).toBe(status);
  });

  test('takes a cookie that is not encoded', async () => {
    expect(await answer(theirs, { Cookie: 'a=%zz' })).toBe('400');
    expect(await answer(ours, { Cookie: 'a=%zz' })).toBe('101');
  });

  test('names the character that a subprotocol may not have', async () => {
    const { server, port, close } = await listen(ours);
    const log: unknown[] = [];
    server.on('request', (request) => log.push(outcome(() => request.accept('a b'))));
    const peer = rawPeer(connect(port, '127.0.0.1'));
    peer.socket.write(requestOf({ 'Sec-WebSocket-Protocol': 'a' }));
    await until(() => log.length === 1);
    expect(log).toEqual([{ throws: { name: 'Error', message: 'Illegal character " " in subprotocol.' } }]);
    close();
  });

  test('writes no header whose name could forge another', async () => {
    const { server, port, close } = await listen(ours);
    server.on('request', (request) => request.reject(401, 'no', { 'X-A: b\r\nX-B': 'c' }));
    const peer = rawPeer(connect(port, '127.0.0.1'));
    peer.socket.write(requestOf());
    await until(() => peer.text().includes('\r\n\r\n'));
    expect(peer.text()).toContain('\r\nX-AbX-B: c\r\n');
    close();
  });

  test('ends the connection of who is rejected and stays', async () => {
    const { http, server, port, close } = await listen(ours);
    server.on('request', (request) => request.reject());
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    socket.write(requestOf());
    socket.resume();
    await until(() => socket.readableEnded);
    await sleep(30);
    const count = await new Promise((resolve) => void http.getConnections((_error, number) => resolve(number)));
    expect(count).toBe(0);
    socket.destroy();
    close();
  });

  test('loses no message that comes before Close', async () => {
    const { client, end } = await open({ client: ours, server: ours });
    for (let index = 0; index < 100; index++) client.sendUTF(`${index}`);
    client.close();
    const { server } = await end();
    expect(server.filter((entry) => (entry as unknown[])[0] === 'message')).toHaveLength(100);
  });
});

describe('frames, one by one', () => {
  const FRAMES = { assembleFragments: false };

  test('a continuation of nothing ends the connection', async () => {
    expect(await ended(ours, [{ opcode: 0 }], FRAMES)).toEqual([1002, 'Unexpected Continuation Frame', '88 03ea']);
  });

  test('text in the middle of a message ends the connection', async () => {
    const [code, text] = await ended(ours, [{ fin: false }, { payload: 'a' }], FRAMES);
    expect([code, text]).toEqual([1002, 'Illegal frame opcode 0x1 received in middle of fragmented message.']);
  });
});

describe('the connection', () => {
  test('holds a message in one frame against the limit of messages', async () => {
    const result = await ended(ours, [{ payload: '12345678' }], { maxReceivedMessageSize: 5 });
    expect(result).toEqual([1009, 'Maximum message size exceeded.', '88 03f1']);
  });

  test('cuts a close reason where it is too long, between characters', async () => {
    const { connection, peer, close } = await withRawPeer(ours, 'server');
    connection.close(1000, 'é'.repeat(100));
    await until(() => peer.frames() !== '');
    expect(peer.frames()).toBe(`88 03e8${'c3a9'.repeat(61)};`);
    close();
  });

  test('does not close with 1015', async () => {
    const { connection, close } = await withRawPeer(ours, 'server');
    expect(() => connection.close(1015)).toThrow('Close code 1015 is not valid.');
    expect(connection.state).toBe('open');
    close();
  });

  test('drops without a code that must not be sent', async () => {
    const { connection, peer, close } = await withRawPeer(ours, 'server');
    connection.drop(1006, 'gone');
    await until(() => peer.socket.readableEnded);
    expect([connection.closeReasonCode, connection.closeDescription, peer.frames()]).toEqual([1006, 'gone', '88 ;']);
    close();
  });

  test('says by which code it was dropped first', async () => {
    const { connection, close } = await withRawPeer(ours, 'server');
    connection.drop(1001);
    connection.drop(1002);
    expect(connection.closeReasonCode).toBe(1001);
    close();
  });

  test('tells who sends after close', async () => {
    const { connection, close } = await withRawPeer(ours, 'server', { closeTimeout: 20 });
    const log = record(connection, [], ['close']);
    connection.close(1001, 'bye');
    connection.sendUTF('late', (error) => log.push(error?.message));
    await until(() => connection.state === 'closed');
    expect(log).toEqual(['The WebSocket is not open', ['close', 1001, 'bye']]);
    close();
  });

  test('waits for the answer to its Close frame, and no longer than closeTimeout', async () => {
    const { connection, peer, close } = await withRawPeer(ours, 'server', { closeTimeout: 1000 });
    connection.close();
    await until(() => peer.frames() !== '');
    await sleep(20);
    expect([connection.state, peer.socket.readableEnded]).toEqual(['ending', false]);
    await until(() => connection.state === 'closed');
    expect(connection.closeReasonCode).toBe(1000);
    close();
  });

  test('counts what waits', async () => {
    const { connection, close } = await withRawPeer(ours, 'server');
    connection.sendUTF('12345');
    expect(connection.bytesWaitingToFlush).toBe(5);
    await until(() => connection.bytesWaitingToFlush === 0);
    close();
  });

  test('has the old name of its version', async () => {
    const { connection, close } = await withRawPeer(ours, 'server');
    expect(connection.websocketVersion).toBe(13);
    close();
  });
});

/** What a client makes of an answer with more lines than it should have. */
async function opened(library: Library, lines: string): Promise<unknown> {
  const server = await rawServer((socket, head) => {
    const accept = acceptKey(/^sec-websocket-key: (.*)$/im.exec(head)![1].trim());
    const start = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade';
    socket.write(`${start}\r\nSec-WebSocket-Accept: ${accept}\r\n${lines}\r\n\r\n`);
  });
  const client = new library.client();
  const log = record(client, [], ['connect', 'connectFailed']);
  client.connect(`ws://127.0.0.1:${server.port}/`);
  await until(() => log.length > 0);
  server.close();
  return (log[0] as unknown[])[0];
}

describe('the client', () => {
  test.each(['Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Extensions: a'])(
    'refuses %s, which it did not ask for',
    async (lines) => {
      expect(await opened(theirs, lines)).toBe('connect');
      expect(await opened(ours, lines)).toBe('connectFailed');
    },
  );

  test('knows what schemes there are', () => {
    expect(() => new ours.client().connect('ftp://localhost')).toThrow(SyntaxError);
  });
});
