// Finds out whether a silent peer is still there: a Ping after a while, the end of the connection when nothing answers.

import type { Socket } from 'node:net';
import type { ConnectionConfig } from './types.ts';
import { clearTimer, restartTimer, setTimer, type Timer } from '../../clock.ts';

/** What a {@link Keepalive} is told. */
export interface KeepaliveOptions {
  /** Milliseconds of silence after which a Ping is sent. */
  readonly interval: number;
  /** Milliseconds that the peer then has; left out: as many as it likes. */
  readonly gracePeriod: number | undefined;
  /** Bytes received so far, where somebody counts them: a message that takes its time is no silence. */
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

  /** Starts to count the silence, from now. */
  start(): void {
    this.stop();
    this.#wait(false, this.#options.interval);
  }

  stop(): void {
    clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** The peer said something. */
  noteData(): void {
    if (this.#timer === undefined) return;
    if (this.#isWaiting) this.start();
    else if (!restartTimer(this.#timer)) this.start();
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

/** What `config` asks for: a {@link Keepalive}, TCP's own, which is set here, or nothing. */
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
