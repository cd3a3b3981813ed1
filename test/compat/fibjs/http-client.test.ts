// Option httpClient of the fibjs facade's Socket: cookies.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import { OPEN, Socket, type ErrorEvent } from '../../../src/compat/fibjs/index.ts';
import { until } from '../../support/sockets.ts';
import { CookieJar } from './cookie-jar.ts';
import { closed, open, serve, serveWs } from './served-sockets.ts';

describe('httpClient', () => {
  /** A server that sets a cookie, and tells which it got. */
  async function serveCookies(): Promise<{ url: string; got: (string | undefined)[] }> {
    const { url, server } = await serveWs();
    const got: (string | undefined)[] = [];
    server.on('connection', (_ws, request) => got.push(request.headers.cookie));
    server.on('headers', (lines) => lines.push('Set-Cookie: session=1; Path=/', 'Set-Cookie: theme=dark'));
    return { url, got };
  }

  test.each(['itself', 'cookieJar', 'jar', 'cookies'] as const)(
    'client takes a jar as %s, at once or by a promise',
    async (place) => {
      const { url, got } = await serveCookies();
      for (const isAsync of [false, true]) {
        const jar = new CookieJar(isAsync);
        const httpClient = place === 'itself' ? jar : { [place]: jar };
        await open(url, { httpClient });
        await until('cookies', () => jar.cookies.length === 2);
        await open(url, { httpClient });
        expect(jar.urls).toEqual(Array.from({ length: 2 }, () => url.replace('ws:', 'http:')));
      }
      expect(got).toEqual([undefined, 'session=1; theme=dark', undefined, 'session=1; theme=dark']);
    },
  );

  test('client adds the cookies to those in headers', async () => {
    const { url, got } = await serveCookies();
    const jar = new CookieJar(false, ['a=1']);
    await open(url, { httpClient: jar, headers: { cookie: 'own=2' } });
    expect(got).toEqual(['own=2; a=1']);
  });

  test('client keeps the cookies of a refusal as well', async () => {
    const url = await serve(
      createServer().on('upgrade', (_request, socket) =>
        socket.end('HTTP/1.1 401 Unauthorized\r\nSet-Cookie: challenge=7\r\n\r\n'),
      ),
    );
    const jar = new CookieJar(false);
    await closed(new Socket(url, { httpClient: jar }));
    expect(jar.cookies).toEqual(['challenge=7']);
  });

  test('client fails when the jar does, and not when it refuses a cookie', async () => {
    const { url } = await serveCookies();
    const failing = new Socket(url, { httpClient: { getCookieString: () => Promise.reject(new Error('locked')) } });
    const [event] = (await once(failing, 'error')) as [ErrorEvent];
    expect(event.reason).toBe('locked');
    const conn = await open(url, {
      httpClient: { getCookieString: () => null, setCookie: () => Promise.reject(new Error('refused')) },
    });
    const other = await open(url, {
      httpClient: {
        getCookieString: () => '',
        setCookie() {
          throw new Error('refused');
        },
      },
    });
    expect([conn.readyState, other.readyState]).toEqual([OPEN, OPEN]);
  });

  test('client does not connect when it is closed while the jar is asked', async () => {
    const { url, server } = await serveWs();
    const connection = vi.fn<() => void>();
    server.on('connection', connection);
    let answer: ((cookies: string) => void) | undefined;
    const httpClient = { getCookieString: () => new Promise<string>((resolve) => (answer = resolve)) };
    const conn = new Socket(url, { httpClient });
    conn.close();
    await closed(conn);
    answer!('a=1');
    await open(url);
    expect(connection).toHaveBeenCalledOnce();
  });
});
