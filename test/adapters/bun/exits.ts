// A program that has nothing left to do in the end. Run by sockets.test.ts.

import { WebSocket, WebSocketServer } from '../../../adapters/bun/index.ts';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
server.on('connection', (ws) => ws.on('message', (data) => ws.send(data, { binary: false })));
server.on('listening', () => {
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}/`);
  client.on('open', () => client.send('hello'));
  client.on('message', (data: Buffer) => {
    console.log(`echo ${data.toString()}`);
    client.close(1000);
  });
  client.on('close', (code: number) => {
    console.log(`client closed ${code}`);
    server.close(() => console.log('server closed'));
  });
});
