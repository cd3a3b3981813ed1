// Requests that are hostile as HTTP: floods of header fields, shapes that a proxy in front may read otherwise, and pages of other sites.

import { describe, expect, test } from 'vitest';
import { KEY, requestHead, sleep, until } from '../support/sockets.ts';
import { closed, pour, readHead, RUNTIMES, Victim } from './attack.ts';

const UPGRADE = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${KEY}`, 'Sec-WebSocket-Version: 13'];
/** A request that must never be read as one. */
const SMUGGLED = requestHead('/smuggled');
/** A frame that must never be read as one: the text "bad", masked with zeros. */
const FRAME = '\x81\x83\0\0\0\0bad';

function upgrade(fields: readonly string[], body: string = '', line: string = 'GET / HTTP/1.1'): string {
  return `${[line, ...fields, ...UPGRADE].join('\r\n')}\r\n\r\n${body}`;
}

function post(fields: readonly string[], body: string = SMUGGLED): string {
  return `${['POST / HTTP/1.1', 'Host: localhost', ...fields].join('\r\n')}\r\n\r\n${body}`;
}

const HOST = 'Host: localhost';
const LENGTH = `Content-Length: ${SMUGGLED.length}`;

/** Requests of two readings. None of them gets a WebSocket. */
const SHAPES: Readonly<Record<string, string>> = {
  'an upgrade with a body of frames': upgrade([HOST, `Content-Length: ${FRAME.length}`], FRAME),
  'an upgrade with a body of a request': upgrade([HOST, LENGTH], SMUGGLED),
  'an upgrade in chunks': upgrade([HOST, 'Transfer-Encoding: chunked'], `0\r\n\r\n${FRAME}`),
  'an upgrade with a length and chunks': upgrade(
    [HOST, 'Content-Length: 3', 'Transfer-Encoding: chunked'],
    `0\r\n\r\n${FRAME}`,
  ),
  'an upgrade with two lengths': upgrade([HOST, 'Content-Length: 0', `Content-Length: ${FRAME.length}`], FRAME),
  'an upgrade by POST': upgrade([HOST, LENGTH], SMUGGLED, 'POST / HTTP/1.1'),
  'an upgrade with two hosts': upgrade([HOST, 'Host: other']),
  'an upgrade with a folded field': upgrade([HOST, 'X: a\r\n Content-Length: 10'], FRAME),
  'an upgrade with a space before a colon': upgrade([HOST, 'Content-Length : 10'], FRAME),
  'an upgrade with a NUL': upgrade([HOST, 'X: a\0b']),
  'an upgrade with a bare CR': upgrade([HOST, 'X: a\rContent-Length: 10'], FRAME),
  'an upgrade in lines of LF': requestHead('/').replaceAll('\r\n', '\n'),
  'an upgrade with two keys': upgrade([HOST, `Sec-WebSocket-Key: ${KEY}`]),
  'an upgrade with two versions': upgrade([HOST, 'Sec-WebSocket-Version: 8']),
  'an upgrade by HTTP/1.0': upgrade([HOST], '', 'GET / HTTP/1.0'),
  'an upgrade without a key, and another request behind it': `GET / HTTP/1.1\r\n${HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n${SMUGGLED}`,
  'a POST with a length': post([LENGTH]),
  'a POST with a length and chunks': post(['Content-Length: 3', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`),
  'a POST with two lengths': post(['Content-Length: 0', LENGTH]),
  'a POST with a list of lengths': post([`Content-Length: 0, ${SMUGGLED.length}`]),
  'a POST with a signed length': post([LENGTH.replace(': ', ': +')]),
  'a POST with another coding': post(['Transfer-Encoding: xchunked', LENGTH]),
  'a POST with chunks that are not last': post(['Transfer-Encoding: chunked, identity', LENGTH]),
  'a POST with a space before a colon': post(['Transfer-Encoding : chunked', LENGTH]),
};

const ALLOWED = 'https://example.com';
/** Origins that are not {@link ALLOWED}, but for a careless comparison. */
const OTHER_ORIGINS: readonly string[] = [
  'https://evil.example',
  'http://example.com',
  'https://example.com:8443',
  'https://example.com.evil.example',
  'https://evil.example/?https://example.com',
  'https://evilexample.com',
  'https://sub.example.com',
  'https://example.com@evil.example',
  'https://example.com, https://evil.example',
  'https://evil.example, https://example.com',
  'https://example.com/path',
  'https://exаmple.com',
  'null',
  'file://',
  'example.com',
  '*',
];

describe.each(RUNTIMES)('%s: a server', (_, runtime) => {
  test('makes no WebSocket, and reads no frame or request, of a shape with two readings', async () => {
    const victim = await Victim.start(runtime, 'server', {});
    await victim.endures(
      [`server: ${Object.keys(SHAPES).length} shapes of request smuggling`, 'refused; the connection is closed'],
      { memory: 32, cpu: 2000 },
      async () => {
        for (const [name, request] of Object.entries(SHAPES)) {
          const socket = await victim.dial();
          let answer = '';
          socket.on('data', (chunk: Buffer) => void (answer += chunk.toString('latin1')));
          socket.write(request, 'latin1');
          await until(`an answer to ${name}`, () => answer.includes('\r\n\r\n') || socket.destroyed);
          await sleep(20);
          expect(
            Array.from(answer.matchAll(/HTTP\/1\.1 (\d)/g), ([, status]) => status),
            name,
          ).toEqual(['4']);
          socket.destroy();
        }
        const { open, messages, closes } = await victim.report();
        expect([open, messages, closes]).toEqual([0, 0, {}]);
      },
    );
  });

  test('closes connections whose header never ends', async () => {
    const victim = await Victim.start(runtime, 'server', {});
    await victim.endures(
      ['server: 100 headers that never end', '16 KiB of header; 2,000 fields'],
      { memory: 64, cpu: 5000 },
      async () => {
        const floods = ['X-Field: 0123456789\r\n'.repeat(100), 'x'.repeat(4096), `Cookie: ${'a=b; '.repeat(100)}\r\n`, ':\r\n'];
        const sockets = await victim.dialAll(100);
        const statuses = new Set<string>();
        await Promise.all(
          sockets.map(async (socket, index) => {
            void readHead(socket).then((head) => statuses.add(head.slice(9, 12)));
            socket.resume().on('end', () => socket.end());
            socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n${index % 4 === 1 ? 'X: ' : ''}`);
            await pour(socket, floods[index % 4]);
            await closed(socket);
          }),
        );
        // A reset may overtake the answer.
        for (const status of statuses) expect(['', '400', '431']).toContain(status);
      },
    );
  });

  test('refuses pages of other sites, and asks no hook for them', async () => {
    const victim = await Victim.start(runtime, 'server', { allowedOrigins: [ALLOWED] });
    await victim.endures(
      [`server: 100 times ${OTHER_ORIGINS.length} origins of other sites`, '`allowedOrigins`; all may connect by default'],
      { memory: 64, cpu: 5000 },
      async () => {
        for (const origin of OTHER_ORIGINS) {
          const sockets = await victim.dialAll(100);
          const heads = await Promise.all(
            sockets.map((socket) => {
              const head = readHead(socket);
              socket.write(requestHead('/', [`Origin: ${origin}`]));
              return head;
            }),
          );
          for (const head of heads) expect(head, origin).toMatch(/^HTTP\/1\.1 40[03] /);
          for (const socket of sockets) socket.destroy();
        }
        // Two Origin fields: the runtime may join or drop them. Neither gives a page of another site a WebSocket.
        for (const fields of [
          [`Origin: ${ALLOWED}`, 'Origin: https://evil.example'],
          ['Origin: https://evil.example', `Origin: ${ALLOWED}`],
        ]) {
          const socket = await victim.dial();
          const head = readHead(socket);
          socket.write(requestHead('/', fields));
          expect(await head, fields.join()).toMatch(/^HTTP\/1\.1 40[03] /);
          socket.destroy();
        }
        const [peer] = await victim.peers(1, '/', [`Origin: ${ALLOWED}`]);
        expect((await victim.report()).open).toBe(1);
        peer.destroy();
        await victim.reports('the end', ({ open }) => open === 0);
      },
    );
  });
});
