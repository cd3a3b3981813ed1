// Tests of a WebSocket that connects again, for each runtime: against a server that goes and comes back, refuses, is silent, or never answers.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeReconnecting from '../../adapters/node/reconnecting.ts';
import { happens } from './happens.ts';
import { freePort } from './sockets.ts';

type Client = NodeReconnecting.ReconnectingWebSocket;
type Options = NodeReconnecting.ReconnectingOptions;
type Peer = NodeWs.WebSocket;

const QUICK = { initial: 1, maximum: 20, resetAfter: 0 };
const EVENTS = ['open', 'message', 'error', 'close', 'queued', 'sent', 'dropped'] as const;

/** The classes of a runtime. */
export interface Classes {
  readonly WebSocketServer: typeof NodeWs.WebSocketServer;
  readonly ReconnectingWebSocket: typeof NodeReconnecting.ReconnectingWebSocket;
}

let classes: Classes;

/** Our server, which can end and be started again on the same port. */
class Service {
  port = 0;
  readonly peers: Peer[] = [];
  readonly messages: string[] = [];
  #server: NodeWs.WebSocketServer | undefined;

  async start(): Promise<this> {
    // A port of its own while it is away, too.
    this.port ||= await freePort();
    const server = new classes.WebSocketServer({ port: this.port, host: '127.0.0.1', handleProtocols: ([first]) => first });
    this.#server = server;
    server.on('connection', (ws) => {
      this.peers.push(ws);
      ws.on('error', () => {});
      ws.on('message', (data: Buffer, isBinary: boolean) => {
        this.messages.push(isBinary ? `binary ${data.toString('hex')}` : data.toString());
      });
    });
    await once(server, 'listening');
    return this;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    for (const client of server.clients) client.terminate();
    const closed = once(server, 'close');
    server.close();
    await closed;
  }
}

const services: { stop(): Promise<void> }[] = [];

async function serve(): Promise<Service> {
  const service = await new Service().start();
  services.push(service);
  return service;
}

/** A TCP server, which ends with the test. @param answer Called with each request's head. */
async function serveRaw(answer: (head: string, socket: Socket) => void): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let head = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (!head.endsWith('\r\n\r\n')) return;
      requests.push(head);
      answer(head, socket);
      head = '';
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  services.push({
    async stop() {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests };
}

function connect(
  url: ConstructorParameters<Classes['ReconnectingWebSocket']>[0],
  options: Options = {},
): { ws: Client; log: string[] } {
  const ws = new classes.ReconnectingWebSocket(url, { backoff: QUICK, ...options });
  onTestFinished(() => ws.close());
  const log: string[] = [];
  for (const type of EVENTS) ws.addEventListener(type, (event) => log.push(describeEvent(ws, event)));
  return { ws, log };
}

function describeEvent(ws: Client, event: Event): string {
  const { type, data, code, reason, willReconnect } = event as Event & Record<string, unknown>;
  if (type === 'close') return `close ${code as number} ${willReconnect as boolean} (${ws.readyState})`;
  if (type === 'open' || type === 'error') return type;
  return [type, data, ...(reason === undefined ? [] : [reason])].join(' ');
}

/** Declares the tests. */
// oxlint-disable-next-line max-lines-per-function -- It is a list of tests.
export function describeReconnecting(given: Classes): void {
  classes = given;
  const { ReconnectingWebSocket } = given;
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
  });

  describe('a connection that is lost', () => {
    test('is replaced by another one, with the events of both', async () => {
      const service = await serve();
      const { ws, log } = connect(service.url);
      await happens(() => service.peers.length === 1 && ws.readyState === 1);
      service.peers[0].send('first');
      await happens(() => log.includes('message first'));
      service.peers[0].terminate();
      await happens(() => service.peers.length === 2 && ws.readyState === 1);
      service.peers[1].send('second');
      await happens(() => log.includes('message second'));
      expect(log).toEqual(['open', 'message first', 'error', 'close 1006 true (0)', 'open', 'message second']);
      ws.close(3001, 'bye');
      expect(ws.readyState).toBe(2);
      await happens(() => log.at(-1) === 'close 3001 false (3)');
      expect(service.peers).toHaveLength(2);
    });

    test('comes back when its server does, and keeps messages until then', async () => {
      const service = await serve();
      const { ws, log } = connect(service.url);
      await happens(() => ws.readyState === 1);
      await service.stop();
      await happens(() => ws.readyState === 0);
      const bytes = Uint8Array.of(1, 2, 3);
      ws.send('one');
      ws.send(bytes);
      bytes.fill(9);
      expect(ws.bufferedAmount).toBe(6);
      await happens(() => log.filter((line) => line === 'close 1006 true (0)').length > 2);
      await service.start();
      await happens(() => service.messages.length === 2);
      expect(service.messages).toEqual(['one', 'binary 010203']);
      expect(log.filter((line) => /queued|sent/.test(line))).toEqual([
        'queued one',
        'queued [object ArrayBuffer]',
        'sent one',
        'sent [object ArrayBuffer]',
      ]);
      expect(ws.bufferedAmount).toBe(0);
    });

    test('ends with a Close frame of the server: it comes back after 1001, not after 1008', async () => {
      const service = await serve();
      const { ws, log } = connect(service.url);
      await happens(() => service.peers.length === 1);
      service.peers[0].close(1001);
      await happens(() => service.peers.length === 2 && ws.readyState === 1);
      service.peers[1].close(1008);
      await happens(() => ws.readyState === 3);
      expect(log).toEqual(['open', 'close 1001 true (0)', 'open', 'close 1008 false (3)']);
    });

    test('that the server is closing is open no more: messages wait for the next one', async () => {
      const sockets: Socket[] = [];
      const { url } = await serveRaw((head, socket) => {
        const key = /sec-websocket-key: (\S+)/i.exec(head)![1];
        const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        const fields = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join('\r\n')}\r\n\r\n`);
        sockets.push(socket);
      });
      const { ws, log } = connect(url);
      await happens(() => ws.readyState === 1);
      sockets[0].write(Uint8Array.of(0x88, 0));
      await happens(() => ws.readyState === 0);
      ws.send('x');
      sockets[0].destroy();
      await happens(() => log.includes('sent x'));
      expect(log.filter((line) => /open|queued|sent/.test(line))).toEqual(['open', 'queued x', 'open', 'sent x']);
    });

    test.each([
      [4000, [[4000, 4999]] as const],
      [4999, [[4000, 4999]] as const],
      [1000, [1000, 1008]],
    ])('with the final code %i is not replaced', async (code, finalCodes) => {
      const service = await serve();
      const { ws } = connect(service.url, { finalCodes });
      await happens(() => service.peers.length === 1);
      service.peers[0].close(code);
      await happens(() => ws.readyState === 3);
    });

    test('is not replaced when `retry` says so, which is told everything', async () => {
      const service = await serve();
      const endings: unknown[] = [];
      const { ws } = connect(service.url, { retry: (ending) => endings.push(ending) < 2 });
      for (const count of [1, 2]) {
        await happens(() => service.peers.length === count);
        service.peers[count - 1].close(4321, `number ${count}`);
      }
      await happens(() => ws.readyState === 3);
      const ending = { code: 4321, wasClean: true, error: undefined };
      expect(endings).toEqual([
        { ...ending, reason: 'number 1', retries: 0 },
        { ...ending, reason: 'number 2', retries: 0 },
      ]);
    });

    test('is replaced at once by reconnect()', async () => {
      const service = await serve();
      const { ws, log } = connect(service.url, { backoff: { ...QUICK, initial: 600_000, maximum: 600_000, jitter: 0 } });
      await happens(() => service.peers.length === 1 && ws.readyState === 1);
      ws.reconnect();
      await happens(() => service.peers.length === 2 && ws.readyState === 1);
      service.peers[1].terminate();
      await happens(() => ws.readyState === 0);
      ws.reconnect();
      await happens(() => service.peers.length === 3 && ws.readyState === 1);
      expect(log).toEqual(['open', 'close 1000 true (0)', 'open', 'error', 'close 1006 true (0)', 'open']);
      ws.close();
      expect(() => ws.reconnect()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
    });
  });

  describe('an attempt that fails', () => {
    test('is followed by at most `maxRetries` others', async () => {
      const service = await serve();
      await service.stop();
      const { ws, log } = connect(service.url, { maxRetries: 2 });
      await happens(() => ws.readyState === 3);
      expect(log).toEqual(['error', 'close 1006 true (0)', 'error', 'close 1006 true (0)', 'error', 'close 1006 false (3)']);
      expect(ws.retryCount).toBe(2);
    });

    test('with a refusal waits as long as the server asks for, and tells the status code', async () => {
      const { url, requests } = await serveRaw((_, socket) => {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      });
      const { ws } = connect(url);
      const [error, { delay }] = await new Promise<[Error | undefined, { delay: number }]>((resolve) => {
        let status: Error | undefined;
        ws.addEventListener('error', (event) => (status = event.error));
        ws.addEventListener('close', (event) => resolve([status, event]));
      });
      expect(error).toMatchObject({ message: 'Unexpected server response: 503', status: 503, retryAfter: '7' });
      expect(delay).toBeGreaterThanOrEqual(7000);
      expect(delay).toBeLessThan(7100);
      expect(requests).toHaveLength(1);
    });

    test('ends at `connectTimeout`, and so does a URL that never comes', async () => {
      const { url, requests } = await serveRaw(() => {});
      const silent = connect(url, { connectTimeout: 1000, maxRetries: 1 });
      const endless = connect(() => new Promise(() => {}), { connectTimeout: 50, maxRetries: 0 });
      await happens(() => silent.ws.readyState === 3 && endless.ws.readyState === 3);
      expect(silent.log).toEqual(['error', 'close 1006 true (0)', 'error', 'close 1006 false (3)']);
      expect(endless.log).toEqual(['error', 'close 1006 false (3)']);
      expect(requests.length).toBeGreaterThan(0);
    });

    test('with functions of the program that throw or reject is a failure like others', async () => {
      let calls = 0;
      const { ws, log } = connect(
        () => {
          calls++;
          if (calls === 1) throw new Error('first');
          return calls === 2 ? Promise.reject(new Error('second')) : 'not a URL';
        },
        { maxRetries: 2 },
      );
      const errors: unknown[] = [];
      ws.addEventListener('error', ({ error }) => errors.push(error?.message));
      await happens(() => ws.readyState === 3);
      expect(errors).toEqual(['first', 'second', expect.stringContaining('not a URL')]);
      expect(log.at(-1)).toBe('close 1006 false (3)');
    });

    test('does not come back if `retry` throws or returns a promise', async () => {
      const service = await serve();
      await service.stop();
      const uncaught: string[] = [];
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException').on('uncaughtException', ({ message }) => uncaught.push(message));
      try {
        const first = connect(service.url, {
          retry() {
            throw new Error('of the program');
          },
        });
        const second = connect(service.url, { retry: (() => Promise.resolve(true)) as never });
        await happens(() => first.ws.readyState === 3 && second.ws.readyState === 3 && uncaught.length === 2);
        expect(uncaught.toSorted()).toEqual([
          'The function "retry" must return true or false: it decides at once',
          'of the program',
        ]);
      } finally {
        process.removeAllListeners('uncaughtException');
        for (const listener of others) process.on('uncaughtException', listener);
      }
    });
  });

  describe('sources', () => {
    test('are asked for each attempt: a fresh token each time', async () => {
      const heads: string[] = [];
      const { url } = await serveRaw((head, socket) => {
        heads.push(
          `${/GET (\S+)/.exec(head)![1]} ${/authorization: (\S+)/i.exec(head)![1]} ${/protocol: (.+)\r/i.exec(head)![1]}`,
        );
        socket.destroy();
      });
      let count = 0;
      connect(() => `${url}${++count}`, {
        headers: () => Promise.resolve({ Authorization: `token-${count}` }),
        protocols: () => ['chat', `key-${count}`],
      });
      await happens(() => heads.length >= 2);
      expect(heads.slice(0, 2)).toEqual(['/1 token-1 chat,key-1', '/2 token-2 chat,key-2']);
    });

    test('subprotocols from an iterator are offered by each attempt', async () => {
      const heads: string[] = [];
      const { url } = await serveRaw((head, socket) => {
        heads.push(/protocol: (.+)\r/i.exec(head)?.[1] ?? 'none');
        socket.destroy();
      });
      connect(url, { protocols: ['a', 'b'].values() });
      await happens(() => heads.length >= 2);
      expect(heads.slice(0, 2)).toEqual(['a,b', 'a,b']);
    });

    test.each([
      ['a promise', (url: string) => Promise.resolve(url)],
      ['a URL', (url: string) => new URL(url)],
      ['a function', (url: string) => () => url],
    ])('the URL may be %s', async (_, make) => {
      const service = await serve();
      const { ws } = connect(make(service.url), { protocols: Promise.resolve('chat') });
      await happens(() => ws.readyState === 1);
      expect([ws.url, ws.protocol]).toEqual([service.url, 'chat']);
    });
  });

  describe('the queue', () => {
    test.each([
      ['drop-oldest', ['queued 1', 'queued 2', 'dropped 1 full', 'queued 3']],
      ['drop-newest', ['queued 1', 'queued 2', 'dropped 3 full']],
    ] as const)('drops by the policy %s', (policy, expected) => {
      const { ws, log } = connect(() => new Promise(() => {}), { queue: { maximumBytes: 130, policy } });
      for (const text of ['1', '2', '3']) ws.send(text);
      expect(log).toEqual(expected);
    });

    test('throws by the policy "throw"', () => {
      const { ws, log } = connect(() => new Promise(() => {}), { queue: { maximumBytes: 70, policy: 'throw' } });
      ws.send('1');
      expect(() => ws.send('2')).toThrow(expect.objectContaining({ name: 'QuotaExceededError' }));
      expect(log).toEqual(['queued 1']);
    });

    test('drops a message that is larger than all of it, and keeps the others', () => {
      const { ws, log } = connect(() => new Promise(() => {}), { queue: { maximumBytes: 100 } });
      ws.send('small');
      ws.send('x'.repeat(101));
      expect(log).toEqual(['queued small', `dropped ${'x'.repeat(101)} full`]);
    });

    test('gives its messages up at the end, and later ones as well', async () => {
      const { ws, log } = connect(() => new Promise(() => {}));
      ws.send('waits');
      ws.close();
      ws.send('late');
      await happens(() => ws.readyState === 3);
      expect(log).toEqual(['queued waits', 'dropped late closed', 'dropped waits closed', 'close 1006 false (3)']);
    });

    test('comes after the messages of "open" listeners, in order', async () => {
      const service = await serve();
      const { ws } = connect(service.url);
      ws.addEventListener('open', () => ws.send('I am me'));
      ws.send('a');
      ws.send('b');
      await happens(() => service.messages.length === 3);
      expect(service.messages).toEqual(['I am me', 'a', 'b']);
    });
  });

  describe('close()', () => {
    test('ends an attempt without a connection', async () => {
      const { url, requests } = await serveRaw(() => {});
      const { ws, log } = connect(url);
      await happens(() => requests.length === 1);
      ws.close();
      expect([ws.readyState, log]).toEqual([2, []]);
      await happens(() => ws.readyState === 3);
      expect(log).toEqual(['close 1006 false (3)']);
    });

    test('in a listener of "error" or "close" is the end', async () => {
      const service = await serve();
      await service.stop();
      for (const type of ['error', 'close'] as const) {
        const { ws, log } = connect(service.url);
        ws.addEventListener(type, () => ws.close(), { once: true });
        await happens(() => ws.readyState === 3);
        expect(log.at(-1)).toBe('close 1006 false (3)');
        expect(log.filter((line) => line.includes('false'))).toHaveLength(1);
      }
    });

    test('checks its arguments in each state', () => {
      const { ws } = connect(() => new Promise(() => {}));
      expect(() => ws.close(1001)).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
      expect(() => ws.close(3000, 'ä'.repeat(62))).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
      expect(ws.readyState).toBe(0);
    });

    test('is what a signal and `await using` do', async () => {
      const service = await serve();
      const controller = new AbortController();
      const { ws } = connect(service.url, { signal: controller.signal });
      await happens(() => ws.readyState === 1);
      controller.abort();
      await happens(() => ws.readyState === 3);
      expect(connect(service.url, { signal: AbortSignal.abort() }).ws.readyState).toBe(2);
      const other = connect(service.url).ws;
      await other[Symbol.asyncDispose]();
      expect(other.readyState).toBe(3);
    });
  });

  describe('a heartbeat', () => {
    test('by messages keeps a server that replies, and gives up one that is silent', async () => {
      const service = await serve();
      const { ws, log } = connect(service.url, { heartbeat: { interval: 20, timeout: 1500, message: () => 'hb' } });
      await happens(() => service.peers.length === 1);
      const [peer] = service.peers;
      const reply = (): void => peer.send('still here');
      peer.on('message', reply);
      await happens(() => log.filter((line) => line === 'message still here').length >= 3);
      expect(ws.readyState).toBe(1);
      peer.off('message', reply);
      await happens(() => service.peers.length === 2);
      expect(log).toContain('close 1006 true (0)');
    });

    test('by Pings gives up a server that is silent', async () => {
      const { url, requests } = await serveRaw((head, socket) => {
        const key = /Sec-WebSocket-Key: (\S+)/i.exec(head)![1];
        const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
      });
      connect(url, { heartbeat: { interval: 20, timeout: 100 } });
      await happens(() => requests.length >= 2);
    });
  });

  describe('iteration', () => {
    test('goes on over connections, and ends with close()', async () => {
      const service = await serve();
      const { ws } = connect(service.url);
      const received: unknown[] = [];
      const done = (async () => {
        for await (const message of ws) received.push(message);
      })();
      await happens(() => service.peers.length === 1 && ws.readyState === 1);
      service.peers[0].send('one');
      await happens(() => received.length === 1);
      service.peers[0].terminate();
      await happens(() => service.peers.length === 2 && ws.readyState === 1);
      service.peers[1].send('two');
      await happens(() => received.length === 2);
      ws.close();
      await done;
      expect(received).toEqual(['one', 'two']);
    });

    test('throws when the client gives up', async () => {
      const service = await serve();
      const { ws } = connect(service.url);
      const iteration = ws.messages().next();
      await happens(() => service.peers.length === 1);
      service.peers[0].close(1008);
      await expect(iteration).rejects.toThrow('The WebSocket connection was lost (1008)');
    });
  });

  test('keeps binaryType over connections', async () => {
    const service = await serve();
    const { ws } = connect(service.url);
    expect(ws.binaryType).toBe('blob');
    ws.binaryType = 'arraybuffer';
    const types: unknown[] = [];
    ws.addEventListener('message', ({ data }) => types.push((data as object).constructor.name));
    for (const count of [1, 2]) {
      await happens(() => service.peers.length === count && ws.readyState === 1);
      service.peers[count - 1].send(Uint8Array.of(1));
      await happens(() => types.length === count);
      service.peers[count - 1].terminate();
    }
    expect(types).toEqual(['ArrayBuffer', 'ArrayBuffer']);
  });

  describe('arguments', () => {
    const url = 'ws://127.0.0.1:1/';

    test.each([
      [{ backoff: { initial: -1 } }, RangeError, 'backoff.initial'],
      [{ backoff: { maximum: NaN } }, RangeError, 'backoff.maximum'],
      [{ backoff: { factor: 0.5 } }, RangeError, 'backoff.factor'],
      [{ backoff: { jitter: 2 } }, RangeError, 'backoff.jitter'],
      [{ backoff: { minimum: 2 } }, TypeError, 'no member "minimum"'],
      [{ backoff: 5 }, TypeError, 'backoff'],
      [{ queue: { maximumBytes: 1.5 } }, RangeError, 'queue.maximumBytes'],
      [{ queue: { maximumAge: '1' } }, RangeError, 'queue.maximumAge'],
      [{ queue: { policy: 'drop' } }, TypeError, 'queue.policy'],
      [{ heartbeat: { interval: 0 } }, RangeError, 'heartbeat.interval'],
      [{ heartbeat: 'yes' }, TypeError, 'heartbeat'],
      [{ finalCodes: [999] }, RangeError, 'finalCodes'],
      [{ finalCodes: 1008 }, TypeError, 'finalCodes'],
      [{ finalCodes: [[4000]] }, RangeError, 'finalCodes'],
      [{ maxRetries: -1 }, RangeError, 'maxRetries'],
      [{ connectTimeout: '5' }, RangeError, 'connectTimeout'],
      [{ retry: true }, TypeError, 'retry'],
      [{ signal: {} }, TypeError, 'signal'],
      [{ perMessageDeflate: 'no' }, TypeError, 'perMessageDeflate'],
      [{ minReconnectionDelay: 5 }, TypeError, 'use "backoff.initial"'],
      [{ handshakeTimeout: 5 }, TypeError, 'use "connectTimeout"'],
      [{ constructor: 5 }, TypeError, 'no "constructor" option'],
    ])('%j is an error', (options, kind, text) => {
      expect(() => new ReconnectingWebSocket(url, options as never)).toThrow(kind);
      expect(() => new ReconnectingWebSocket(url, options as never)).toThrow(text);
    });

    test('an invalid URL or subprotocol is thrown at once', () => {
      expect(() => new ReconnectingWebSocket('ftp://127.0.0.1/')).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
      expect(() => new ReconnectingWebSocket(url, 'a b')).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
      expect(() => new (ReconnectingWebSocket as never as new () => void)()).toThrow(TypeError);
    });
  });
}
