import { describe, expect, test } from 'vitest';
import { answerFor, checkUpgrade, webSocketUrl } from '../../../src/native/upgrade.ts';
import { KEY } from '../../support/sockets.ts';

function requestOf(url: string, fields: Record<string, string> = {}): Request {
  const headers = {
    host: 'localhost',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': KEY,
    'sec-websocket-version': '13',
    ...fields,
  };
  return { method: 'GET', url, headers: new Headers(headers) } as Request;
}

test.each([
  ['http://localhost/a?b', 'ws://localhost/a?b'],
  ['https://localhost/', 'wss://localhost/'],
  ['http://localhost/#x', 'ws://localhost/'],
  ['http://localhost/#', 'ws://localhost/'],
  ['http+unix://localhost/a', 'ws://localhost/a'],
  ['http://[/', undefined],
  ['http://%/', undefined],
  ['http://x:99999/', undefined],
  ['http+unix://[/', undefined],
  ['ftp://localhost/', undefined],
  ['/', undefined],
  ['', undefined],
])('the URL of a WebSocket for %j is %j', (url, expected) => {
  expect(webSocketUrl({ url })).toBe(expected);
});

test('a request of which no URL can be made is refused', async () => {
  const answer = checkUpgrade(requestOf('http://[/'));
  expect(answer).toMatchObject({ socket: null, response: { status: 400 } });
  expect(await (answer as { response: Response }).response.text()).toBe('Invalid Host header or request target\n');
  expect(checkUpgrade(requestOf('http://localhost/'))).toMatchObject({ accepted: true, url: 'ws://localhost/' });
});

describe('the answer', () => {
  const request = requestOf('http://localhost/');

  test('has the fields of the program, and the subprotocol apart from them', () => {
    const { protocol, headers } = answerFor(['a', 'b'], request, { headers: [['Set-Cookie', '1'], ['Set-Cookie', '2'], ['sec-websocket-protocol', 'b']] }); // prettier-ignore
    expect(protocol).toBe('b');
    expect([...headers]).toEqual([
      ['set-cookie', '1'],
      ['set-cookie', '2'],
    ]);
  });

  test.each([
    'Connection',
    'Upgrade',
    'Sec-WebSocket-Accept',
    'Sec-WebSocket-Extensions',
    'Content-Length',
    'Transfer-Encoding',
  ])('leaves %s to the runtime', (name) => {
    expect(() => answerFor([], request, { headers: { [name]: 'x' } })).toThrow(TypeError);
  });

  test('has the subprotocol that is asked for, if the client offers it', () => {
    const pick = (offered: string[], options: Parameters<typeof answerFor>[2]): string =>
      answerFor(offered, request, options).protocol;
    expect(pick(['a', 'b'], {})).toBe('a');
    expect(pick(['a', 'b'], { protocol: 'b' })).toBe('b');
    expect(pick(['a'], { protocol: 'b' })).toBe('');
    expect(pick([], { headers: { 'sec-websocket-protocol': 'b' } })).toBe('');
    expect(pick(['a', 'b'], { handleProtocols: () => false })).toBe('');
    expect(() => pick(['a'], { handleProtocols: () => 'b' })).toThrow(/did not offer/);
    expect(() => pick(['a'], { handleProtocols: (() => Promise.resolve('a')) as never })).toThrow(/before you call upgrade/);
  });
});
