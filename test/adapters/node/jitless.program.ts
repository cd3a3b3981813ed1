// Run by `node --jitless`, which has no WebAssembly: prints what raw DEFLATE and a compressed connection do there.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { Deflater, Inflater } from '../../../src/deflate/index.ts';

function messageOf(create: () => unknown): string {
  try {
    create();
    return '';
  } catch (error) {
    return String(error);
  }
}

async function echo(): Promise<string[]> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
  server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
  await once(server, 'listening');
  const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(ws, 'open');
  const received: string[] = [ws.extensions];
  for (const text of ['one message', 'one message more']) {
    ws.send(text);
    received.push(String((await once(ws, 'message'))[0]));
  }
  ws.close();
  server.close();
  return received;
}

const result = {
  hasWebAssembly: 'WebAssembly' in globalThis,
  deflater: messageOf(() => new Deflater()),
  inflater: messageOf(() => new Inflater()),
  echoed: await echo(),
};
console.log(JSON.stringify(result));
