// An address that leads to one engine after the other, as that of a service whose replica takes over.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { listen } from '../support/sockets.ts';

export class Forwarder {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  /** Undefined: connections end at once. */
  readonly #target: { port: number | undefined };

  private constructor(port: number, server: Server, sockets: Set<Socket>, target: { port: number | undefined }) {
    this.port = port;
    this.#server = server;
    this.#sockets = sockets;
    this.#target = target;
  }

  static async start(port: number): Promise<Forwarder> {
    const target: { port: number | undefined } = { port };
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      if (target.port === undefined) {
        socket.destroy();
        return;
      }
      const upstream = connect(target.port, '127.0.0.1');
      sockets.add(upstream.on('error', () => {}));
      socket.pipe(upstream).pipe(socket);
      socket.on('close', () => upstream.destroy());
      upstream.on('close', () => socket.destroy());
    });
    return new Forwarder(await listen(server), server, sockets, target);
  }

  /** Ends all connections. Later ones go to another port, or end at once. */
  leadTo(port: number | undefined): void {
    this.#target.port = port;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.leadTo(undefined);
    this.#server.close();
    await once(this.#server, 'close');
  }
}
