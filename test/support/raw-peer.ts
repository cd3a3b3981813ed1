// A peer made of a bare TCP socket: literal handshakes, literal frames, nothing shared with the library but the wire.
// It talks to our server as a client, or to our client as a server.

import { Buffer } from 'node:buffer';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer, type ClientOptions } from '../../adapters/node/index.ts';
import type { FrameOptions } from './frames.ts';
import {
  connectRaw,
  eventually,
  RawPeer,
  requestText,
  responseText,
  startRawServer,
  type Fields,
  type Pace,
  type ReceivedFrame,
} from './raw-socket.ts';

export * from './raw-socket.ts';

/** Options of our server. */
export type ServerSettings = Omit<NonNullable<ConstructorParameters<typeof WebSocketServer>[0]>, 'port' | 'WebSocket'>;

/** The events of the library's WebSocket. */
export class Log {
  /** Text as strings, binary as Buffers. */
  readonly messages: (string | Buffer)[] = [];
  readonly pings: string[] = [];
  readonly pongs: string[] = [];
  readonly errors: (Error & { code?: string })[] = [];
  hasOpened: boolean = false;
  /** The event as a W3C listener gets it. */
  wasClean: boolean | undefined;
  /** Arguments of 'close'. */
  closed: { code: number; reason: string } | undefined;

  constructor(ws: WebSocket) {
    ws.on('open', () => (this.hasOpened = true));
    ws.on('message', (data: Buffer, isBinary: boolean) => this.messages.push(isBinary ? data : data.toString()));
    ws.on('ping', (payload: Buffer) => this.pings.push(payload.toString()));
    ws.on('pong', (payload: Buffer) => this.pongs.push(payload.toString()));
    ws.on('error', (error: Error) => this.errors.push(error));
    ws.addEventListener('close', (event: { wasClean?: boolean }) => (this.wasClean = event.wasClean));
    ws.on('close', (code: number, reason: Buffer) => (this.closed = { code, reason: reason.toString() }));
    onTestFinished(() => ws.terminate());
  }

  /** Waits for 'close'. */
  async end(): Promise<{ code: number; reason: string }> {
    await eventually(() => this.closed !== undefined);
    return this.closed!;
  }
}

/** An open connection: the library at one end, a bare socket at the other. */
export interface Conversation {
  readonly ws: WebSocket;
  readonly peer: RawPeer;
  readonly log: Log;
}

export interface OpenOptions {
  /** Options of our server or client. */
  readonly settings?: ServerSettings & ClientOptions;
  /** Fields of the raw peer's half of the handshake. */
  readonly fields?: Fields;
  /** Subprotocols that our client offers. */
  readonly protocols?: string[];
  /** Frames that the raw peer sends in the same write as its half of the handshake. */
  readonly head?: readonly FrameOptions[];
}

/** Starts our server on a port of its own, until the test ends. */
export async function startServer(settings: ServerSettings = {}): Promise<{ server: WebSocketServer; port: number }> {
  const server = new WebSocketServer({ ...settings, port: 0, host: '127.0.0.1' });
  onTestFinished(() => {
    for (const ws of server.clients ?? []) ws.terminate();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

/** Connects a raw client to our server. */
export async function openServer(options: OpenOptions = {}, pace: Pace = 'chunk'): Promise<Conversation> {
  const { server, port } = await startServer(options.settings);
  let ws: WebSocket | undefined;
  let log: Log | undefined;
  server.on('connection', (socket: WebSocket) => {
    ws = socket;
    log = new Log(socket);
  });
  const peer = connectRaw(port, pace);
  const head = (options.head ?? []).map((one) => peer.frame(one));
  await peer.send(Buffer.from(requestText(options.fields)), ...head);
  expect((await peer.readHead()).line).toBe('HTTP/1.1 101 Switching Protocols');
  await eventually(() => log !== undefined);
  return { ws: ws!, peer, log: log! };
}

/** Connects our client to a raw server. */
export async function openClient(options: OpenOptions = {}, pace: Pace = 'chunk'): Promise<Conversation> {
  let peer: RawPeer | undefined;
  const port = await startRawServer((one) => (peer = one), pace);
  const ws = new WebSocket(`ws://127.0.0.1:${port}/chat`, options.protocols ?? [], options.settings ?? {});
  const log = new Log(ws);
  await eventually(() => peer !== undefined);
  const raw = peer!;
  const request = await raw.readHead();
  await raw.send(Buffer.from(responseText(request, options.fields)), ...(options.head ?? []).map((one) => raw.frame(one)));
  await eventually(() => log.hasOpened || log.closed !== undefined);
  expect(log.hasOpened).toBe(true);
  return { ws, peer: raw, log };
}

/** Which end the library is, and how the raw peer's bytes reach it. */
export interface Setting {
  readonly side: 'server' | 'client';
  readonly pace: Pace;
  open(this: void, options?: OpenOptions): Promise<Conversation>;
}

/** Defines the same tests with the library as server and as client, fed by `paces`. */
export function onBothSides(define: (setting: Setting) => void, paces: readonly Pace[] = ['chunk', 'byte']): void {
  for (const side of ['server', 'client'] as const) {
    for (const pace of paces) {
      const open = (options?: OpenOptions): Promise<Conversation> =>
        (side === 'server' ? openServer : openClient)(options, pace);
      describe(`${side}, fed by the ${pace}`, () => {
        define({ side, pace, open });
      });
    }
  }
}

/** The status code in a Close frame; 1005 when it has none. */
export function closeCodeOf(received: ReceivedFrame | undefined): number | undefined {
  if (received?.opcode !== 8) return undefined;
  return received.payload.length === 0 ? 1005 : received.payload.readUInt16BE(0);
}

/**
 * Checks that the library fails the connection as RFC 6455 section 7.1.7 says: one Close frame with `closeCode`, nothing behind
 * it, the end of TCP, an error, and a 'close' event for an abnormal closure.
 *
 * @returns The frames before the Close frame.
 */
export async function expectFailure({ peer, log }: Conversation, closeCode: number, error?: string): Promise<ReceivedFrame[]> {
  const frames = await peer.readToEnd();
  expect(closeCodeOf(frames.at(-1))).toBe(closeCode);
  expect(frames.filter(({ opcode }) => opcode === 8)).toHaveLength(1);
  peer.end();
  expect((await log.end()).code).toBe(1006);
  expect(log.wasClean).toBe(false);
  expect(log.errors).toHaveLength(1);
  expect(log.errors[0]).toMatchObject(error === undefined ? { closeCode } : { closeCode, code: error });
  return frames.slice(0, -1);
}
