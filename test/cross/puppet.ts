// A server or a client of ours that does what the lines of its standard input say, and writes each of its events as a line of JSON.

import { createInterface } from 'node:readline';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from '../../adapters/node/index.ts';

/** A line of the input: a method of the one server, of the client, or of each WebSocket of the server. */
export type Command =
  | { readonly do: 'send'; readonly text: string }
  | { readonly do: 'close'; readonly code: number }
  | { readonly do: 'shutdown'; readonly options: object };

/** A line of the output. */
export type Report =
  | { readonly event: 'listening'; readonly url: string }
  | { readonly event: 'open' }
  | { readonly event: 'message'; readonly text: string }
  | { readonly event: 'error'; readonly message: string }
  | { readonly event: 'close'; readonly code: number }
  | { readonly event: 'shutdown'; readonly result: object }
  | { readonly event: 'done' };

interface Argument {
  /** Of a client. Left out: a server. */
  readonly url?: string;
  readonly options: object;
}

function report(line: Report): void {
  console.log(JSON.stringify(line));
}

const { url, options } = JSON.parse(process.argv[2]) as Argument;
const sockets = new Set<WebSocket>();
let server: WebSocketServer | undefined;

function watch(ws: WebSocket): void {
  ws.on('message', (data) => report({ event: 'message', text: (data as Buffer).toString() }));
  ws.on('error', ({ message }) => report({ event: 'error', message }));
  ws.on('close', (code) => {
    sockets.delete(ws);
    report({ event: 'close', code });
  });
  sockets.add(ws);
}

if (url === undefined) {
  const listening = (server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options }));
  listening.on('listening', () => {
    report({ event: 'listening', url: `ws://127.0.0.1:${(listening.address() as AddressInfo).port}` });
  });
  listening.on('connection', (ws) => {
    watch(ws);
    report({ event: 'open' });
  });
} else {
  const ws = new WebSocket(url, options);
  watch(ws);
  ws.on('open', () => report({ event: 'open' }));
}

function act(command: Command): void {
  if (command.do === 'shutdown') {
    void server!.shutdown(command.options).then((result) => report({ event: 'shutdown', result }));
    return;
  }
  for (const ws of sockets) {
    if (command.do === 'send') ws.send(command.text);
    else ws.close(command.code);
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    act(JSON.parse(line) as Command);
    report({ event: 'done' });
  })
  .on('close', () => process.exit());
