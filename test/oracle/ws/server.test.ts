// The server's life: upgrades by hand, clients, closing, subclasses.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, test } from 'vitest';
import { closed, errorOf, exchange, outcome, requestOf, sameWithBoth, show, sleep, urlOf, type Library } from './oracle.ts';

type Options = Record<string, unknown>;
type Server = InstanceType<Library['WebSocketServer']>;

async function listen(library: Library, options: Options = {}): Promise<{ server: Server; port: number }> {
  const server = new library.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

function close(server: Server): Promise<void> {
  for (const ws of (server.clients as Set<{ terminate(): void }> | undefined) ?? []) ws.terminate();
  return new Promise((resolve) => server.close(() => resolve()));
}

describe('noServer', () => {
  test.each(['once', 'twice', 'after close', 'after the socket was ended'] as const)('takes an upgrade %s', (way) =>
    sameWithBoth(async (library) => {
      const log: unknown[] = [];
      const server = new library.WebSocketServer({ noServer: true });
      const http = createServer().listen(0, '127.0.0.1');
      await once(http, 'listening');
      http.on('upgrade', (request, socket: Duplex, head) => {
        if (way === 'after close') server.close();
        if (way === 'after the socket was ended') socket.end();
        const connected = (ws: unknown, message: unknown) =>
          log.push(['connected', ws instanceof library.WebSocket, message === request]);
        log.push(outcome(() => server.handleUpgrade(request, socket, head, connected)));
        if (way === 'twice') log.push(outcome(() => server.handleUpgrade(request, socket, head, connected)));
      });
      const text = await exchange((http.address() as { port: number }).port, requestOf(), /101[\s\S]*\r\n\r\n/);
      await close(server);
      http.close();
      return [text, log, outcome(() => server.address())];
    }),
  );

  test.each([true, false, undefined, null])('has clients with clientTracking %s', (clientTracking) =>
    sameWithBoth(({ WebSocketServer }) => {
      const server = new WebSocketServer({
        noServer: true,
        ...(clientTracking !== undefined && { clientTracking: clientTracking as boolean }),
      });
      return [
        show(server.clients),
        'clients' in server,
        Object.keys(server)
          .filter((name) => !name.startsWith('_'))
          .sort(),
      ];
    }),
  );
});

describe('life', () => {
  const connectTo = async (library: Library, server: Server) => {
    const ws = new library.WebSocket(urlOf(server), { perMessageDeflate: false });
    await once(ws, 'open');
    return ws;
  };

  test.each([true, false])('keeps clients: clientTracking %s', (clientTracking) =>
    sameWithBoth(async (library) => {
      const { server } = await listen(library, { clientTracking });
      const sizes: unknown[] = [(server.clients as Set<unknown> | undefined)?.size];
      const ws = await connectTo(library, server);
      await sleep(5);
      sizes.push((server.clients as Set<unknown> | undefined)?.size);
      ws.close();
      await closed(ws);
      await sleep(5);
      sizes.push((server.clients as Set<unknown> | undefined)?.size);
      await close(server);
      return sizes;
    }),
  );

  test.each(['port', 'server', 'noServer'] as const)('closes, again and again, with %s', (kind) =>
    sameWithBoth(async (library) => {
      const http = createServer();
      const server = new library.WebSocketServer(
        kind === 'port' ? { port: 0, host: '127.0.0.1' } : kind === 'server' ? { server: http } : { noServer: true },
      );
      if (kind === 'server') http.listen(0, '127.0.0.1');
      if (kind !== 'noServer') await once(server, 'listening');
      const log: unknown[] = [];
      server.on('close', () => log.push('close'));
      log.push(outcome(() => server.close((error) => log.push(['first', errorOf(error)]))));
      server.close((error) => log.push(['second', errorOf(error)]));
      server.close();
      log.push(kind === 'noServer' ? 0 : server.address());
      await sleep(20);
      server.close((error) => log.push(['late', errorOf(error)]));
      log.push('called');
      await sleep(20);
      server.close();
      await sleep(5);
      log.push(http.listening);
      http.close();
      return [log, http.listenerCount('upgrade'), http.listenerCount('error'), http.listenerCount('listening')];
    }),
  );

  test.each([true, false])("closes a server of somebody else's with its last client: clientTracking %s", (clientTracking) =>
    sameWithBoth(async (library) => {
      const http = createServer().listen(0, '127.0.0.1');
      const server = new library.WebSocketServer({ server: http, clientTracking });
      await once(server, 'listening');
      const ws = await connectTo(library, server);
      const log: unknown[] = [];
      server.close(() => log.push('closed'));
      await sleep(20);
      log.push('client leaves', ws.readyState);
      ws.close();
      await closed(ws);
      await sleep(20);
      http.close();
      return log;
    }),
  );

  test('leaves its clients open when it closes', () =>
    sameWithBoth(async (library) => {
      const { server, port } = await listen(library);
      const ws = await connectTo(library, server);
      let isClosed = false;
      server.close(() => (isClosed = true));
      await sleep(20);
      const states = [isClosed, ws.readyState, server.address()];
      const refused = await new Promise((resolve) => {
        connect(port, '127.0.0.1')
          .on('error', (error: { code?: string }) => resolve(error.code))
          .on('connect', () => resolve('connected'));
      });
      ws.terminate();
      await sleep(20);
      return [states, refused, isClosed];
    }));

  test('reports a port in use', () =>
    sameWithBoth(async (library) => {
      const { server, port } = await listen(library);
      const second = new library.WebSocketServer({ port, host: '127.0.0.1' });
      const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
      await close(server);
      return [error.code, error.syscall];
    }));

  test('calls back before it emits listening', () =>
    sameWithBoth(async (library) => {
      const log: unknown[] = [];
      const server = new library.WebSocketServer({ port: 0, host: '127.0.0.1', backlog: 5 }, () => log.push('callback'));
      server.on('listening', () => log.push('event'));
      await once(server, 'listening');
      const { address, family } = server.address() as { address: string; family: string };
      await close(server);
      return [log, address, family];
    }));

  test('passes on listening and errors of a server that it was given', () =>
    sameWithBoth(async (library) => {
      const http = createServer();
      const log: unknown[] = [];
      const server = new library.WebSocketServer({ server: http }, () => log.push('callback'));
      server.on('listening', () => log.push('listening'));
      server.on('error', (error) => log.push(errorOf(error)));
      log.push(server.address());
      http.listen(0);
      await once(http, 'listening');
      http.emit('error', new Error('made up'));
      http.close();
      return log;
    }));

  test('constructs the class that it was given', () =>
    sameWithBoth(async (library) => {
      const seen: unknown[] = [];
      class Mine extends library.WebSocket {
        constructor(...values: unknown[]) {
          super(...(values as [null]));
          seen.push(values.length, values[0], values[1], (values[2] as { marker?: string }).marker);
          this.on('open', () => seen.push('open'));
        }
        // Names that a library might use itself.
        onMessage(): void {
          seen.push('never');
        }
        open(): void {
          seen.push('never');
        }
        fail(): void {
          seen.push('never');
        }
        onEnd(): void {
          seen.push('never');
        }
      }
      const { server } = await listen(library, { WebSocket: Mine, marker: 'here' });
      server.on('connection', (ws, request) =>
        seen.push(ws instanceof Mine, ws.readyState, ws.url, ws.constructor.name, request.url),
      );
      const ws = await connectTo(library, server);
      ws.send('x');
      ws.close();
      await closed(ws);
      await close(server);
      return seen;
    }));

  test('is subclassed', () =>
    sameWithBoth(async (library) => {
      const seen: unknown[] = [];
      class Mine extends library.WebSocketServer {
        override shouldHandle(): boolean {
          seen.push('asked');
          return true;
        }
        createSession(): void {
          seen.push('never');
        }
      }
      const server = new Mine({ port: 0, host: '127.0.0.1' });
      await once(server, 'listening');
      const ws = await connectTo(library, server);
      ws.terminate();
      await close(server);
      return seen;
    }));

  test('takes frames that come with the request', () =>
    sameWithBoth(async (library) => {
      const { server, port } = await listen(library);
      const log: unknown[] = [];
      server.on('connection', (ws) => ws.on('message', (data) => log.push(show(data))));
      const text = await exchange(
        port,
        Buffer.concat([Buffer.from(requestOf()), Buffer.from('818100000000418800000000', 'hex').subarray(0, 7)]),
        /101[\s\S]*\r\n\r\n/,
      );
      await sleep(20);
      await close(server);
      return [text, log];
    }));
});
