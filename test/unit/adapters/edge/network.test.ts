import { describe, expect, test } from 'vitest';
import { createNetwork } from '../../../../adapters/edge/network.ts';
import type { ConnectPlan, ByteStream } from '../../../../src/http1/network.ts';
import { fakePlatform } from '../../../support/fake-session.ts';
import { fakeConnect, FakeSocket, settle } from './fake-socket.ts';

interface Attempt {
  readonly socket: FakeSocket;
  readonly calls: unknown[][];
  readonly events: (ByteStream | Error)[];
  abort(): void;
}

function attempt(plan: ConnectPlan): Attempt {
  const socket = new FakeSocket();
  const { connect, calls } = fakeConnect(socket);
  const events: (ByteStream | Error)[] = [];
  const { abort } = createNetwork(connect, fakePlatform).connect(plan, {
    onConnect: (transport) => events.push(transport),
    onError: (error) => events.push(error),
  });
  return { socket, calls, events, abort };
}

describe('connect', () => {
  test.each([
    [{ host: 'example.com', port: 80 }, 'example.com', 'off'],
    [{ host: 'example.com', port: 443, tls: { rejectUnauthorized: true } }, 'example.com', 'on'],
    [{ host: '::1', port: 80 }, '[::1]', 'off'],
  ])('asks the runtime for %j', (plan: ConnectPlan, hostname, secureTransport) => {
    const { calls } = attempt(plan);
    expect(calls).toEqual([
      [
        { hostname, port: plan.port },
        { secureTransport, allowHalfOpen: true },
      ],
    ]);
  });

  test('tells of the connection once it is made', async () => {
    const { socket, events } = attempt({ host: 'example.com', port: 443, tls: {} });
    socket.open();
    expect(events).toEqual([]);
    await settle();
    expect(events).toMatchObject([{ isSecure: true, remote: { port: 443 } }]);
  });

  test('tells why there is none', async () => {
    const { socket, events } = attempt({ host: 'example.com', port: 80 });
    socket.failToOpen(new Error('refused'));
    await settle();
    expect(events).toEqual([new Error('refused')]);
  });

  test('tells later what the runtime refuses at once', async () => {
    const events: Error[] = [];
    const network = createNetwork(() => {
      throw new TypeError('Port 25 is not allowed');
    }, fakePlatform);
    network.connect(
      { host: 'example.com', port: 25 },
      { onConnect: () => expect.unreachable(), onError: (error) => events.push(error) },
    );
    expect(events).toEqual([]);
    await settle();
    expect(events).toEqual([new TypeError('Port 25 is not allowed')]);
  });

  test('tells nothing after it was given up', async () => {
    const { socket, events, abort } = attempt({ host: 'example.com', port: 80 });
    abort();
    socket.open();
    await settle();
    expect(events).toEqual([]);
    expect(socket.calls).toEqual(['close']);
  });

  test.each([
    [{ path: '/run/socket' }, 'Unix'],
    [{ tls: { ca: 'PEM' } }, 'tls.ca'],
    [{ tls: { cert: 'PEM' } }, 'tls.cert'],
    [{ tls: { rejectUnauthorized: false } }, 'tls.rejectUnauthorized'],
    [{ tls: { servername: 'other.example' } }, 'tls.servername'],
  ])('refuses %j by name', (options, name) => {
    expect(() => attempt({ host: 'example.com', port: 443, ...options })).toThrow(TypeError);
    expect(() => attempt({ host: 'example.com', port: 443, ...options })).toThrow(name);
  });
});

test('listen names upgrade()', () => {
  const { listen } = createNetwork(fakeConnect(new FakeSocket()).connect, fakePlatform);
  expect(() => listen({ port: 0 }, {} as never)).toThrow(/upgrade\(request\)/);
});
