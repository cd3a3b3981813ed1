import { describe, expect, test } from 'vitest';
import type { Listener, ListenerEvents, ListenPlan, Network } from '../../../../src/http1/network.ts';
import { StreamHttpServer, type HttpServerOptions } from '../../../../src/http1/ws/http-server.ts';
import type { HttpMessage } from '../../../../src/http1/ws/message.ts';
import type { StreamSocket } from '../../../../src/http1/ws/socket.ts';
import { ManualPlatform } from '../../../support/platform.ts';
import { requestHead } from '../../../support/sockets.ts';
import { FakeTransport } from '../fake-network.ts';

const ADDRESS = { address: '::', port: 8080, family: 'IPv6' };

class FakeListening implements Network {
  readonly plans: ListenPlan[] = [];
  events: ListenerEvents | null = null;
  close: (() => void) | null = null;
  onListen: (events: ListenerEvents) => void = (events) => events.onListening(ADDRESS);

  listen(plan: ListenPlan, events: ListenerEvents): Listener {
    this.plans.push(plan);
    this.events = events;
    this.onListen(events);
    return { close: (onClosed) => void (this.close = onClosed), ref() {} };
  }

  connect(): { abort(): void } {
    throw new Error('Only servers here');
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(options: HttpServerOptions = {}, network: FakeListening = new FakeListening()) {
  const platform = new ManualPlatform();
  const server = new StreamHttpServer(network, platform, options);
  const events: string[] = [];
  const upgrades: { request: HttpMessage; socket: StreamSocket; head: Buffer }[] = [];
  for (const name of ['listening', 'close']) server.on(name, () => events.push(name));
  server.on('error', ({ message }: Error) => events.push(message));
  const accept = (bytes: string = ''): FakeTransport => {
    const transport = new FakeTransport();
    network.events!.onConnection(transport);
    if (bytes !== '') transport.receive(bytes);
    return transport;
  };
  const takeUpgrades = (): void => {
    server.on('upgrade', (request: HttpMessage, socket: StreamSocket, head: Buffer) =>
      upgrades.push({ request, socket, head }),
    );
  };
  return { network, platform, server, events, upgrades, accept, takeUpgrades };
}

describe('listening', () => {
  test('server says where it listens, in a later turn', async () => {
    const { server, network, events } = setUp();
    server.listen(8080, 'localhost', 7, () => events.push('callback'));
    expect(events).toEqual([]);
    expect(server.address()).toEqual(ADDRESS);
    await turn();
    expect(events).toEqual(['listening', 'callback']);
    expect(network.plans).toEqual([{ port: 8080, host: 'localhost', backlog: 7, path: undefined, tls: undefined }]);
  });

  test('server listens on a path, and with TLS', () => {
    const tls = { cert: 'c', key: 'k' };
    const { server, network } = setUp({ tls });
    server.listen('/run/a.socket', null, null);
    expect(network.plans).toEqual([{ port: 0, host: undefined, backlog: undefined, path: '/run/a.socket', tls }]);
  });

  test('server reports that it cannot listen, and closes all the same', async () => {
    const network = new FakeListening();
    network.onListen = ({ onError }) => onError(new Error('listen EADDRINUSE'));
    const { server, events } = setUp({}, network);
    server.listen(80);
    await turn();
    expect(events).toEqual(['listen EADDRINUSE']);
    expect(server.address()).toBe(null);
    server.close(() => events.push('callback'));
    await turn();
    expect(events).toEqual(['listen EADDRINUSE', 'close', 'callback']);
    expect(network.close).toBe(null);
  });

  test('server is closed once the port is free and the last connection gone; those that asked for nothing are dropped', async () => {
    const { server, network, events, upgrades, accept, takeUpgrades } = setUp();
    takeUpgrades();
    server.listen(0);
    await turn();
    const idle = accept();
    const open = accept(requestHead());
    server.close();
    expect(idle.isDestroyed).toBe(true);
    expect(open.isDestroyed).toBe(false);
    expect(server.address()).toBe(null);
    expect(accept().isDestroyed).toBe(true);
    network.close!();
    expect(events).toEqual(['listening']);
    open.events!.closed();
    expect(events).toEqual(['listening']);
    idle.events!.closed();
    expect(events).toEqual(['listening', 'close']);
    expect(upgrades).toHaveLength(1);
  });
});

describe('requests', () => {
  const listen = (options?: HttpServerOptions): ReturnType<typeof setUp> => {
    const set = setUp(options);
    set.server.listen(0);
    return set;
  };

  test('server hands on an upgrade request with the bytes behind it, wherever it is cut', () => {
    const bytes = `${requestHead('/chat', ['X-A: b'])}\x81\x80\0\0\0\0`;
    for (let at = 1; at < bytes.length - 6; at++) {
      const { upgrades, accept, takeUpgrades } = listen();
      takeUpgrades();
      accept(bytes.slice(0, at)).receive(bytes.slice(at));
      expect(upgrades).toHaveLength(1);
      expect(upgrades[0].request).toMatchObject({ method: 'GET', url: '/chat', headers: { 'x-a': 'b' } });
      expect(upgrades[0].head.toString('latin1')).toBe('\x81\x80\0\0\0\0');
      expect(upgrades[0].request.socket).toBe(upgrades[0].socket);
    }
  });

  test.each([
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 426],
    ['GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n', 426],
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', 426],
    ['GET / HTTP/1.1\r\n\r\n', 400],
    ['GET / HTTP/1.1\nHost: a\n\n', 400],
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    [`GET /${'a'.repeat(20_000)}`, 414],
    [`GET / HTTP/1.1\r\nHost: a\r\nA: ${'b'.repeat(20_000)}`, 431],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ])('server answers %j by itself', async (bytes, status) => {
    const { upgrades, accept, takeUpgrades } = listen();
    takeUpgrades();
    const transport = accept(bytes);
    const [head, body] = transport.written.split('\r\n\r\n');
    const lines = head.split('\r\n');
    expect(lines[0]).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(lines).toContain(status === 426 ? 'Connection: close, Upgrade' : 'Connection: close');
    expect(lines.includes('Upgrade: websocket')).toBe(status === 426);
    expect(lines).toContain('Content-Type: text/plain');
    expect(lines).toContain(`Content-Length: ${body.length}`);
    expect(transport.calls).toContain('end');
    expect(upgrades).toEqual([]);
    await turn();
    transport.events!.receiveEnd();
    expect(transport.isDestroyed).toBe(true);
  });

  test.each(['Content-Length: 4', 'Content-Length: 0, 4', 'Transfer-Encoding: chunked'])(
    'server refuses an upgrade request with content, which a proxy would not read as frames: %s',
    (field) => {
      const { upgrades, accept, takeUpgrades } = listen();
      takeUpgrades();
      const { written } = accept(`${requestHead('/', [field])}\x81\x80\0\0\0\0`);
      expect(written).toMatch(/^HTTP\/1.1 400 /);
      expect(upgrades).toEqual([]);
    },
  );

  test('server takes an upgrade request that says it has no content', () => {
    const { upgrades, accept, takeUpgrades } = listen();
    takeUpgrades();
    accept(requestHead('/', ['Content-Length: 0']));
    expect(upgrades).toHaveLength(1);
  });

  test('server drops a connection whose listener has thrown: nobody else would', () => {
    const { server, platform, accept } = listen();
    const fault = new Error('of the program');
    server.on('upgrade', () => {
      throw fault;
    });
    const transport = accept(requestHead());
    platform.runDeferred();
    expect(platform.uncaught).toEqual([fault]);
    expect(transport.isDestroyed).toBe(true);
  });

  test('server leaves out the body where HEAD asks', () => {
    const { written } = listen().accept('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(written).toContain('\r\nContent-Length: 16\r\n');
    expect(written.endsWith('\r\n\r\n')).toBe(true);
  });

  test('server answers 426 where nobody takes upgrades', () => {
    expect(listen().accept(requestHead()).written).toMatch(/^HTTP\/1.1 426 /);
  });

  test('server answers 408 to a head that is slow, after 60 seconds or as told', () => {
    const usual = listen();
    const slow = usual.accept('GET / HTTP/1.1\r\n');
    usual.platform.advance(59_999);
    expect(slow.written).toBe('');
    usual.platform.advance(1);
    expect(slow.written).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
    const own = listen({ headersTimeout: 100 });
    const silent = own.accept();
    own.platform.advance(100);
    expect(silent.written).toMatch(/^HTTP\/1.1 408 /);
    const endless = listen({ headersTimeout: 0 });
    endless.accept();
    expect(endless.platform.timers).toEqual([]);
  });

  test('server answers 400 to a head that ends too early, and nothing to silence', () => {
    const { accept } = listen();
    const cut = accept('GET / HT');
    cut.events!.receiveEnd();
    expect(cut.written).toMatch(/^HTTP\/1.1 400 /);
    const silent = accept();
    silent.events!.receiveEnd();
    expect(silent.written).toBe('');
    expect(silent.isDestroyed).toBe(true);
  });
});
