// A server that acknowledges each message by its first word, and shuts down at SIGTERM: the other end of restart.test.ts.

import type { AddressInfo } from 'node:net';
import { WebSocketServer } from '../../adapters/node/index.ts';

const options = JSON.parse(process.argv[2]) as object;
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 } });
const received: string[] = [];
let accepted = 0;

server.on('connection', (ws) => {
  accepted++;
  ws.on('message', (data) => {
    const message = (data as Buffer).toString().replace(/\.*$/, '');
    received.push(message);
    ws.send(message);
  });
});
server.on('listening', () => console.log((server.address() as AddressInfo).port));

process.once('SIGTERM', () => {
  void server.shutdown(options).then((result) => {
    console.log(JSON.stringify({ result, accepted, received }));
    // Nothing else keeps the process.
    process.stdin.pause();
    process.stdin.destroy();
  });
});
process.stdin.on('end', () => process.exit());
process.stdin.resume();
