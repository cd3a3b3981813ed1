// Options and agents that must not end the process when a client connects through a proxy.

import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from '../../../adapters/node/index.ts';
import { createProxy, proxyFromEnvironment } from '../../../adapters/node/proxy.ts';

const wrong = { cert: 'no certificate', key: 'no key' };

async function errorOf(ws: WebSocket): Promise<Error> {
  const [error] = (await once(ws, 'error')) as [Error];
  return error;
}

test('a certificate that cannot be read is an error of the WebSocket, through a proxy too', async () => {
  const server = net.createServer((socket) =>
    socket.on('error', () => {}).once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n')),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tunnel = createProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const direct = proxyFromEnvironment({ variables: { NO_PROXY: '*' } });
  for (const proxy of [tunnel, direct]) {
    const error = await errorOf(new WebSocket('wss://server.example/', { proxy, ...wrong }));
    expect(error.message).toContain('no start line');
  }
  server.close();
});

test('a global agent that is none of Node.js does not matter', async () => {
  const { globalAgent } = http;
  http.globalAgent = { defaultPort: 80, protocol: 'http:' } as unknown as http.Agent;
  try {
    const error = await errorOf(new WebSocket('ws://127.0.0.1:9/'));
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  } finally {
    http.globalAgent = globalAgent;
  }
});
