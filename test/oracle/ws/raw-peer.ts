// A WebSocket of either library against a raw socket that a test plays itself.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import { concat, frame, hex, toHex, type FrameOptions } from '../../support/frames.ts';
import { closed, rawServer, record, requestOf, sleep, until, type Library, type Socket_ } from './oracle.ts';

export type Role = 'client' | 'server';
type Options = Record<string, unknown>;

/** A WebSocket of `library` whose peer is a raw socket. */
export async function withRawPeer(
  library: Library,
  role: Role,
  options: Options,
): Promise<{ ws: Socket_; socket: Socket; end(): void }> {
  if (role === 'server') {
    const server = new library.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    await once(server, 'listening');
    const connected = once(server, 'connection') as Promise<[Socket_]>;
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(requestOf());
    const [[ws]] = await Promise.all([connected, once(socket, 'data')]);
    return { ws, socket, end: () => (socket.destroy(), server.close()) };
  }
  let peer!: Socket;
  const server = await rawServer((socket, head) => {
    peer = socket;
    const key = /^sec-websocket-key: (.*)$/im.exec(head)![1].trim();
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
    );
  });
  // A mask of zeros makes what a client sends readable.
  const ws = new library.WebSocket(`ws://127.0.0.1:${server.port}`, {
    perMessageDeflate: false,
    generateMask() {},
    ...options,
  });
  await once(ws, 'open');
  return { ws, socket: peer, end: () => server.close() };
}

/** Writes `chunks` to one side, and gives what it emitted and answered until it closed. */
export async function received(
  library: Library,
  role: Role,
  chunks: readonly Uint8Array[],
  options: Options & { binaryType?: string } = {},
) {
  const { binaryType, ...others } = options;
  const { ws, socket, end } = await withRawPeer(library, role, others);
  if (binaryType !== undefined) ws.binaryType = binaryType as 'nodebuffer';
  const log = record(ws, [], ['message', 'ping', 'pong', 'close', 'error']);
  const answer: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => answer.push(chunk));
  socket.on('end', () => socket.end());
  for (const [index, chunk] of chunks.entries()) {
    if (index > 0) await sleep(3);
    socket.write(chunk);
  }
  // A server ends TCP; our client waits for that (RFC 6455 section 7.1.1), ws's does not.
  await until(() => ws.readyState >= ws.CLOSING);
  if (role === 'client') setTimeout(() => socket.end(), 5);
  await closed(ws);
  end();
  return { log, answer: toHex(Buffer.concat(answer)) };
}

/** Frames as the peer of `role` must send them. */
export function frames(role: Role, list: readonly FrameOptions[]): Uint8Array {
  return concat(
    ...list.map((options) => frame(role === 'server' ? { key: new Uint8Array(4), ...options } : options) as Uint8Array),
  );
}

/** A Close frame, 1000. */
export const CLOSE: FrameOptions = { opcode: 8, payload: hex('03e8') };
