// verifyClient and handleProtocols of the jsh facade's WebSocketServer.

import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import type { VerifyClientInfo, WebSocketServerOptions } from '../../../src/compat/jsh/index.ts';
import { connectRaw } from '../../support/sockets.ts';
import { openWs, refusal, serveSockets } from './served-sockets.ts';

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
      ['', '', 'websocket'],
    ]);
  });

  test('server refuses with 403 when it returns false', async () => {
    const { wss, url } = await serveSockets({ verifyClient: () => false });
    const heard = vi.fn<() => void>();
    wss.on('connection', heard).on('error', heard);
    expect(await refusal(url)).toEqual([403, 'websocket upgrade rejected']);
    expect(heard).not.toHaveBeenCalled();
  });

  test.each([true, undefined, null, 0, '', 'no'])('server accepts when it returns %j', async (answer) => {
    const { url } = await serveSockets({ verifyClient: () => answer });
    await openWs(url);
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

  /** The subprotocol on the server's side of a connection whose client asks for `asked`. */
  async function selected(options: Omit<WebSocketServerOptions, 'server'>, asked: string[]): Promise<string> {
    const { wss, port } = await serveSockets(options);
    const connected = once(wss, 'connection') as Promise<[{ protocol: string }]>;
    const fields = asked.length > 0 ? [`Sec-WebSocket-Protocol: ${asked.join(', ')}`] : [];
    const { head, socket } = await connectRaw(port, { fields });
    socket.destroy();
    const [{ protocol }] = await connected;
    expect(/^sec-websocket-protocol: (.*)$/im.exec(head)?.[1] ?? '').toBe(protocol);
    return protocol;
  }

  test('server selects none without it', async () => {
    expect(await selected({}, ['one', 'two'])).toBe('');
    expect(await selected({}, [])).toBe('');
  });

  test('server asks it with an empty array when the client asks for none, and names none', async () => {
    const asked: unknown[] = [];
    const handleProtocols = (protocols: string[]): string => (asked.push([...protocols]), 'one');
    expect(await selected({ handleProtocols }, [])).toBe('');
    expect(asked).toEqual([[]]);
  });

  test.each(['', false, null, undefined, 5, ['one'], {}])('server names none when it returns %j', async (chosen) => {
    expect(await selected({ handleProtocols: () => chosen }, ['one'])).toBe('');
  });
});

describe('a hook that fails', () => {
  const cases: readonly [string, Omit<WebSocketServerOptions, 'server'>, string, string][] = [
    [
      'verifyClient that returns a promise',
      { verifyClient: () => Promise.resolve(true) },
      'verifyClient returned a promise; the hooks of this server are synchronous',
      'verifyClient returned a promise; the hooks of this server are synchronous',
    ],
    [
      'verifyClient that is async and rejects',
      { verifyClient: () => Promise.reject(new Error('never seen')) },
      'verifyClient returned a promise; the hooks of this server are synchronous',
      'verifyClient returned a promise; the hooks of this server are synchronous',
    ],
    [
      'handleProtocols that returns a promise',
      { handleProtocols: () => Promise.resolve('one') },
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
