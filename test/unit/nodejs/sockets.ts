// Connected pairs of sockets on loopback.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { PATIENCE } from '../../support/patience.ts';

export interface SocketPair {
  readonly near: Socket;
  readonly far: Socket;
  close(): Promise<void>;
}

/** Two ends of a TCP connection. Neither is read from yet; `near` may be half open, as sockets that an HTTP server upgraded are. */
export async function socketPair(): Promise<SocketPair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  far.on('error', () => {});
  const [[near]] = (await Promise.all([once(server, 'connection'), once(far, 'connect')])) as [[Socket], unknown];
  return {
    near,
    far,
    async close() {
      near.destroy();
      far.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain: ${condition.toString()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}
