// Roads that an opening handshake may take, a server of literal answers, and what a client sees of them.

import { createServer } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { Agent } from 'undici';
import { expect, onTestFinished } from 'vitest';
import type { ClientOptions, WebSocket } from '../../../adapters/node/index.ts';
import type { Dispatcher } from '../../../src/nodejs/dispatcher.ts';
import { acceptanceHead, listen, RawPeer, within } from '../../support/sockets.ts';

export type Program = (road: ClientOptions) => unknown;
type Handler = Record<string, (...values: never[]) => unknown>;

export function agent(): Agent {
  const dispatcher = new Agent();
  onTestFinished(() => dispatcher.destroy());
  return dispatcher;
}

/** A dispatcher that knows only the handlers of undici 6. */
function olderAgent(): Dispatcher {
  const inner = agent();
  const names = ['onConnect', 'onUpgrade', 'onHeaders', 'onData', 'onComplete', 'onError'];
  return {
    dispatch(options, handler) {
      const known = Object.fromEntries(names.map((name) => [name, (handler as Handler)[name]]));
      return inner.dispatch(options as never, known);
    },
  };
}

export const DISPATCHERS: readonly [string, () => Dispatcher][] = [
  ['undici', agent],
  ["undici's older handlers", olderAgent],
];

/** Checks that a program sees the same with node:http and with each dispatcher. */
export async function sameOnAllRoads(program: Program): Promise<void> {
  const expected = await program({});
  for (const [name, create] of DISPATCHERS) {
    expect([name, await program({ dispatcher: create() })]).toEqual([name, expected]);
  }
}

export interface RawServer {
  readonly port: number;
  readonly peers: RawPeer[];
}

/** A server that answers each request's head with what `answer` gives. */
export async function rawServer(
  answer: (head: string, peer: RawPeer, count: number) => string | Buffer | undefined,
): Promise<RawServer> {
  const peers: RawPeer[] = [];
  const attend = async (peer: RawPeer): Promise<void> => {
    const head = await peer.readHead().catch(() => '');
    const bytes = head === '' ? undefined : answer(head, peer, peers.length);
    if (bytes !== undefined) peer.write(bytes);
  };
  const server = createServer((socket) => void attend(peers[peers.push(new RawPeer(socket)) - 1]));
  onTestFinished(() => {
    server.close();
    for (const { socket } of peers) socket.destroy();
  });
  return { port: await listen(server), peers };
}

/** The head of a 101 answer to `head`. */
export function accept(head: string, fields: readonly string[] = []): string {
  return acceptanceHead(/^sec-websocket-key: (\S+)$/im.exec(head)![1], fields);
}

/** What a client sees until it is closed: events with what matters of their arguments. */
export async function story(ws: WebSocket, log: unknown[] = []): Promise<unknown[]> {
  ws.on('open', () => log.push(['open', ws.protocol, ws.extensions]));
  ws.on('upgrade', ({ statusCode, headers }: IncomingMessage) => {
    const { 'sec-websocket-accept': _, ...others } = headers;
    log.push(['upgrade', statusCode, others]);
  });
  ws.on('message', (data, isBinary) => log.push(['message', (data as Buffer).toString(), isBinary]));
  ws.on('error', ({ name, message }) => log.push(['error', name, message.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')]));
  await within(
    'the end of the story',
    new Promise<void>((resolve) => {
      ws.on('close', (code, reason) => {
        log.push(['close', code, String(reason)]);
        resolve();
      });
    }),
  );
  return log;
}

/** Lines of a request, sorted, names in lower case, without what differs from run to run. */
export function linesOf(head: string): string[] {
  const lines = head.split('\r\n').map((line) => line.replace(/^[^: ]+:/, (name) => name.toLowerCase()));
  return lines
    .map((line) => line.replace(/^sec-websocket-key: .{24}$/, 'sec-websocket-key: KEY').replace(/127\.0\.0\.1:\d+/, 'HOST'))
    .map((line) => line.replace(/^connection: upgrade$/i, 'connection: upgrade'))
    .sort();
}

/** The client's Close frame, 1000. */
export const CLOSE = Buffer.from('880203e8', 'hex');
