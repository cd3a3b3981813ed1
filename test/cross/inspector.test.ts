// Clients in the Network panel of Chrome DevTools: the events of its protocol, to a client of that protocol and to a session within the process.
// Node.js's own WebSocket, which is undici's, is the model.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../adapters/node/index.ts';
import { startProgram, type Program, type ProgramRuntime } from '../support/programs.ts';

interface ProtocolEvent {
  readonly method: string;
  readonly params: {
    readonly requestId: string;
    readonly url?: string;
    readonly timestamp?: number;
    readonly initiator?: object;
    readonly response?: { readonly status: number; readonly statusText: string; readonly headers: Record<string, string> };
  };
}

const CREATED = 'Network.webSocketCreated';
const ANSWERED = 'Network.webSocketHandshakeResponseReceived';
const CLOSED = 'Network.webSocketClosed';
const KINDS = ['ws', 'w3c', 'facade'];

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function startServer(): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('headers', (headers: string[]) => headers.push('X-Twice: one', 'X-Twice: two'));
  cleanUps.push(() => server.shutdown({ signal: AbortSignal.abort() }));
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/chat`;
}

async function start(runtime: ProgramRuntime, flags: string[], withSession: boolean): Promise<[Program, string]> {
  const program = await startProgram('test/cross/inspected.ts', runtime, { withSession }, flags);
  cleanUps.push(() => program.close());
  return [program, await program.line()];
}

/** Lines of the program until a client is over. Those before are its events. */
async function visit(program: Program, kind: string, url: string): Promise<ProtocolEvent[]> {
  const events: ProtocolEvent[] = [];
  program.send(JSON.stringify({ kind, url }));
  for (;;) {
    const line = await program.line();
    if (line === 'over') return events;
    events.push(JSON.parse(line) as ProtocolEvent);
  }
}

/** DevTools, as far as it lists WebSockets. */
async function attach(url: string): Promise<{ take(count: number): Promise<ProtocolEvent[]> }> {
  const ws = new WebSocket(url, { perMessageDeflate: false });
  cleanUps.push(() => ws.terminate());
  const events: ProtocolEvent[] = [];
  let onEvent = (): void => {};
  const enabled = new Promise<void>((resolve) => {
    ws.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as ProtocolEvent & { readonly id?: number };
      if (message.id === 1) resolve();
      if (message.method?.startsWith('Network.webSocket')) events.push(message);
      onEvent();
    });
  });
  await once(ws, 'open');
  ws.send(JSON.stringify({ id: 1, method: 'Network.enable' }));
  await enabled;
  return {
    async take(count) {
      while (events.length < count) await new Promise<void>((resolve) => (onEvent = resolve));
      return events.splice(0);
    },
  };
}

/** Checks the events of a client that was open. */
function expectVisit(events: readonly ProtocolEvent[], url: string): void {
  expect(events.map(({ method }) => method)).toEqual([CREATED, ANSWERED, CLOSED]);
  const [created, answered, closed] = events.map(({ params }) => params);
  expect(created.url).toBe(url);
  expect(new Set(events.map(({ params }) => params.requestId)).size).toBe(1);
  expect(answered.response).toMatchObject({ status: 101, statusText: 'Switching Protocols' });
  expect(answered.response?.headers['upgrade']).toBe('websocket');
  // undici joins lines by a comma.
  expect(answered.response?.headers['x-twice']).toMatch(/^one(\n|, )two$/);
  expect(closed.timestamp).toBeGreaterThanOrEqual(answered.timestamp!);
}

test.each([
  ['node-24', ['--inspect=127.0.0.1:0', '--experimental-network-inspection']],
  ['node-26', ['--inspect=127.0.0.1:0', '--experimental-network-inspection']],
  ['deno', ['--inspect=127.0.0.1:0']],
] as const)('on %s DevTools is told of each client, from its constructor to its end', async (runtime, flags) => {
  const server = await startServer();
  const [program, url] = await start(runtime, [...flags], false);
  const devTools = await attach(url);
  const ids: string[] = [];
  for (const kind of KINDS) {
    expect(await visit(program, kind, server)).toEqual([]);
    const events = await devTools.take(3);
    expectVisit(events, server);
    // The line of the program that has made the client.
    expect(JSON.stringify(events[0].params.initiator)).toContain('program.mjs');
    ids.push(events[0].params.requestId);
  }
  expect(new Set(ids).size).toBe(KINDS.length);
});

test('an event has the properties that those of the own WebSocket of Node.js have', async () => {
  const server = await startServer();
  const [program] = await start('node-26', ['--experimental-network-inspection'], true);
  const model = await visit(program, 'native', server);
  const shape = (events: ProtocolEvent[]): unknown => events.map(({ method, params }) => [method, Object.keys(params)]);
  expectVisit(model, server);
  for (const kind of KINDS) expect(shape(await visit(program, kind, server))).toEqual(shape(model));
});

test('a session within the process is told of handshakes that fail', async () => {
  const [program] = await start('node-24', ['--experimental-network-inspection'], true);
  const refusing = createServer((_request, response) => response.writeHead(503, 'Too busy', { 'Retry-After': '7' }).end());
  refusing.listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  const { port } = refusing.address() as AddressInfo;
  for (const kind of KINDS) {
    const events = await visit(program, kind, `ws://127.0.0.1:${port}/`);
    expect(events.map(({ method }) => method)).toEqual([CREATED, ANSWERED, CLOSED]);
    expect(events[1].params.response).toMatchObject({ status: 503, statusText: 'Too busy', headers: { 'retry-after': '7' } });
  }
  await new Promise((resolve) => refusing.close(resolve));
  for (const kind of KINDS) {
    const events = await visit(program, kind, `ws://127.0.0.1:${port}/`);
    expect(events.map(({ method }) => method)).toEqual([CREATED, CLOSED]);
  }
});

test.each([
  ['node', []],
  ['node-24', ['--experimental-network-inspection']],
  ['node-26', ['--permission', '--allow-fs-read=*', '--allow-net']],
  ['bun', []],
] as const)('on %s clients work with %j where nothing is to be told', async (runtime, flags) => {
  const server = await startServer();
  const [program, url] = await start(runtime, [...flags], false);
  expect(url).toBe('no inspector');
  for (const kind of KINDS) expect(await visit(program, kind, server)).toEqual([]);
});
