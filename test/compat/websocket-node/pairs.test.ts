// Their client and our server, our client and their server: each sees what it would see of its own kind.

import { describe, expect, test } from 'vitest';
import type { WebSocketConnection } from '../../../src/compat/websocket-node/index.ts';
import { open, sameOnAllSides, until, type Pair } from './oracle.ts';

type Play = (pair: Pair) => unknown;
interface Program {
  readonly play: Play;
  readonly client?: object;
  readonly server?: object;
}

/** How many events of one kind a log has. */
function count(log: readonly unknown[], event: string): number {
  return log.filter((entry) => (entry as unknown[])[0] === event).length;
}

/** Sends back what comes. */
function echo(connection: WebSocketConnection): void {
  connection.on('message', (message) => {
    connection.send(message.type === 'utf8' ? message.utf8Data : message.binaryData);
  });
}

const LENGTHS = [0, 1, 125, 126, 127, 16383, 16384, 16385, 65535, 65536, 100000];
const BIG = { maxReceivedFrameSize: 1000000, maxReceivedMessageSize: 1000000 };

const PROGRAMS: Readonly<Record<string, Program>> = {
  'the client closes': { play: ({ client }) => client.close() },
  'the server closes': { play: ({ server }) => server.close() },
  'the client closes with a code and a text': { play: ({ client }) => client.close(3001, 'enough') },
  'the server closes with a code and a text': { play: ({ server }) => server.close(4999, 'enough') },
  'the client closes with 1001': { play: ({ client }) => client.close(1001) },
  'the client closes with a code that has no text': { play: ({ client }) => client.close(3999) },
  'the client drops': { play: ({ client }) => client.drop(1008, 'no more') },
  'the server drops': { play: ({ server }) => server.drop(1008, 'no more') },
  'the client drops in silence': { play: ({ client }) => client.drop(1006, 'silence', true) },
  'the server drops in silence': { play: ({ server }) => server.drop(1006, 'silence', true) },
  'text goes both ways': {
    async play({ client, server, clientLog }) {
      echo(server);
      client.sendUTF('grün 😀');
      client.sendUTF('');
      await until(() => count(clientLog, 'message') === 2);
      client.close();
    },
  },
  'bytes go both ways': {
    async play({ client, server, serverLog }) {
      echo(client);
      server.sendBytes(Buffer.from([0, 1, 254, 255]));
      await until(() => count(serverLog, 'message') > 0);
      server.close();
    },
  },
  'messages of all lengths': {
    client: BIG,
    server: BIG,
    async play({ client, server, clientLog }) {
      echo(server);
      for (const length of LENGTHS) client.sendUTF('x'.repeat(length));
      for (const length of LENGTHS) client.sendBytes(Buffer.alloc(length, 7));
      await until(() => count(clientLog, 'message') === 2 * LENGTHS.length);
      client.close();
    },
  },
  'fragments of three bytes': {
    client: { fragmentationThreshold: 3 },
    server: { fragmentationThreshold: 3 },
    async play({ client, server, clientLog }) {
      echo(server);
      client.sendUTF('äöü€😀');
      client.sendBytes(Buffer.from('0123456789'));
      await until(() => count(clientLog, 'message') === 2);
      client.close();
    },
  },
  'frames of a server': {
    client: { assembleFragments: false },
    server: { fragmentationThreshold: 3 },
    async play({ client, server, clientLog }) {
      server.sendUTF('abcdefg');
      await until(() => count(clientLog, 'frame') === 3);
      client.close();
    },
  },
  'pings and pongs': {
    async play({ client, server, clientLog, serverLog }) {
      client.ping('from the client');
      server.ping('from the server');
      await until(() => count(clientLog, 'pong') > 0);
      await until(() => count(serverLog, 'pong') > 0);
      client.close();
    },
  },
  'a frame that is too long for the server': {
    server: { maxReceivedFrameSize: 10 },
    play: ({ client }) => client.sendUTF('x'.repeat(11)),
  },
  'a message that is too long for the client': {
    client: { maxReceivedMessageSize: 10 },
    server: { fragmentationThreshold: 6 },
    play: ({ server }) => server.sendUTF('x'.repeat(12)),
  },
};

/** A log without 'resume', which tells when reading began. */
const withoutResume = (log: unknown[]): unknown[] => log.filter((entry) => (entry as unknown[])[0] !== 'resume');

describe('pair', () => {
  for (const [name, { play, client, server }] of Object.entries(PROGRAMS)) {
    test(`${name}`, () =>
      sameOnAllSides(async (sides) => {
        const pair = await open(sides, client, server);
        await play(pair);
        const logs = await pair.end();
        return { client: withoutResume(logs.client), server: withoutResume(logs.server) };
      }));
  }

  test('calls back once all is sent', () =>
    sameOnAllSides(async (sides) => {
      const { client, server, end } = await open(sides, {}, BIG);
      const log: unknown[] = [];
      const done = (error?: Error | null): void => void log.push(error ?? 'sent');
      client.sendUTF('x', done);
      client.sendBytes(Buffer.alloc(50000), done);
      server.send('y', done);
      await until(() => log.length === 3);
      client.close();
      await end();
      expect(log).toEqual(['sent', 'sent', 'sent']);
      return log;
    }));

  test.each([1, 1000, 16383, 16384, 16385, 40000])('sends %i bytes as they were when they were sent', async (length) => {
    await sameOnAllSides(async (sides) => {
      const { client, server, clientLog, serverLog, end } = await open(sides, BIG, BIG);
      const bytes = Buffer.alloc(length, 'a');
      for (const one of [client, server]) {
        one.sendBytes(bytes.fill('a'));
        bytes.fill('b');
      }
      await until(() => count(clientLog, 'message') + count(serverLog, 'message') === 2);
      client.close();
      const logs = await end();
      return JSON.stringify(logs).split('a'.repeat(length)).length;
    });
  });

  test('says when what waited is gone', () =>
    sameOnAllSides(async (sides) => {
      const { client, server, serverLog, end } = await open(sides, { ...BIG, maxReceivedMessageSize: 1e8 });
      client.pause();
      // More than TCP takes from a sender whose peer does not read.
      for (let index = 0; index < 400; index++) server.sendBytes(Buffer.alloc(50000));
      await until(() => server.outputBufferFull);
      const drained = (): number => count(serverLog, 'drain');
      const before = drained();
      client.resume();
      await until(() => drained() > 0);
      const isFull = server.outputBufferFull;
      client.close();
      await end();
      return [before, isFull];
    }));
});
