// A WebSocket of either library, with permessage-deflate, against a raw socket that a test plays itself.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { acceptKey } from '../../../../src/handshake/accept-key.ts';
import { toHex } from '../../../support/frames.ts';
import { closed, rawServer, record, requestOf, sleep, until, type Library, type Socket_ } from '../oracle.ts';
import type { Role } from '../raw-peer.ts';

export interface CompressedPeer {
  readonly ws: Socket_;
  readonly socket: Socket;
  /** What the WebSocket has sent, without the opening handshake. */
  readonly received: Buffer[];
  end(): void;
}

/** How many messages a log has. */
export function messagesIn(log: readonly unknown[]): number {
  return log.filter((entry) => (entry as unknown[])[0] === 'message').length;
}

/** The answer of a server that agrees to `extensions`. */
export function answerTo(head: string, extensions: string | undefined): string {
  const key = /^sec-websocket-key: (.*)$/im.exec(head)![1].trim();
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  lines.push(`Sec-WebSocket-Accept: ${acceptKey(key)}`);
  if (extensions !== undefined) lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/**
 * Opens a connection.
 *
 * @param parameters What the raw peer offers, or answers, behind the extension's name.
 */
export async function withCompression(
  library: Library,
  role: Role,
  options: Record<string, unknown> = {},
  parameters: string = '',
): Promise<CompressedPeer> {
  const received: Buffer[] = [];
  const listen = (socket: Socket): void => {
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.on('end', () => socket.end());
  };
  const extensions = `permessage-deflate${parameters}`;
  if (role === 'server') {
    const server = new library.WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true, ...options });
    await once(server, 'listening');
    const connected = once(server, 'connection') as Promise<[Socket_]>;
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(requestOf({ 'Sec-WebSocket-Extensions': extensions }));
    const [[ws]] = await Promise.all([connected, once(socket, 'data')]);
    listen(socket);
    return { ws, socket, received, end: () => (socket.destroy(), server.close()) };
  }
  let peer!: Socket;
  const server = await rawServer((socket, head) => {
    peer = socket;
    socket.write(answerTo(head, extensions));
    listen(socket);
  });
  // A mask of zeros makes what a client sends readable.
  const ws = new library.WebSocket(`ws://127.0.0.1:${server.port}`, { generateMask() {}, ...options });
  await once(ws, 'open');
  return { ws, socket: peer, received, end: () => server.close() };
}

/** Writes `chunks` to one side; what it emitted and answered until it closed. */
export async function receivedCompressed(
  library: Library,
  role: Role,
  chunks: readonly Uint8Array[],
  options: Record<string, unknown> & { binaryType?: string } = {},
  parameters: string = '',
): Promise<{ log: unknown[]; answer: string }> {
  const { binaryType, ...others } = options;
  const { ws, socket, received, end } = await withCompression(library, role, others, parameters);
  if (binaryType !== undefined) ws.binaryType = binaryType as 'nodebuffer';
  const log = record(ws, [], ['message', 'ping', 'pong', 'close', 'error']);
  for (const [index, chunk] of chunks.entries()) {
    if (index > 0) await sleep(3);
    socket.write(chunk);
  }
  // A server ends TCP; our client waits for that (RFC 6455 section 7.1.1), ws's does not.
  await until(() => ws.readyState >= ws.CLOSING);
  if (role === 'client') setTimeout(() => socket.end(), 5);
  await closed(ws);
  await sleep(2);
  end();
  return { log, answer: toHex(Buffer.concat(received)) };
}
