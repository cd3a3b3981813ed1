// Upgrade requests whose target or Host field no URL can be made of, or whose header fields are at odds: no server may stop over one.

import { connect, type NetConnectOpts } from 'node:net';
import { expect, test } from 'vitest';
import { KEY } from './sockets.ts';

const TARGETS = [
  '/#x',
  '/?#',
  '//[',
  '//x:99999',
  '//',
  'http://[/',
  'http://x:99999/',
  'http://other/#',
  'ftp://x/',
  'x',
  '*',
  '/%zz',
  '/\xe9',
  '/\\',
];
const HOSTS = [
  '[',
  ']',
  '%',
  '%zz',
  'x:99999',
  'x:-1',
  'x:',
  ':',
  'a b',
  'a@b',
  'x#',
  'x/y',
  'xn--a',
  '0x',
  '1.2.3.4.5',
  '\xe9',
  ',',
  '',
];
const FIELDS = [
  'Sec-WebSocket-Protocol: a, a',
  'Sec-WebSocket-Protocol: ,',
  'Sec-WebSocket-Protocol: constructor, __proto__',
  'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99999999999999999999',
  'Sec-WebSocket-Extensions: constructor; __proto__=1',
  'Origin: http://[',
  'Origin: null, null',
  'Cookie: %',
  'X-Forwarded-For: %, [',
  'Content-Length: 3',
  'Transfer-Encoding: chunked',
];

function headOf(target: string, host: string, field?: string): string {
  const lines = [
    `GET ${target} HTTP/1.1`,
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    ...(field === undefined ? [] : [field]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const HEADS = [
  ...TARGETS.map((target) => headOf(target, 'localhost')),
  ...HOSTS.map((host) => headOf('/', host)),
  ...FIELDS.map((field) => headOf('/', 'localhost', field)),
];

/** The status of the answer; 0 where the connection ended without one. */
function statusOf(place: NetConnectOpts, head: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(place);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(Number(/^HTTP\/1\.[01] (\d+)/.exec(answer)?.[1] ?? 0)));
    socket.on('connect', () => socket.write(head, 'latin1'));
  });
}

/**
 * Declares a test that sends each of these requests.
 *
 * @param start Starts the server. @returns Where it listens.
 */
export function describeHostileRequests(name: string, start: () => NetConnectOpts | Promise<NetConnectOpts>): void {
  test(`${name} goes on after requests of which no URL can be made`, async () => {
    const place = await start();
    for (const head of HEADS) {
      const status = await statusOf(place, head);
      expect(status === 0 || status === 101 || (status >= 400 && status < 500), `${status} for ${JSON.stringify(head)}`).toBe(
        true,
      );
      expect(await statusOf(place, headOf('/', 'localhost')), `after ${JSON.stringify(head)}`).toBe(101);
    }
  });
}
