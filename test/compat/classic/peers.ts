// Servers, clients and raw hixie-76 peers for the tests of the facade. Everything is closed when the test is over.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { onTestFinished } from 'vitest';
import {
  Server,
  WebSocket,
  type ClientOptions,
  type MessageFlags,
  type ServerOptions,
} from '../../../src/compat/classic/index.ts';
import { listen, RawPeer, until, within } from '../../support/sockets.ts';

/** Starts a server on a free port. */
export async function startServer(options: ServerOptions = {}): Promise<{ server: Server; port: number; url: string }> {
  const server = new Server({ host: '127.0.0.1', port: 0, ...options });
  onTestFinished(() => server.close());
  await once(server, 'listening');
  const { port } = server._server!.address() as AddressInfo;
  return { server, port, url: `ws://127.0.0.1:${port}` };
}

/** The next client of `server`. */
export async function nextClient(server: Server): Promise<WebSocket> {
  const [ws] = (await within('a client', once(server, 'connection'))) as [WebSocket];
  return ws;
}

/** Opens a client, which is terminated when the test is over. */
export function openClient(url: string, protocols?: string | string[] | ClientOptions, options?: ClientOptions): WebSocket {
  const ws = new WebSocket(url, protocols, options);
  onTestFinished(() => ws.terminate());
  return ws;
}

/** Both ends of an open connection. */
export async function connectPair(
  serverOptions: ServerOptions = {},
  clientOptions: ClientOptions = {},
): Promise<{ server: Server; local: WebSocket; remote: WebSocket; url: string }> {
  const { server, url } = await startServer(serverOptions);
  const accepted = nextClient(server);
  const local = openClient(url, clientOptions);
  await within('open', once(local, 'open'));
  return { server, local, remote: await accepted, url };
}

export interface Received {
  readonly data: string | Buffer;
  readonly flags: MessageFlags;
}

/** The next message of `ws`. */
export async function nextMessage(ws: WebSocket): Promise<Received> {
  const [data, flags] = (await within('a message', once(ws, 'message'))) as [string | Buffer, MessageFlags];
  return { data, flags };
}

/** The arguments of 'close'. */
export async function ended(ws: WebSocket): Promise<[number, string]> {
  // Not `once` of node:events, which gives up at an 'error'.
  return within('close', new Promise((resolve) => ws.once('close', (code, message) => resolve([code, message]))));
}

/** All that `ws` receives, in order. */
export function messagesOf(ws: WebSocket): (string | Buffer)[] {
  const messages: (string | Buffer)[] = [];
  ws.on('message', (data) => messages.push(data));
  return messages;
}

/** The example of draft-hixie-thewebsocketprotocol-76, section 1.2. */
export const KEY1 = '4 @1  46546xW%0l 1 5';
export const KEY2 = '12998 5 Y3 1  .P00';
export const BODY = '^n:ds[4U';
export const ANSWER = "8jKS'y:G*Co,Wxa-";

/** The head of a hixie-76 request. `fields` replace those of the same name; undefined leaves one out. */
export function hixieHead(path: string = '/demo', fields: Readonly<Record<string, string | undefined>> = {}): string {
  const all: Record<string, string | undefined> = {
    Host: 'example.com',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key2': KEY2,
    Upgrade: 'WebSocket',
    'Sec-WebSocket-Key1': KEY1,
    Origin: 'http://example.com',
    ...fields,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined);
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** A bare socket to `port`. */
export function rawClient(port: number): RawPeer {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  return new RawPeer(socket);
}

/** A hixie-76 client whose handshake is done, and the server's end of it. */
export async function openHixie(
  options: ServerOptions = {},
  extra: Uint8Array = new Uint8Array(),
): Promise<{ server: Server; peer: RawPeer; ws: WebSocket }> {
  const { server, port } = await startServer(options);
  const accepted = nextClient(server);
  const peer = rawClient(port);
  peer.write(Buffer.concat([Buffer.from(hixieHead() + BODY, 'latin1'), extra]));
  const ws = await accepted;
  await peer.readHead();
  await peer.readBytes(16);
  return { server, peer, ws };
}

/** What a hixie-76 server sent behind its handshake, as Latin-1, once there are `length` bytes. */
export async function framesOf(peer: RawPeer, length: number): Promise<string> {
  await until(`${length} bytes of frames`, () => peer.bytes.length >= 16 + length || peer.hasClosed);
  return peer.bytes.toString('latin1', 16);
}

/** What a client that is refused hears. */
export async function refusalOf(url: string, options: object = {}): Promise<string> {
  const ws = openClient(url, options);
  const [error] = (await within('an error', once(ws, 'error'))) as [Error];
  return error.message;
}

/** The head of the answer to a request that is refused. */
export async function answerTo(port: number, request: string): Promise<string> {
  const peer = rawClient(port);
  peer.write(request);
  return peer.readHead();
}

export async function startHttp(): Promise<{ http: ReturnType<typeof createHttpServer>; port: number }> {
  const http = createHttpServer();
  onTestFinished(() => http.close().closeAllConnections());
  return { http, port: await listen(http) };
}
