// What the tests of the W3C class have in common: where they run, and how they talk to the server of wire.ts.
// No runtime's modules: workerd and browsers run this as well.

import { expect } from 'vitest';
import type { FailureEvent, W3CWebSocket, WebSocketConstructor } from '../../../src/api/w3c/index.ts';
import type { Seen } from './wire.ts';

/** Where the tests run. */
export interface Place {
  readonly name: string;
  readonly WebSocket: WebSocketConstructor;
  /** Address of a server as in wire.ts; no slash at its end. */
  readonly url: string;
  /** The same over TLS, and the options that a client needs for it. */
  readonly secure?: { readonly url: string; readonly options: object };
  /** Whether the class is the runtime's own: it does not tell of causes, and takes no options. */
  readonly isNative: boolean;
  /** Whether it offers permessage-deflate. */
  readonly deflates: boolean;
  /** Whether the runtime drops unread bytes when a write fails because the peer has reset the connection. */
  readonly dropsOnFailedWrite?: boolean;
}

export type EventType = 'open' | 'message' | 'error' | 'close';

let lastId = 0;

/** A name that no other connection has: see `id` in wire.ts. */
export function newId(): string {
  return `c${++lastId}`;
}

/** Frame of a server: text. */
export function textFrame(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return toHex(Uint8Array.of(0x81, bytes.length, ...bytes));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function thrownBy(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return (error as Error).name;
  }
  return undefined;
}

/** The next event of a type. */
export function next<Received extends Event = Event>(ws: EventTarget, type: EventType): Promise<Received> {
  return new Promise((resolve) => {
    ws.addEventListener(type, (event) => resolve(event as Received), { once: true });
  });
}

/** Writes down the events of `ws`. */
export function logOf(ws: W3CWebSocket): string[] {
  const log: string[] = [];
  ws.addEventListener('open', () => log.push('open'));
  ws.addEventListener('message', ({ data }) => log.push(String(data)));
  ws.addEventListener('error', () => log.push('error'));
  ws.addEventListener('close', ({ code, reason }) => log.push(`close ${code} ${reason}`));
  return log;
}

export const nextMessage = (ws: W3CWebSocket): Promise<MessageEvent<unknown>> => next<MessageEvent<unknown>>(ws, 'message');
export const nextClose = (ws: W3CWebSocket): Promise<CloseEvent> => next<CloseEvent>(ws, 'close');

/** Lets all microtasks run that are there, and those that they make. */
export async function passMicrotasks(): Promise<void> {
  for (let count = 0; count < 20; count++) await Promise.resolve();
}

export type Query = Readonly<Record<string, string>>;

export function address(url: string, query: Query = {}): string {
  return `${url}/chat?${new URLSearchParams(query).toString()}`;
}

/** What the server saw of the connection with that id. */
export async function seen({ WebSocket, url }: Place, id: string): Promise<Seen> {
  const ws = new WebSocket(`${url}/seen?of=${id}`);
  const { data } = await nextMessage(ws);
  ws.close();
  await nextClose(ws);
  return JSON.parse(data as string) as Seen;
}

/** Opens a connection. */
export async function open({ WebSocket, url }: Place, query: Query = {}): Promise<W3CWebSocket> {
  const ws = new WebSocket(address(url, query));
  await next(ws, 'open');
  return ws;
}

/** Closes, and waits for it. */
export async function end(ws: W3CWebSocket): Promise<void> {
  if (ws.readyState === 3) return;
  const closed = nextClose(ws);
  ws.close();
  await closed;
}

/** What fires on a connection that must not open. */
export async function failureOf({ WebSocket, isNative }: Place, url: string, protocols: string[] = []): Promise<void> {
  const ws = new WebSocket(url, protocols);
  const log = logOf(ws);
  const failed = next<FailureEvent>(ws, 'error');
  const { code, reason, wasClean } = await nextClose(ws);
  expect({ code, reason, wasClean, log }).toEqual({ code: 1006, reason: '', wasClean: false, log: ['error', 'close 1006 '] });
  const event = await failed;
  expect(event.constructor).toBe(Event);
  expect(event.error instanceof Error).toBe(!isNative);
}
