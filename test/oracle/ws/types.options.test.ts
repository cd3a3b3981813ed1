// Programs with options beyond ws, against the types: the W3C class with `borrowMessages`, servers with `tls`. The lines that must not compile say so.

import { describe, expect, test } from 'vitest';
import { compile } from '../../support/compile.ts';

const NODE = `
  import { createServer } from 'node:http';
  import { upgrade } from 'wasock/w3c';
  createServer().on('upgrade', (request, socket, head) => {
    const borrowing = upgrade(request, socket, head, { borrowMessages: 'checked', maxPayload: 1 }).socket;
    borrowing?.addEventListener('message', ({ data, isBinary, keep }) => { const length: number = data.length; console.log(length, isBinary, keep); });
    // @ts-expect-error -- no message of this one is borrowed
    upgrade(request, socket, head, { maxPayload: 1 }).socket?.addEventListener('message', (event) => event.keep());
    // @ts-expect-error
    upgrade(request, socket, head, { borrowMessages: true, maxPaylod: 1 });
  });`;

const SERVER = `
  import { readFileSync } from 'node:fs';
  import { WebSocketServer } from 'wasock';
  const text = { cert: 'PEM', key: 'PEM' };
  new WebSocketServer({ port: 0, tls: text }); new WebSocketServer({ port: 0, tls: undefined });
  new WebSocketServer({ port: 0, tls: { cert: readFileSync('cert.pem'), key: new Uint8Array(1), minVersion: 'TLSv1.3' } });
  new WebSocketServer({ port: 0, tls: { pfx: readFileSync('a.pfx'), passphrase: 'x' } });
  new WebSocketServer({ port: 0, tls: { SNICallback(name, callback) { callback(new Error(name)); } } });
  // @ts-expect-error
  new WebSocketServer({ port: 0, tls: true });
  // @ts-expect-error
  new WebSocketServer({ port: 0, tls: null });
  // @ts-expect-error
  new WebSocketServer({ port: 0, tls: {} });
  // @ts-expect-error -- no key
  new WebSocketServer({ port: 0, tls: { cert: 'PEM', ciphers: 'x' } });
  // @ts-expect-error
  new WebSocketServer({ port: 0, tls: { ...text, cypher: 'x' } });`;

/** The class of the entry point of a runtime by its name. */
function programOf(runtime: string): string {
  return `
  import { messages, opened, WebSocket, type BorrowedMessageEvent, type W3CWebSocket, type W3CWebSocketOptions } from 'wasock${runtime}/w3c';
  const ws = await opened(new WebSocket('ws://x', { borrowMessages: true, protocols: ['a'], headers: { a: 'b' } }));
  ws.onmessage = (event) => console.log(event.isBinary ? event.data.length : event.keep());
  ws.onmessage = function (event) { this.send(event.data); };
  ws.onmessage = ({ data, origin }: { data: Uint8Array<ArrayBuffer>; origin: string }) => console.log(data.length, origin);
  ws.onmessage = ({ data, origin }: MessageEvent) => console.log(data, origin);
  ws.onmessage = null;
  ws.addEventListener('message', (event) => { const kept: string | ArrayBuffer = event.keep(); console.log(kept, event.data.subarray(1)); }, { once: true });
  ws.addEventListener('message', { handleEvent: ({ isBinary }) => console.log(isBinary) });
  const listener = ({ data }: BorrowedMessageEvent): void => console.log(data.length);
  ws.addEventListener('message', listener);
  ws.removeEventListener('message', listener);
  ws.onerror = ({ error }) => console.log(error?.message);
  ws.addEventListener('close', ({ code }) => console.log(code.toFixed()));
  for await (const message of messages(ws, { maximum: 5 })) console.log(typeof message === 'string');
  const behind = new WebSocket(new URL('ws://x'), ['a'], { borrowMessages: 'checked' });
  behind.onmessage = ({ isBinary }) => console.log(isBinary);
  // One that borrows is one of the standard, too.
  const one: W3CWebSocket = ws;
  one.onmessage = ({ data }) => console.log(data);
  // @ts-expect-error -- the data are bytes, for text as well
  ws.onmessage = ({ data }) => data.toUpperCase();
  // @ts-expect-error
  new WebSocket('ws://x', { borrowMessages: true, maxPaylod: 1 });
  // @ts-expect-error
  new WebSocket('ws://x', { borrowMessages: 'yes' });
  // @ts-expect-error -- no message of these is borrowed
  new WebSocket('ws://x').onmessage = ({ isBinary }) => console.log(isBinary);
  // @ts-expect-error
  new WebSocket('ws://x', 'a', { maxPayload: 1 }).addEventListener('message', (event) => event.keep());
  // @ts-expect-error
  new WebSocket('ws://x', { borrowMessages: false }).onmessage = (event) => event.keep();
  const options: W3CWebSocketOptions = { borrowMessages: true };
  // @ts-expect-error -- nobody knows
  new WebSocket('ws://x', options).onmessage = (event) => event.keep();
  new WebSocket('ws://x', options).addEventListener('message', (event) => (event as BorrowedMessageEvent).keep());
  class Own extends WebSocket {
    constructor(url: string) { super(url, { borrowMessages: true }); this.onmessage = ({ data }) => console.log(data); }
    greet(): void { this.send('hello'); }
  }
  new Own('ws://x').greet();
  type Given = ConstructorParameters<typeof WebSocket>;
  const given: Given = ['ws://x', { maxPayload: 1, borrowMessages: 'checked' }];
  const made: InstanceType<typeof WebSocket> = new WebSocket(...given);
  const construct: new (url: string, protocols?: string | string[]) => W3CWebSocket = WebSocket;
  console.log(made, construct);
  export function either(Other: new (url: string) => { send(data: string): void }): void {
    const Picked = Math.random() < 0.5 ? WebSocket : Other;
    new Picked('ws://x').send('x');
  }`;
}

describe.each([
  ['5.9', 'nodenext', ['ES2022']],
  ['7', 'nodenext', ['ES2022']],
  ['7', 'bundler', ['ES2022', 'DOM']],
] as const)('types of options beyond ws: TypeScript %s, module %s, lib %j', (compiler, module, lib) => {
  test('events have the members of borrowed messages with that option only; tls needs a certificate', async () => {
    const programs = Object.fromEntries(['', '/deno', '/bun'].map((runtime) => [`of${runtime.slice(1)}`, programOf(runtime)]));
    const options = { lib };
    expect(
      await compile({ ...programs, node: NODE, server: SERVER }, { module, compiler, packages: ['wasock'], options }),
    ).toBe('');
  });
});
