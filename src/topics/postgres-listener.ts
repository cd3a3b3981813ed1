// The connection to PostgreSQL that listens. When it is lost, another one takes its place, with all channels.

import { elapsed, clearTimer, setTimer, type Timer } from '../clock.ts';
import { toError } from '../base/realms.ts';
import { quote } from './postgres-statements.ts';

/** The result of a query. */
export interface PostgresResult {
  readonly rows: readonly object[];
  readonly rowCount?: number | null | undefined;
}

/** A connection of a pool of the package `pg`. Only members that are used. */
export interface PostgresClient {
  query(text: string): Promise<PostgresResult>;
  on(event: 'notification', listener: (message: { readonly payload?: string | undefined }) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  /** @param destroy Closes the connection. */
  release(destroy: boolean): void;
}

/** A `Pool` of the package `pg`. Only members that are used. */
export interface PostgresPool {
  readonly options?: { readonly max?: number | undefined } | undefined;
  query(text: string, values?: unknown[]): Promise<PostgresResult>;
  connect(): Promise<PostgresClient>;
}

/** Where a listener reports. */
export interface ListenerEvents {
  onNotification(payload: string): void;
  onLost(error: Error): void;
  /** All channels are back, and {@link confirm} is fulfilled. */
  onRestored(): void;
  /** Whether everything else is there. Called before the listener is ready; if it rejects, the listener connects again. */
  confirm(): Promise<void>;
}

/** Milliseconds between a loss and the first try to connect. Doubled with each one. */
const FIRST_DELAY = 50;
const LONGEST_DELAY = 5000;

/** The callers that wait until channels are listened to. */
interface Waiting {
  readonly channels: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Rejects if `reply` takes too long. */
export function within<Value>(milliseconds: number, reply: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimer(
      () => reject(new Error(`PostgreSQL has not replied for ${milliseconds} milliseconds`)),
      milliseconds,
    );
    void reply.then(resolve, reject).finally(() => clearTimer(timer));
  });
}

export class Listener {
  readonly #pool: PostgresPool;
  readonly #timeout: number;
  readonly #events: ListenerEvents;
  /** Undefined while there is none. */
  #client: PostgresClient | undefined;
  #isReady = false;
  #isClosed = false;
  /** Channels, and how often each was asked for. */
  readonly #wanted: Map<string, number> = new Map();
  /** Channels that the client listens to. */
  readonly #listening: Set<string> = new Set();
  /** The client whose channels are being changed. */
  #syncing: PostgresClient | undefined;
  #waiting: Waiting[] = [];
  /** Called when the client is lost before it was ready. */
  #onEarlyLoss: (error: Error) => void = () => {};
  /** Of the next try to connect, or of the next look at the connection. */
  #timer: Timer;
  #tries = 0;
  #readySince = 0;

  /** @param timeout Milliseconds that a reply may take. */
  constructor(pool: PostgresPool, timeout: number, events: ListenerEvents) {
    this.#pool = pool;
    this.#timeout = timeout;
    this.#events = events;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Connects for the first time. */
  start(): Promise<void> {
    return this.#open();
  }

  /** Fulfilled once no later notification of these channels is missed. Waits while the connection is away. */
  listen(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#wanted.set(channel, (this.#wanted.get(channel) ?? 0) + 1);
    if (this.#listensTo(channels)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new Error('The bus is closed'));
      this.#waiting.push({ channels, resolve, reject });
      this.#syncSoon();
    });
  }

  unlisten(channels: readonly string[]): void {
    for (const channel of channels) {
      const count = this.#wanted.get(channel) ?? 0;
      if (count > 1) this.#wanted.set(channel, count - 1);
      else this.#wanted.delete(channel);
    }
    this.#syncSoon();
  }

  /** Gives the connection up, and makes another one: all that was missed is fetched then. */
  renew(error: Error): void {
    if (this.#client !== undefined) this.#lose(this.#client, error);
  }

  close(): void {
    this.#isClosed = true;
    this.#isReady = false;
    clearTimer(this.#timer);
    this.#client?.release(true);
    this.#client = undefined;
    this.#onEarlyLoss(new Error('The bus is closed'));
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('The bus is closed'));
  }

  async #open(): Promise<void> {
    const client = await this.#connect();
    this.#client = client;
    client.on('notification', ({ payload }) => {
      if (this.#client === client && payload !== undefined) this.#events.onNotification(payload);
    });
    client.on('error', (error) => this.#lose(client, error));
    client.on('end', () => this.#lose(client, new Error('The connection to PostgreSQL was lost')));
    const lost = new Promise<never>((_, reject) => (this.#onEarlyLoss = reject));
    // Nothing may wait for it yet, or any more.
    lost.catch(() => {});
    try {
      await this.#sync(client);
      await Promise.race([this.#events.confirm(), lost]);
    } catch (error) {
      this.#lose(client, toError(error));
      throw error;
    }
    if (this.#client !== client) throw new Error('The connection to PostgreSQL was lost');
    this.#isReady = true;
    this.#readySince = elapsed();
    this.#watch(client);
  }

  async #connect(): Promise<PostgresClient> {
    const connecting = this.#pool.connect();
    let isLate = false;
    void connecting.then(
      (client) => {
        if (isLate) client.release(true);
      },
      () => {},
    );
    try {
      const client = await within(this.#timeout, connecting);
      if (!this.#isClosed) return client;
      client.release(true);
      throw new Error('The bus is closed');
    } catch (error) {
      isLate = true;
      throw error;
    }
  }

  #lose(client: PostgresClient, error: Error): void {
    if (this.#client !== client) return;
    this.#client = this.#syncing = undefined;
    this.#listening.clear();
    clearTimer(this.#timer);
    client.release(true);
    // If it was not ready, the caller of #open() is told.
    if (!this.#isReady) return this.#onEarlyLoss(error);
    this.#isReady = false;
    if (elapsed() - this.#readySince > LONGEST_DELAY) this.#tries = 0;
    this.#events.onLost(error);
    this.#retry();
  }

  #retry(): void {
    if (this.#isClosed) return;
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#tries++);
    const open = (): void =>
      void this.#open().then(
        () => this.#events.onRestored(),
        () => this.#retry(),
      );
    this.#timer = setTimer(open, delay * (0.5 + Math.random() / 2));
  }

  /** Asks now and then whether the connection is there: TCP says nothing when the other machine has vanished. */
  #watch(client: PostgresClient): void {
    this.#timer = setTimer(() => {
      within(this.#timeout, client.query('SELECT 1')).then(
        () => {
          if (this.#client === client) this.#watch(client);
        },
        (error: unknown) => this.#lose(client, toError(error)),
      );
    }, this.#timeout);
  }

  #listensTo(channels: readonly string[]): boolean {
    return channels.every((channel) => this.#listening.has(channel));
  }

  #syncSoon(): void {
    const client = this.#client;
    // While it opens, #open() does it.
    if (client !== undefined) this.#sync(client).catch((error: unknown) => this.#lose(client, toError(error)));
  }

  /** Makes the channels of the client those that are wanted. One query at a time has all changes of meanwhile. */
  async #sync(client: PostgresClient): Promise<void> {
    if (this.#syncing === client) return;
    this.#syncing = client;
    while (this.#client === client) {
      this.#settle();
      const added = [...this.#wanted.keys()].filter((channel) => !this.#listening.has(channel));
      const removed = [...this.#listening].filter((channel) => !this.#wanted.has(channel));
      if (added.length === 0 && removed.length === 0) break;
      for (const channel of removed) this.#listening.delete(channel);
      const commands = [...added.map((name) => `LISTEN ${quote(name)}`), ...removed.map((name) => `UNLISTEN ${quote(name)}`)];
      await within(this.#timeout, client.query(commands.join('; ')));
      if (this.#client !== client) return;
      for (const channel of added) this.#listening.add(channel);
    }
    this.#syncing = undefined;
  }

  /** Tells those that wait for channels that are there, or that were given up. */
  #settle(): void {
    this.#waiting = this.#waiting.filter(({ channels, resolve }) => {
      if (!this.#listensTo(channels.filter((channel) => this.#wanted.has(channel)))) return true;
      resolve();
      return false;
    });
  }
}
