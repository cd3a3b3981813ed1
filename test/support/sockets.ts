// Real sockets for the Node suites: listening, raw peers that speak only bytes, and Duplex streams that are no sockets.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { PATIENCE } from './patience.ts';

export { sleep } from './sleep.ts';

/** Something that can be closed when a test is over. */
type Closing = () => unknown;

/** Collects the resources of a test; `run` closes them, the last one first. */
export class Cleanup {
  readonly #tasks: Closing[] = [];

  add(task: Closing): void {
    this.#tasks.push(task);
  }

  async run(): Promise<void> {
    for (let task = this.#tasks.pop(); task !== undefined; task = this.#tasks.pop()) await task();
  }
}

/** Listens on a free port of 127.0.0.1. @returns The port. */
export async function listen(server: Server, host: string = '127.0.0.1'): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/**
 * A port of 127.0.0.1 that nothing listens on. It lies below those that systems give to port 0 and to clients (Linux: from 32768), so no
 * other test gets it by chance, and a client that connects to it again and again never gets it as its own port.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Whether a server listens on a port of the loopback interface. */
export async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The value of `promise`, or a rejection that names the event that did not come. */
export async function within<Value>(what: string, promise: Promise<Value>, milliseconds: number = PATIENCE): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${milliseconds} ms for ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `condition` holds. */
export async function until(what: string, condition: () => boolean, milliseconds: number = PATIENCE): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`Waited ${milliseconds} ms for ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }
}

/** The key of RFC 6455 section 1.3, as good as any. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The head of an upgrade request. */
export function requestHead(path: string = '/', fields: readonly string[] = []): string {
  const lines = [
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
  ];
  return `${[`GET ${path} HTTP/1.1`, ...lines, ...fields].join('\r\n')}\r\n\r\n`;
}

/** The head of the answer to a request with `key`. */
export function acceptanceHead(key: string, fields: readonly string[] = []): string {
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  return `${['HTTP/1.1 101 Switching Protocols', ...lines, ...fields].join('\r\n')}\r\n\r\n`;
}

/** A peer of which the test writes every byte itself. Whatever arrives behind the HTTP head is in `bytes`. */
export class RawPeer {
  readonly socket: Socket;
  /** The head of the peer's request or answer. */
  head: string = '';
  /** Whether the other side sent FIN. */
  hasEnded: boolean = false;
  hasClosed: boolean = false;
  #received: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('end', () => (this.hasEnded = true));
    socket.on('close', () => (this.hasClosed = true));
    socket.on('data', (chunk: Buffer) => this.#received.push(chunk));
  }

  /** The bytes that arrived so far, without the head. */
  get bytes(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** Waits for the whole head and takes it out of `bytes`. */
  async readHead(): Promise<string> {
    await until('an HTTP head', () => this.bytes.includes('\r\n\r\n') || this.hasClosed);
    const all = this.bytes;
    const end = all.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`The connection ended within the head: ${all.toString('latin1')}`);
    this.head = all.toString('latin1', 0, end);
    this.#received = [all.subarray(end + 4)];
    return this.head;
  }

  /** Waits until `length` bytes have arrived behind the head. */
  async readBytes(length: number): Promise<Buffer> {
    await until(`${length} bytes`, () => this.bytes.length >= length || this.hasClosed);
    return this.bytes;
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }
}

/** Connects to a WebSocket server and does the opening handshake; `extra` is sent in the same write. */
export async function connectRaw(
  port: number,
  options: { path?: string; fields?: readonly string[]; extra?: Uint8Array; allowHalfOpen?: boolean } = {},
): Promise<RawPeer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: options.allowHalfOpen ?? false });
  const peer = new RawPeer(socket);
  await once(socket, 'connect');
  peer.write(Buffer.concat([Buffer.from(requestHead(options.path, options.fields)), options.extra ?? new Uint8Array()]));
  await peer.readHead();
  return peer;
}

/** A server that answers the opening handshake, writes `extra` behind the answer in one write, and leaves the rest to the test. */
export async function serveRaw(
  cleanup: Cleanup,
  options: { extra?: Uint8Array; allowHalfOpen?: boolean; answer?: (key: string) => string | null } = {},
): Promise<{ url: string; port: number; accept: () => Promise<RawPeer> }> {
  const peers: RawPeer[] = [];
  const server = createServer({ allowHalfOpen: options.allowHalfOpen ?? false }, (socket) => {
    const peer = new RawPeer(socket);
    void peer.readHead().then(
      (head) => {
        const key = /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? '';
        const answer = options.answer === undefined ? acceptanceHead(key) : options.answer(key);
        if (answer !== null) peer.write(Buffer.concat([Buffer.from(answer, 'latin1'), options.extra ?? new Uint8Array()]));
        peers.push(peer);
      },
      () => peers.push(peer),
    );
  });
  const port = await listen(server);
  cleanup.add(() => {
    server.close();
    for (const { socket } of peers) socket.destroy();
  });
  return {
    url: `ws://127.0.0.1:${port}/`,
    port,
    async accept(): Promise<RawPeer> {
      await until('a client', () => peers.length > 0);
      return peers.shift()!;
    },
  };
}

/** One half of a pair of streams that carry each other's bytes; no net.Socket, so nothing of a socket may be relied on. */
class PairedDuplex extends Duplex {
  other: PairedDuplex | null = null;
  #onRead: (() => void) | null = null;

  override _read(): void {
    const resume = this.#onRead;
    this.#onRead = null;
    resume?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#pass(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.#pass(null, callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { other } = this;
    this.other = null;
    if (other !== null) {
      other.other = null;
      setImmediate(() => other.destroy());
    }
    callback(error);
  }

  #pass(chunk: Buffer | null, callback: () => void): void {
    const { other } = this;
    if (other === null) return callback();
    // As a socket does: later, and in memory that the writer may reuse once it is told so.
    setImmediate(() => {
      if (other.destroyed || other.push(chunk && Buffer.from(chunk)) || chunk === null) callback();
      else other.#onRead = callback;
    });
  }
}

/** Two streams, each of which reads the writes of the other. */
export function duplexPair(): [Duplex, Duplex] {
  const pair = [new PairedDuplex(), new PairedDuplex()] as const;
  pair[0].other = pair[1];
  pair[1].other = pair[0];
  return [...pair];
}

/** `socket` behind a Duplex of our own: for transports that must not find the socket in it. */
export function wrap(socket: Socket): Duplex {
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, callback) => void socket.write(chunk, callback),
    final: (callback) => void socket.end(callback),
    destroy(error, callback) {
      socket.destroy();
      callback(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    if (!duplex.push(chunk)) socket.pause();
  });
  socket.on('end', () => duplex.push(null));
  socket.on('error', (error) => duplex.destroy(error));
  socket.on('close', () => duplex.destroy());
  return duplex;
}
