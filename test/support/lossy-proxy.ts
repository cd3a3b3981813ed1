// A TCP proxy on a bad network: late bytes, small pieces, half-open connections, cuts in the middle of frames, resets.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The fault of one direction, once so many bytes have passed. */
export type Loss =
  /** Both sides get FIN. */
  | 'end'
  /** Both sides get a reset. */
  | 'reset'
  /** Nothing passes any more, in either direction, not even the end: a peer that has lost its network. */
  | 'drop';

export interface LossyOptions {
  /** Longest piece that is passed on at once. Default: the whole chunk. */
  readonly piece?: number;
  /** Milliseconds that each piece waits. Default 0. */
  readonly delay?: number;
  /** A loss from the first byte on. Default: none. */
  readonly loss?: Loss;
}

/** A connection through the proxy. */
class Line {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #options: LossyOptions;
  #isDropping = false;
  #passed = 0;
  #limit = Infinity;
  #loss: Loss = 'end';

  constructor(near: Socket, far: Socket, options: LossyOptions) {
    this.#near = near;
    this.#far = far;
    this.#options = options;
    if (options.loss !== undefined) this.lose(options.loss, 0);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      void this.#forward(from, to);
    }
  }

  /** Lets `bytes` more bytes from the server pass, and then applies `loss`. */
  lose(loss: Loss, bytes: number): void {
    this.#loss = loss;
    this.#limit = this.#passed + bytes;
    if (bytes === 0) this.#strike();
  }

  destroy(): void {
    this.#near.destroy();
    this.#far.destroy();
  }

  async #forward(from: Socket, to: Socket): Promise<void> {
    const { piece = Infinity, delay = 0 } = this.#options;
    try {
      for await (const chunk of from as AsyncIterable<Uint8Array>) {
        for (let start = 0; start < chunk.length; start += piece) {
          if (delay > 0) await new Promise((resolve) => void setTimeout(resolve, delay));
          this.#pass(from, to, chunk.subarray(start, Math.min(chunk.length, start + piece)));
        }
      }
    } catch {
      // A reset, which the listener of 'error' passes on.
    }
    if (!this.#isDropping) to.end();
  }

  #pass(from: Socket, to: Socket, bytes: Uint8Array): void {
    if (this.#isDropping) return;
    const isDown = from === this.#far;
    const room = isDown ? this.#limit - this.#passed : Infinity;
    if (isDown) this.#passed += bytes.length;
    to.write(bytes.length <= room ? bytes : bytes.subarray(0, room));
    if (bytes.length >= room) this.#strike();
  }

  #strike(): void {
    this.#limit = Infinity;
    if (this.#loss === 'drop') {
      this.#isDropping = true;
    } else if (this.#loss === 'end') {
      this.#near.end();
      this.#far.end();
    } else {
      // Earlier writes leave first, except at a reset.
      this.#near.resetAndDestroy();
      this.#far.resetAndDestroy();
    }
  }
}

export class LossyProxy {
  readonly lines: Line[] = [];
  readonly #server: Server;

  /** @param port Where its connections lead. */
  constructor(port: number, options: LossyOptions = {}) {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      this.lines.push(new Line(near, far, options));
    });
  }

  /** Listens. @returns Its port. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const line of this.lines) line.destroy();
  }
}
