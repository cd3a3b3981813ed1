// Line breaks in each string of a program that we write to the wire: they are an error, or lose their meaning, but never begin a line of their own.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type * as NodeWs from '../../../adapters/node/index.ts';
import type * as NodeW3C from '../../../adapters/node/w3c.ts';
import * as classic from '../../../src/compat/classic/index.ts';
import * as fibjs from '../../../src/compat/fibjs/index.ts';
import * as jsh from '../../../src/compat/jsh/index.ts';
import * as websocketNode from '../../../src/compat/websocket-node/index.ts';
import { requestHead, sleep, until } from '../../support/sockets.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const w3c = (await import(`../../../adapters/${runtime}/w3c.ts`)) as typeof NodeW3C;

/** Ends a line, begins one, and would begin another message. The last two have the bytes of CR LF as the low bytes of their characters. */
const BREAKS = ['\r\n', '\n', '\r', '\0', '\u{10d}\u{10a}', '\u2028'];
const bad = (start: string, lineBreak: string): string =>
  `${start}${lineBreak}Injected: yes${lineBreak}${lineBreak}GET /injected HTTP/1.1${lineBreak}`;
/** A line that begins with our text. */
const INJECTED = /(?:^|[\r\n\0])\s*(?:Injected: yes|GET \/injected)/i;

const cleanup: (() => unknown)[] = [];
// A hook that fails is a warning.
beforeEach(() => void vi.spyOn(process, 'emitWarning').mockImplementation(() => {}));
afterEach(async () => {
  for (const task of cleanup.splice(0)) await task();
});

/** Does not let an error of an event or of a promise end the tests: errors are one of the allowed outcomes. */
async function attempt(task: () => unknown): Promise<void> {
  try {
    await task();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
  }
}

/** A server that keeps all that clients send, and answers nothing. */
async function record(): Promise<{ url: string; received: () => string }> {
  let received = '';
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => void (received += chunk.toString('latin1')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, received: () => received };
}

const ignore = (): void => {};

/** A ws-style client, closed after the test. */
function dial(url: string, protocols: string[], options: object): void {
  const ws = new WebSocket(url, protocols, options);
  ws.on('error', ignore);
  cleanup.push(() => ws.terminate());
}

function dialClassic(url: string, options: object): void {
  const ws = new classic.WebSocket(url, options);
  ws.on('error', ignore);
  cleanup.push(() => ws.terminate());
}

function dialWebSocketNode(url: string, ...values: readonly unknown[]): void {
  const client = new websocketNode.client();
  client.on('connectFailed', ignore);
  client.connect(url, ...(values as []));
  cleanup.push(() => client.abort());
}

function dialFibjs(url: string, options: object): void {
  const socket = new fibjs.Socket(url, options);
  socket.onerror = ignore;
  cleanup.push(() => socket.close());
}

/** Where a client's string goes, and how to give it. */
const CLIENTS: Readonly<Record<string, (url: string, text: string) => unknown>> = {
  'ws: the path': (url, text) => dial(`${url}/${text}`, [], {}),
  'ws: the query': (url, text) => dial(`${url}/?${text}`, [], {}),
  'ws: the user': (url, text) => dial(url.replace('//', `//${text}@`), [], {}),
  'ws: auth': (url, text) => dial(url, [], { auth: text }),
  'ws: a subprotocol': (url, text) => dial(url, [text], {}),
  'ws: the protocols option': (url, text) => dial(url, [], { protocols: [text] }),
  'ws: origin': (url, text) => dial(url, [], { origin: text }),
  'ws: the value of a field': (url, text) => dial(url, [], { headers: { 'X-Field': text } }),
  'ws: a cookie': (url, text) => dial(url, [], { headers: { Cookie: `a=${text}` } }),
  'ws: values of a field': (url, text) => dial(url, [], { headers: { 'X-Field': ['a', text] } }),
  'ws: the name of a field': (url, text) => dial(url, [], { headers: { [text]: 'a' } }),
  'ws: Host': (url, text) => dial(url, [], { headers: { Host: text } }),
  'ws: Proxy-Authorization': (url, text) => dial(url, [], { headers: { 'Proxy-Authorization': `Basic ${text}` } }),
  'ws: Sec-WebSocket-Key': (url, text) => dial(url, [], { headers: { 'Sec-WebSocket-Key': text } }),
  'ws: the method': (url, text) => dial(url, [], { method: text }),
  'ws: the host option': (url, text) => dial(url, [], { host: text, path: text }),
  'ws: setHeader in finishRequest': (url, text) =>
    dial(url, [], {
      finishRequest: (request: { setHeader(name: string, value: string): void; end(): void }) => {
        try {
          request.setHeader('X-Field', text);
        } catch {
          // One of the allowed outcomes.
        }
        request.end();
      },
    }),
  'W3C: the path': (url, text) => new w3c.WebSocket(`${url}/${text}`).addEventListener('error', ignore),
  'W3C: a subprotocol': (url, text) => new w3c.WebSocket(url, text).addEventListener('error', ignore),
  'W3C: the value of a field': (url, text) =>
    new w3c.WebSocket(url, { headers: { 'X-Field': text } } as never).addEventListener('error', ignore),
  'classic: the value of a field': (url, text) => dialClassic(url, { headers: { 'X-Field': text } }),
  'classic: origin': (url, text) => dialClassic(url, { origin: text }),
  'classic: protocol': (url, text) => dialClassic(url, { protocol: text }),
  'classic: host': (url, text) => dialClassic(url, { host: text }),
  'WebSocket-Node: a subprotocol': (url, text) => dialWebSocketNode(url, text),
  'WebSocket-Node: origin': (url, text) => dialWebSocketNode(url, null, text),
  'WebSocket-Node: the value of a field': (url, text) => dialWebSocketNode(url, null, null, { 'X-Field': text }),
  'WebSocket-Node: an option of the request': (url, text) =>
    dialWebSocketNode(url, null, null, null, { path: text, auth: text }),
  'fibjs: the path': (url, text) => dialFibjs(`${url}/${text}`, {}),
  'fibjs: protocol': (url, text) => dialFibjs(url, { protocol: text }),
  'fibjs: origin': (url, text) => dialFibjs(url, { origin: text }),
  'fibjs: the value of a field': (url, text) => dialFibjs(url, { headers: { 'X-Field': text } }),
  'fibjs: a cookie of a jar': (url, text) => dialFibjs(url, { httpClient: { getCookieString: () => `a=${text}` } }),
  'JSH: the path': (url, text) => {
    const ws = new jsh.WebSocket(`${url}/${text}`);
    ws.on('error', ignore);
    cleanup.push(() => ws.close());
  },
  'JSH: a subprotocol': (url, text) => {
    const ws = new jsh.WebSocket(url, text);
    ws.on('error', ignore);
    cleanup.push(() => ws.close());
  },
};

describe('a client', () => {
  test.each(Object.entries(CLIENTS))('%s', async (_, give) => {
    const check = async (lineBreak: string): Promise<void> => {
      const { url, received } = await record();
      await attempt(() => give(url, bad('a', lineBreak)));
      await sleep(100);
      expect(received(), JSON.stringify(lineBreak)).not.toMatch(INJECTED);
      // One request at most, with one end.
      expect(received().split('\r\n\r\n').length, JSON.stringify(lineBreak)).toBeLessThanOrEqual(2);
    };
    await Promise.all(BREAKS.map(check));
  });
});

/** Everything that a server sends for one request. */
async function answerOf(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('error', ignore);
  socket.on('data', (chunk: Buffer) => void (answer += chunk.toString('latin1')));
  await once(socket, 'connect');
  socket.write(request);
  await until('an answer', () => answer.includes('\r\n\r\n') || socket.destroyed);
  await sleep(30);
  socket.destroy();
  return answer;
}

interface Serving {
  readonly port: number;
}

async function serveWs(options: object, use?: (server: NodeWs.WebSocketServer) => void): Promise<Serving> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  use?.(server);
  cleanup.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port };
}

async function serveHttp(use: (server: Server) => void): Promise<Serving> {
  const server = createServer((_request, response) => void response.end());
  use(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port };
}

type Refuse = (verdict: boolean, status: number, reason: string, headers?: object) => void;

/** Where a server's string goes, and how to give it. */
const SERVERS: Readonly<Record<string, (text: string) => Promise<Serving>>> = {
  'ws: the subprotocol of handleProtocols': (text) => serveWs({ handleProtocols: () => text }),
  'ws: a line of the headers event': (text) =>
    serveWs({}, (server) => server.on('headers', (lines: string[]) => void lines.push(`X-Field: ${text}`))),
  'ws: a name in the headers event': (text) =>
    serveWs({}, (server) => server.on('headers', (lines: string[]) => void lines.push(`${text}: a`))),
  'ws: the value of a field of a refusal': (text) =>
    serveWs({ verifyClient: (_info: unknown, refuse: Refuse) => refuse(false, 401, 'no', { 'X-Field': text }) }),
  'ws: the name of a field of a refusal': (text) =>
    serveWs({ verifyClient: (_info: unknown, refuse: Refuse) => refuse(false, 401, 'no', { [text]: 'a' }) }),
  'ws: the status of a refusal': (text) =>
    serveWs({ verifyClient: (_info: unknown, refuse: Refuse) => refuse(false, text as never, 'no') }),
  'classic: the subprotocol': (text) =>
    serveHttp((server) => {
      new classic.Server({ server, handleProtocols: (_names, select) => select(true, text) }).on('connection', ignore);
    }),
  'classic: a line of the headers event': (text) =>
    serveHttp((server) => {
      new classic.Server({ server }).on('headers', (lines) => void lines.push(`X-Field: ${text}`));
    }),
  'WebSocket-Node: the value of a field of a refusal': (text) =>
    serveHttp((server) => {
      const wss = new websocketNode.server({ httpServer: server });
      wss.on('request', (request) => request.reject(403, text, { 'X-Field': text, [text]: 'a' }));
    }),
  'WebSocket-Node: origin': (text) =>
    serveHttp((server) => {
      const wss = new websocketNode.server({ httpServer: server });
      wss.on('upgradeError', ignore);
      wss.on('request', (request) => request.accept(null, text));
    }),
  ...Object.fromEntries(
    ['name', 'value', 'path', 'domain'].map((part) => [
      `WebSocket-Node: the ${part} of a cookie`,
      (text: string) =>
        serveHttp((server) => {
          const wss = new websocketNode.server({ httpServer: server });
          wss.on('upgradeError', ignore);
          wss.on('request', (request) => request.accept(null, null, [{ name: 'a', value: 'b', path: '/', [part]: text }]));
        }),
    ]),
  ),
  'JSH: the subprotocol': (text) =>
    serveHttp((server) => {
      new jsh.WebSocketServer({ server, handleProtocols: () => text }).on('error', ignore);
    }),
};

/** Parts of a request that a peer chooses, and that a server may repeat. */
const ECHOES: Readonly<Record<string, string>> = {
  path: requestHead('/%0d%0aInjected:%20yes%0d%0a'),
  subprotocol: requestHead('/', ['Sec-WebSocket-Protocol: a%0d%0aInjected:yes']),
  origin: requestHead('/', ['Origin: a%0d%0aInjected: yes']),
  version: requestHead('/').replace('Version: 13', 'Version: 7%0d%0aInjected: yes'),
};

describe('a server', () => {
  test.each(Object.entries(SERVERS))('%s', async (_, serve) => {
    const thrown: unknown[] = [];
    const onThrown = (error: unknown): void => void thrown.push(error);
    process.on('uncaughtException', onThrown);
    const check = async (lineBreak: string): Promise<void> => {
      const { port } = await serve(bad('a', lineBreak));
      const answer = await answerOf(port, requestHead('/', ['Sec-WebSocket-Protocol: a']));
      const head = answer.slice(0, answer.indexOf('\r\n\r\n') + 4);
      expect(head, JSON.stringify(lineBreak)).toMatch(/^HTTP\/1\.1 \d{3} /);
      expect(head, JSON.stringify(lineBreak)).not.toMatch(INJECTED);
      expect(answer.match(/HTTP\/1\.1 \d/g)?.length, JSON.stringify(lineBreak)).toBe(1);
    };
    try {
      await Promise.all(BREAKS.map(check));
    } finally {
      process.off('uncaughtException', onThrown);
    }
    for (const error of thrown) expect(error).toBeInstanceOf(Error);
  });

  test.each(Object.entries(ECHOES))('does not repeat the %s of a request as a line', async (_, request) => {
    const servers = [
      await serveWs({}),
      await serveHttp((server) => void new classic.Server({ server })),
      await serveHttp((server) => void new jsh.WebSocketServer({ server }).on('error', ignore)),
      await serveHttp((server) => {
        const wss = new websocketNode.server({ httpServer: server, autoAcceptConnections: true });
        wss.on('upgradeError', ignore);
      }),
      await serveHttp((server) => void server.on('upgrade', fibjs.upgrade(ignore) as never)),
    ];
    for (const { port } of servers) {
      const answer = await answerOf(port, request);
      expect(answer).toMatch(/^HTTP\/1\.1 \d{3} /);
      expect(answer.slice(0, answer.indexOf('\r\n\r\n'))).not.toMatch(INJECTED);
    }
  });

  test('delivers line breaks in close reasons as they are, since a Close frame has no lines', async () => {
    const { port } = await serveWs({}, (server) => server.on('connection', (ws) => ws.close(1000, 'a\r\nb')));
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
    const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1000, 'a\r\nb']);
  });
});
