// verifyClient and handleProtocols of the jsh facade's WebSocketServer.

import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import type { VerifyClientInfo, WebSocketServerOptions } from '../../../src/compat/jsh/index.ts';
import { openWs, refusal, serveSockets } from './support.ts';

describe('verifyClient', () => {
  test('server asks it with the origin and the request, and accepts', async () => {
    const infos: VerifyClientInfo[] = [];
    const { url } = await serveSockets({
      verifyClient(info) {
        infos.push(info);
        return true;
      },
    });
    await openWs(`${url}?token=1`, [], { origin: 'http://example.com' });
    await openWs(url);
    expect(infos.map(({ origin, req }) => [origin, req.query('token'), req.getHeader('Upgrade')])).toEqual([
      ['http://example.com', '1', 'websocket'],
      ['', undefined, 'websocket'],
    ]);
  });

  test.each([false, undefined, null, 0, ''])('server refuses with 401 when it returns %j', async (answer) => {
    const { wss, url } = await serveSockets({ verifyClient: () => answer as boolean });
    const connection = vi.fn<() => void>();
    wss.on('connection', connection);
    expect(await refusal(url)).toEqual([401, 'The request was not accepted']);
    expect(connection).not.toHaveBeenCalled();
  });

  test('server is given the options as this', async () => {
    const verifyClient = vi.fn<() => boolean>(() => true);
    const { url } = await serveSockets({ verifyClient });
    await openWs(url);
    expect(verifyClient.mock.contexts).toMatchObject([{ verifyClient }]);
  });
});

describe('handleProtocols', () => {
  test('server uses the one that it picks', async () => {
    const { wss, url } = await serveSockets({
      handleProtocols(protocols, request) {
        // Like an array, and like a Set.
        expect([...protocols]).toEqual(['one', 'two']);
        expect([protocols[0], protocols.length, protocols.includes('two')]).toEqual(['one', 2, true]);
        expect([protocols.size, protocols.has('two'), protocols.has('three')]).toEqual([2, true, false]);
        expect(Array.isArray(protocols)).toBe(true);
        expect(request.path).toBe('/');
        return 'two';
      },
    });
    const connected = once(wss, 'connection') as Promise<[{ protocol: string }]>;
    expect((await openWs(url, ['one', 'two'])).protocol).toBe('two');
    expect((await connected)[0].protocol).toBe('two');
  });

  test('server picks the first without it', async () => {
    const { url } = await serveSockets();
    expect((await openWs(url, ['one', 'two'])).protocol).toBe('one');
    expect((await openWs(url)).protocol).toBe('');
  });

  test('server does not ask it when the client asks for none', async () => {
    const handleProtocols = vi.fn<() => string>(() => 'one');
    const { url } = await serveSockets({ handleProtocols });
    expect((await openWs(url)).protocol).toBe('');
    expect(handleProtocols).not.toHaveBeenCalled();
  });

  test.each(['', false, null, undefined])('server names none when it returns %j', async (chosen) => {
    const { wss, url } = await serveSockets({ handleProtocols: () => chosen as '' });
    const connected = once(wss, 'connection') as Promise<[{ protocol: string }]>;
    // The client of ws does not go on without one.
    await expect(openWs(url, ['one'])).rejects.toThrow('Server sent no subprotocol');
    expect((await connected)[0].protocol).toBe('');
  });
});

describe('a hook that fails', () => {
  const cases: readonly [string, Omit<WebSocketServerOptions, 'server'>, string, string][] = [
    [
      'verifyClient that returns a promise',
      { verifyClient: () => Promise.resolve(true) as never },
      'verifyClient returned a promise; the hooks of this server are synchronous',
      'verifyClient returned a promise; the hooks of this server are synchronous',
    ],
    [
      'verifyClient that is async and rejects',
      { verifyClient: (() => Promise.reject(new Error('never seen'))) as never },
      'verifyClient returned a promise; the hooks of this server are synchronous',
      'verifyClient returned a promise; the hooks of this server are synchronous',
    ],
    [
      'handleProtocols that returns a promise',
      { handleProtocols: () => Promise.resolve('one') as never },
      'handleProtocols returned a promise; the hooks of this server are synchronous',
      'handleProtocols returned a promise; the hooks of this server are synchronous',
    ],
    [
      'handleProtocols that invents one',
      { handleProtocols: () => 'three' },
      'handleProtocols chose a subprotocol that the client has not asked for',
      'handleProtocols chose a subprotocol that the client has not asked for',
    ],
    [
      'verifyClient that throws',
      {
        verifyClient() {
          throw new Error('secret');
        },
      },
      'secret',
      'The request could not be handled',
    ],
    [
      'handleProtocols that throws no Error',
      {
        handleProtocols() {
          // oxlint-disable-next-line typescript/only-throw-error
          throw 'secret';
        },
      },
      'secret',
      'The request could not be handled',
    ],
  ];

  test.each(cases)('server tells of %s and answers 500', async (_what, options, message, body) => {
    const { wss, url } = await serveSockets(options);
    const connection = vi.fn<() => void>();
    wss.on('connection', connection);
    // Nobody listens: the process goes on.
    expect(await refusal(url, ['one', 'two'])).toEqual([500, body]);
    const errors: Error[] = [];
    wss.on('error', (error) => errors.push(error));
    expect(await refusal(url, ['one', 'two'])).toEqual([500, body]);
    expect(errors).toMatchObject([{ message }]);
    expect(errors[0]).toBeInstanceOf(Error);
    expect(connection).not.toHaveBeenCalled();
  });
});
