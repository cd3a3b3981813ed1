// Messages that a client sends with its request, or right behind it, reach a W3C WebSocket that a server accepted, also if the client leaves.

import { connect, type Socket } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import type { W3CWebSocket } from '../../src/api/w3c/index.ts';

/** Accepts each request as a WebSocket and hands it to `onSocket` at once. */
export type ServeSockets = (onSocket: (ws: W3CWebSocket) => void) => number | Promise<number>;

const HEAD = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
/** Text 'a', 'b' and 'c', masked with zeros; then a Close frame with 3000. */
const MESSAGES = Buffer.from(['a', 'b', 'c'].map((text) => `818100000000${Buffer.from(text).toString('hex')}`).join(''), 'hex');
const CLOSE = Buffer.from('8882000000000bb8', 'hex');

/** The events of a server's WebSocket that gets its listeners in microtasks after `open`. */
function hear(ws: W3CWebSocket): Promise<string[]> {
  const log: string[] = [];
  return new Promise((resolve) => {
    ws.addEventListener('close', ({ code }) => resolve([...log, `close ${code}`]));
    ws.addEventListener('open', () => {
      let microtask = Promise.resolve();
      for (let count = 0; count < 20; count++) microtask = microtask.then(() => {});
      void microtask.then(() => ws.addEventListener('message', ({ data }) => log.push(String(data))));
    });
  });
}

/** @param resetLoses Whether the runtime's own socket may drop messages at a reset, so that the test cannot expect them. */
export function describeEarlyFrames(name: string, serve: ServeSockets, resetLoses: boolean = false): void {
  describe(`${name}: what a client sends early`, () => {
    const sockets: Socket[] = [];
    let heard: Promise<string[]>[] = [];
    const port = serve((ws) => heard.push(hear(ws)));
    afterAll(() => {
      for (const socket of sockets) socket.destroy();
    });

    const ends: [string, Buffer, (socket: Socket) => void, string][] = [
      ['a Close frame', CLOSE, () => {}, 'close 3000'],
      ['a Close frame and FIN', CLOSE, (socket) => socket.end(), 'close 3000'],
      ['FIN', Buffer.alloc(0), (socket) => socket.end(), 'close 1006'],
    ];
    const resets: typeof ends = [['a reset', Buffer.alloc(0), (socket) => socket.resetAndDestroy(), 'close 1006']];
    const cases = [...ends, ...(resetLoses ? [] : resets)].flatMap((one) => [
      [`with its request, then ${one[0]}`, true, ...one] as const,
      [`behind the answer, then ${one[0]}`, false, ...one] as const,
    ]);

    test.each(cases)('arrives: %s', async (_name, isAtOnce, _end, last, end, expected) => {
      heard = [];
      const socket = connect({ port: await port, host: '127.0.0.1', noDelay: true });
      sockets.push(socket);
      socket.on('error', () => {});
      const head = Buffer.from(`${HEAD.join('\r\n')}\r\n\r\n`);
      const frames = Buffer.concat([MESSAGES, last]);
      const answered = new Promise((resolve) => socket.once('data', resolve));
      socket.write(isAtOnce ? Buffer.concat([head, frames]) : head);
      await answered;
      if (isAtOnce) end(socket);
      else socket.write(frames, () => end(socket));
      expect(heard).toHaveLength(1);
      expect(await heard[0]).toEqual(['a', 'b', 'c', expected]);
    });
  });
}
