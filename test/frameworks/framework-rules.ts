// The rules for the example of every framework: it answers HTTP, echoes over a WebSocket, and closes both in order at SIGTERM.

import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { closing, connect, exchange, type Program } from '../examples/run-example.ts';
import { ROOT } from '../support/mini-runner/bundle.ts';

/** The path of a file of examples/frameworks/, in the copy that finds its framework. */
export function framework(path: string): string {
  return join(ROOT, 'build/frameworks', path);
}

/** What the example of a framework must do at `authority`. */
export interface Expected {
  /** The path of its HTTP route. Default: `/`. */
  readonly route?: string;
  /** What the HTTP route answers; a pattern for a page. */
  readonly answer: string | RegExp;
  /** The path of its WebSocket. Default: `/echo`. */
  readonly echo?: string;
}

/** Checks the HTTP route and the echo. The server closes cleanly if the client does. */
export async function serves(authority: string, { route = '/', answer, echo = '/echo' }: Expected): Promise<void> {
  const response = await fetch(`http://${authority}${route}`);
  expect(response.status).toBe(200);
  const text = await response.text();
  if (typeof answer === 'string') expect(text).toBe(answer);
  else expect(text).toMatch(answer);
  const ws = await connect(`ws://${authority}${echo}`);
  expect(await exchange(ws, 'grüß dich')).toBe('grüß dich');
  expect(await exchange(ws, Buffer.of(0, 128, 255))).toEqual(Buffer.of(0, 128, 255));
  const closed = closing(ws);
  ws.close(3000, 'bye');
  expect(await closed).toEqual([3000, 'bye']);
}

/** A client that sends `request` and never closes its side of the connection. */
class StubbornClient {
  readonly #socket: Socket;

  constructor(authority: string, request: string) {
    const [host, port] = authority.split(':');
    this.#socket = connectSocket({ host, port: Number(port), allowHalfOpen: true });
    this.#socket.on('error', () => {}).write(request);
    onTestFinished(() => void this.#socket.destroy());
  }

  async connected(): Promise<void> {
    if (this.#socket.connecting) await once(this.#socket, 'connect');
  }

  /** The status line, or nothing if the server just closes. */
  async answered(): Promise<string> {
    return await new Promise((resolve) => {
      this.#socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1').split('\r\n', 1)[0]));
      for (const end of ['end', 'close']) this.#socket.once(end, () => resolve(''));
    });
  }
}

function upgradeRequest(target: string, protocol = 'websocket'): string {
  const fields = ['Host: localhost', 'Connection: Upgrade', `Upgrade: ${protocol}`];
  const ofWebSockets = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  return [`GET ${target} HTTP/1.1`, ...fields, ...ofWebSockets, '', ''].join('\r\n');
}

/** Requests that get no WebSocket, of clients that stay: none of them may keep the process alive. */
async function lingers(authority: string, route: string): Promise<void> {
  for (const target of ['/elsewhere', '//', 'http://[', route]) {
    expect(await new StubbornClient(authority, upgradeRequest(target)).answered(), target).not.toMatch(/ 101 /);
  }
  for (const rest of ['', 'GET / HTTP/1.1\r\nHo', upgradeRequest(route, 'h2c')]) {
    await new StubbornClient(authority, rest).connected();
  }
}

/** How a server must end. */
export interface Ending extends Omit<Expected, 'answer'> {
  /** What it writes to its standard error. Default: nothing. */
  readonly errors?: RegExp;
  /** The reason of its Close frame. Default: none. */
  readonly reason?: string;
}

/**
 * Checks that SIGTERM closes an open WebSocket with 1001, and that the process then ends by itself although an HTTP connection is kept alive, and
 * other clients do not leave.
 */
export async function stops(
  server: Program,
  authority: string,
  { route = '/', echo = '/echo', errors = /^$/, reason = '' }: Ending = {},
): Promise<void> {
  const ws = await connect(`ws://${authority}${echo}`);
  await lingers(authority, route);
  await (await fetch(`http://${authority}${route}`)).text();
  const closed = closing(ws);
  expect(await server.end('SIGTERM')).toBe(0);
  expect(await closed).toEqual([1001, reason]);
  expect(server.errors).toMatch(errors);
}
