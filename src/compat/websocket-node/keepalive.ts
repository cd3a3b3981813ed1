// Sends a Ping to a silent peer, and ends the connection if the peer stays silent.

import type { Socket } from 'node:net';
import type { ConnectionConfig } from './types.ts';
import { clearTimer, restartTimer, setTimer, type Timer } from '../../clock.ts';

/** Options of a {@link Keepalive}. */
export interface KeepaliveOptions {
  /** Milliseconds of silence after which a Ping is sent. */
  readonly interval: number;
  /** Milliseconds that the peer may stay silent after a Ping; undefined for no limit. */
  readonly gracePeriod: number | undefined;
  /** Bytes received so far, so that a long message does not count as silence; undefined where the socket does not count. */
  bytesRead(): number | undefined;
  ping(): void;
  giveUp(): void;
}

export class Keepalive {
  readonly #options: KeepaliveOptions;
  #timer: Timer | undefined;
  #isWaiting = false;
  #bytesRead: number | undefined;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
  }

  /** Starts to measure the silence, from now. */
  start(): void {
    this.stop();
    this.#wait(false, this.#options.interval);
  }

  stop(): void {
    clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** The peer has sent a frame. */
  noteData(): void {
    if (this.#timer === undefined) return;
    if (this.#isWaiting) this.start();
    else if (!restartTimer(this.#timer, this.#options.interval)) this.start();
  }

  #wait(isWaiting: boolean, milliseconds: number): void {
    this.#isWaiting = isWaiting;
    this.#bytesRead = this.#options.bytesRead();
    this.#timer = setTimer(() => this.#end(), milliseconds);
  }

  #end(): void {
    const { interval, gracePeriod, ping, giveUp, bytesRead } = this.#options;
    if (bytesRead() !== this.#bytesRead) return this.start();
    if (this.#isWaiting) {
      this.stop();
      return giveUp();
    }
    ping();
    this.#wait(gracePeriod !== undefined, gracePeriod ?? interval);
  }
}

/** Makes the {@link Keepalive} that `config` asks for. Undefined if it asks for none, or for TCP's own, which is switched on here. */
export function makeKeepalive(
  socket: Socket,
  config: ConnectionConfig,
  actions: Pick<KeepaliveOptions, 'ping' | 'giveUp'>,
): Keepalive | undefined {
  const { keepalive, useNativeKeepalive, keepaliveInterval: interval = 20000, keepaliveGracePeriod = 10000 } = config;
  if (!keepalive) return undefined;
  if (useNativeKeepalive) {
    socket.setKeepAlive?.(true, interval);
    return undefined;
  }
  const gracePeriod = (config.dropConnectionOnKeepaliveTimeout ?? true) ? keepaliveGracePeriod : undefined;
  return new Keepalive({ interval, gracePeriod, bytesRead: () => socket.bytesRead, ...actions });
}
