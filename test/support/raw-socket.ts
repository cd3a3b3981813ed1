// A bare TCP socket as a WebSocket peer: literal handshakes, literal frames, nothing of the library. Runs on every runtime with node:net.

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as timer } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { concat, frame, hex, type FrameOptions } from './frames.ts';
import { PATIENCE } from './patience.ts';

/** The key and accept value of RFC 6455 section 1.3. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** The masking key of RFC 6455 section 5.7, for frames that a raw client sends. */
const MASKING_KEY = hex('37 fa 21 3d');

/** Fields of an HTTP message; undefined leaves one of the usual fields out, a list repeats it. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How bytes reach the socket: all at once, or each in a write of its own. */
export type Pace = 'chunk' | 'byte';

/** A frame as it came over the wire. */
export interface ReceivedFrame {
  readonly fin: boolean;
  /** The three reserved bits, as a number. */
  readonly rsv: number;
  readonly opcode: number;
  readonly key: Buffer | undefined;
  /** Which form of the length was used. */
  readonly lengthBits: 7 | 16 | 64;
  /** Unmasked. */
  readonly payload: Buffer;
}

/** Head of an HTTP message, names in lower case. */
export interface Head {
  readonly line: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Waits until `condition` holds. */
export async function eventually(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${String(condition)}`);
    await timer(1);
  }
}

function linesOf(fields: Fields): string {
  return Object.entries(fields)
    .flatMap(([name, value]) => (value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`)))
    .join('');
}

/** A handshake as a client writes it (RFC 6455 section 4.1), with changes. */
export function requestText(changes: Fields = {}, line: string = 'GET /chat HTTP/1.1'): string {
  const usual = { Host: 'localhost', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': KEY };
  return `${line}\r\n${linesOf({ ...usual, 'Sec-WebSocket-Version': '13', ...changes })}\r\n`;
}

/** Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2), by another SHA-1 than the library's. */
export function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** The answer to `request` as a server writes it (RFC 6455 section 4.2.2), with changes. */
export function responseText(request: Head, changes: Fields = {}, line: string = 'HTTP/1.1 101 Switching Protocols'): string {
  const accept = acceptFor(request.fields['sec-websocket-key'] ?? '');
  return `${line}\r\n${linesOf({ Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': accept, ...changes })}\r\n`;
}

/** A bare socket, and the bytes that came over it. */
export class RawPeer {
  readonly socket: Socket;
  /** Whether we mask: the library is the server. */
  readonly isClient: boolean;
  readonly #pace: Pace;
  #received: Buffer = Buffer.alloc(0);
  readonly #chunks: Buffer[] = [];
  /** Whether the library ended its side of TCP, or dropped the connection. */
  hasEnded: boolean = false;
  isGone: boolean = false;

  constructor(socket: Socket, isClient: boolean, pace: Pace = 'chunk') {
    this.socket = socket;
    this.isClient = isClient;
    this.#pace = pace;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on('end', () => (this.hasEnded = true));
    // A reset while we still write is the library's right once it has failed the connection.
    socket.on('error', () => {});
    socket.on('close', () => (this.isGone = this.hasEnded = true));
    onTestFinished(() => void socket.destroy());
  }

  /** Everything received and not yet taken off by {@link readHead}. */
  get bytes(): Buffer {
    if (this.#chunks.length > 0) this.#received = Buffer.concat([this.#received, ...this.#chunks.splice(0)]);
    return this.#received;
  }

  /** The complete frames received so far. */
  get frames(): ReceivedFrame[] {
    return parseFrames(this.bytes);
  }

  /** Removes the head of an HTTP message from the received bytes. */
  async readHead(): Promise<Head> {
    await eventually(() => this.bytes.includes('\r\n\r\n') || this.hasEnded);
    const end = this.bytes.indexOf('\r\n\r\n');
    if (end === -1) throw new Error(`No HTTP head in ${JSON.stringify(this.bytes.toString('latin1'))}`);
    const head = parseHead(this.bytes.toString('latin1', 0, end));
    this.#received = this.bytes.subarray(end + 4);
    return head;
  }

  /** The bytes of a frame that is masked as our role demands. */
  frame(options: FrameOptions = {}): Uint8Array<ArrayBuffer> {
    return frame(this.isClient ? { key: MASKING_KEY, ...options } : options);
  }

  /** Sends a frame that is masked as our role demands. */
  async sendFrame(options: FrameOptions = {}): Promise<void> {
    await this.send(this.frame(options));
  }

  /** Sends `parts` in one write, or byte by byte. */
  async send(...parts: Uint8Array[]): Promise<void> {
    const bytes = concat(...parts);
    const step = this.#pace === 'byte' ? 1 : bytes.length;
    for (let at = 0; at < bytes.length && this.socket.writable; at += step) {
      this.socket.write(bytes.subarray(at, at + step));
      // Both ends live in this process: a turn of the loop lets the library read before the next write.
      if (this.#pace === 'byte') await nextTurn();
    }
  }

  /** Waits for the first `count` frames. */
  async read(count: number): Promise<ReceivedFrame[]> {
    await eventually(() => this.frames.length >= count || this.hasEnded);
    const { frames } = this;
    if (frames.length < count) throw new Error(`TCP ended after ${frames.length} frames, before number ${count}`);
    return frames.slice(0, count);
  }

  /** Waits until the library ends its side; all frames up to there. */
  async readToEnd(): Promise<ReceivedFrame[]> {
    await eventually(() => this.hasEnded);
    return this.frames;
  }

  /** Ends our side of TCP, and goes on reading. */
  end(): void {
    this.socket.end();
  }
}

function parseHead(text: string): Head {
  const [line, ...lines] = text.split('\r\n');
  const fields = lines.map((field) => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
  });
  return { line, fields: Object.fromEntries(fields) };
}

function parseFrames(bytes: Buffer): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = bytes[at + 1] & 0x7f;
    const lengthBits = short < 126 ? 7 : short === 126 ? 16 : 64;
    const isMasked = bytes[at + 1] >= 0x80;
    const lengthAt = at + 2;
    const keyAt = lengthAt + (lengthBits === 7 ? 0 : lengthBits / 8);
    const start = keyAt + (isMasked ? 4 : 0);
    if (start > bytes.length) break;
    const length =
      lengthBits === 7 ? short : lengthBits === 16 ? bytes.readUInt16BE(lengthAt) : Number(bytes.readBigUInt64BE(lengthAt));
    if (start + length > bytes.length) break;
    const key = isMasked ? bytes.subarray(keyAt, start) : undefined;
    const payload = Buffer.from(bytes.subarray(start, start + length));
    if (key) for (let index = 0; index < length; index++) payload[index] ^= key[index % 4];
    frames.push({ fin: bytes[at] >= 0x80, rsv: (bytes[at] >> 4) & 7, opcode: bytes[at] & 15, key, lengthBits, payload });
    at = start + length;
  }
  return frames;
}

/** Opens a bare socket to our server. */
export function connectRaw(port: number, pace: Pace = 'chunk'): RawPeer {
  return new RawPeer(connect({ port, host: '127.0.0.1', allowHalfOpen: true }), true, pace);
}

/** Starts a bare TCP server, until the test ends. `onPeer` hears of each connection. */
export async function startRawServer(onPeer: (peer: RawPeer) => void, pace: Pace = 'chunk'): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => onPeer(new RawPeer(socket, false, pace)));
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
