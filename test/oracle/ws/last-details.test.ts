// Details in which ws is followed to the letter: the order in which an answer is judged, sending that the end overtakes, objects without a
// prototype.

import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import { WebSocket as RawWebSocket } from '../../support/raw-classes.ts';
import { closed, errorOf, ours, rawServer, sameWithBoth, sleep, theirs, urlOf, type Library } from './oracle.ts';

/** Fields of a 101 answer; `ACCEPT` stands for the right one. */
const ANSWERS: readonly (readonly string[])[] = [
  ['Upgrade: foo', 'Connection: Upgrade'],
  ['Upgrade: foo', 'Connection: Upgrade', 'Sec-WebSocket-Accept: x', 'Sec-WebSocket-Protocol: z'],
  ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Protocol: z'],
  ['Upgrade: websocket', 'Connection: Upgrade', 'ACCEPT', 'Sec-WebSocket-Protocol: z', 'Sec-WebSocket-Extensions: foo'],
  ['Upgrade: websocket', 'Connection: Upgrade', 'ACCEPT', 'Sec-WebSocket-Extensions: foo'],
  ['Upgrade: foo'],
  [],
];

async function verdictOn(fields: readonly string[], WebSocket: Library['WebSocket']): Promise<unknown> {
  const server = await rawServer((socket, head) => {
    const key = /^sec-websocket-key: (.*)$/im.exec(head)![1].trim();
    const lines = fields.map((field) => (field === 'ACCEPT' ? `Sec-WebSocket-Accept: ${acceptKey(key)}` : field));
    socket.write(`${['HTTP/1.1 101 Switching Protocols', ...lines].join('\r\n')}\r\n\r\n`);
  });
  const ws = new WebSocket(`ws://127.0.0.1:${server.port}`);
  const error = await new Promise((resolve) => void ws.on('error', resolve));
  server.close();
  return errorOf(error);
}

describe('an answer', () => {
  test.each(ANSWERS.map((fields) => [fields.join('; ') || 'without fields', fields] as const))('%s', async (_, fields) => {
    const expected = await verdictOn(fields, theirs.WebSocket);
    expect(await verdictOn(fields, ours.WebSocket)).toEqual(expected);
    expect(await verdictOn(fields, RawWebSocket as unknown as Library['WebSocket'])).toEqual(expected);
  });
});

describe('terminate()', () => {
  test.each([
    ['a Blob is being read', () => new Blob(['abc'.repeat(100_000)]), true],
    ['a message is being compressed', () => Buffer.alloc(8_000_000, 'abc'), false],
  ] as const)('calls back with an error while %s', async (_, make, comparesMessages) => {
    await sameWithBoth(async ({ WebSocket, WebSocketServer }) => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 } });
      await once(server, 'listening');
      const ws = new WebSocket(urlOf(server));
      await once(ws, 'open');
      const log: unknown[] = [];
      const callback = (name: string) => (error?: Error) =>
        log.push([name, comparesMessages ? error?.message : error instanceof Error]);
      ws.send(make(), callback('first'));
      ws.send('behind it', callback('second'));
      ws.terminate();
      await closed(ws);
      await sleep(50);
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
      return log;
    });
  });
});

test.each([
  ['server', { isServer: true }, [{ client_max_window_bits: [true] }]],
  ['client', { isServer: false, clientMaxWindowBits: 10 }, [{ server_no_context_takeover: [true] }]],
] as const)('accept() of a %s gives objects without a prototype', (_, settings, parsed) =>
  sameWithBoth(({ PerMessageDeflate }) => {
    const deflate = new PerMessageDeflate({ ...settings });
    const withoutPrototype = parsed.map((parameters) => Object.assign(Object.create(null) as object, parameters));
    const accepted = deflate.accept(withoutPrototype.map((parameters) => ({ __proto__: null, ...parameters })) as never);
    return [accepted, deflate.params].map((value) => [Object.getPrototypeOf(value) === null, { ...value }]);
  }),
);
