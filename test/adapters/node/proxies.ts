// What tests of proxies need: a CONNECT proxy (RFC 9110 section 9.3.6), WebSocket servers behind it, and both of our clients.

import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { WebSocket as WsStyle } from '../../../adapters/node/index.ts';
import { WebSocket as W3C } from '../../../adapters/node/w3c.ts';
import { certificate, key } from '../../support/certificates.ts';
import { listen, within } from '../../support/sockets.ts';

/** Listens until the test is over, and then ends every connection. @returns The port. */
export async function serve(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => {}));
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return listen(server);
}

export interface Proxy {
  readonly url: string;
  /** The authorities that were asked for, in order, whatever became of it. */
  readonly asked: string[];
  /** Tunnels that were opened. */
  readonly tunnels: Socket[];
}

export interface ProxyOptions {
  readonly isSecure?: boolean;
  /** `user:password`; without it in Proxy-Authorization the answer is 407. */
  readonly credentials?: string;
  /** A status line to answer everything with. */
  readonly refusal?: string;
  /** Answers nothing at all. */
  readonly isSilent?: boolean;
}

function answer(client: Duplex, status: string): void {
  client.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
}

/** A proxy that opens tunnels, and does nothing else. */
export async function serveProxy(options: ProxyOptions = {}): Promise<Proxy> {
  const { isSecure = false, credentials, refusal, isSilent = false } = options;
  const asked: string[] = [];
  const tunnels: Socket[] = [];
  const server = isSecure ? (createHttpsServer({ cert: certificate, key }) as Server) : createHttpServer();
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    const authority = request.url!;
    asked.push(authority);
    client.on('error', () => {});
    if (isSilent) return;
    if (refusal !== undefined) return answer(client, refusal);
    const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (request.headers['proxy-authorization'] !== expected) {
      return answer(client, '407 Proxy Authentication Required\r\nProxy-Authenticate: Basic');
    }
    const { hostname, port } = new URL(`http://${authority}`);
    const target = connect(Number(port), hostname, () => {
      tunnels.push(target);
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      target.write(head);
      target.pipe(client).pipe(target);
    });
    target.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  });
  const port = await serve(server);
  return { url: isSecure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`, asked, tunnels };
}

export interface Target {
  readonly url: string;
  readonly authority: string;
  /** Opening handshakes, in order. */
  readonly requests: IncomingMessage[];
}

/** The server of ws, which sends back what it gets. With `tls` over TLS. */
export async function serveEcho(tls?: ServerOptions): Promise<Target> {
  const server = tls ? (createHttpsServer({ cert: certificate, key, ...tls }) as Server) : createHttpServer();
  const requests: IncomingMessage[] = [];
  const wss = new WebSocketServer({ server, perMessageDeflate: true });
  wss.on('connection', (ws, request) => {
    requests.push(request);
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  });
  const port = await serve(server);
  return { url: `${tls ? 'wss' : 'ws'}://localhost:${port}/chat?room=1`, authority: `localhost:${port}`, requests };
}

/** Name of the peer's certificate, as the server checked it. */
export function peerName({ socket }: IncomingMessage): string | undefined {
  return String((socket as TLSSocket).getPeerCertificate().subject.CN);
}

/** Options that both faces have. */
export type Options = Readonly<{
  dispatcher?: { dispatch(options: object, handler: object): boolean };
  headers?: Record<string, string>;
  handshakeTimeout?: number;
}>;

export type Client = WsStyle | InstanceType<typeof W3C>;
/** Both faces, by name. */
export const FACES = [
  ['ws-style', (url: string, options: Options): Client => new WsStyle(url, options)],
  ['W3C', (url: string, options: Options): Client => new W3C(url, options)],
] as const;

type Listening = { addEventListener(type: string, listener: (event: never) => void): void };

/** Sends a text and a large binary message, and waits until they are back and the connection is closed. @returns The close code. */
export async function converse(client: Client): Promise<number> {
  const ws = client as Listening & Pick<WsStyle, 'send' | 'close' | 'binaryType'>;
  ws.binaryType = 'arraybuffer';
  const got: unknown[] = [];
  const closed = new Promise<number>((resolve, reject) => {
    ws.addEventListener('open', () => {
      ws.send('hello');
      ws.send(new Uint8Array(100_000).fill(7));
    });
    ws.addEventListener('message', ({ data }: { data: unknown }) => {
      if (got.push(data) === 2) ws.close(1000, 'done');
    });
    ws.addEventListener('error', ({ error }: { error: Error }) => reject(error));
    ws.addEventListener('close', ({ code }: { code: number }) => resolve(code));
  });
  const code = await within('the conversation', closed);
  if (got[0] !== 'hello' || (got[1] as ArrayBuffer).byteLength !== 100_000) throw new Error('The messages did not come back');
  return code;
}

/** The error that a client ends with, once it is closed with 1006. */
export async function failureOf(client: Client): Promise<Error & { code?: string }> {
  const ws = client as Listening;
  let failure: Error | undefined;
  const closed = new Promise<number>((resolve) => {
    ws.addEventListener('error', ({ error }: { error: Error }) => (failure = error));
    ws.addEventListener('close', ({ code }: { code: number }) => resolve(code));
  });
  const code = await within('the failure', closed);
  if (code !== 1006 || !failure) throw new Error(`Closed with ${code} and ${String(failure)}`);
  return failure;
}
