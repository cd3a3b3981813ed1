// A bus over PostgreSQL: LISTEN and NOTIFY between processes, and tables for histories, long messages and presence. With a pool of the program, of the package
// `pg`.
//
// A notification is text of less than 8,000 bytes: topic, place, and envelope in Base64, with a space between. The place is `offset:epoch` with a history, else an id.
// If there is no room for the envelope, it is left out: then a table has it, by its place.

import { Buffer } from 'node:buffer';
import { checkFlag, checkInteger, ownOptions } from '../base/options.ts';
import { toError } from '../base/realms.ts';
import { clearTimer, setTimer, type Timer } from '../clock.ts';
import type { Bus, BusEvents, BusPresence, BusRecovery } from './bus.ts';
import type { HistoryLimits } from './history.ts';
import { goesOnFrom, type Position } from './messages.ts';
import { isPattern } from './names.ts';
import { Listener, within, type PostgresClient, type PostgresPool, type PostgresResult } from './postgres-listener.ts';
import { channelNumber, channelPrefix, numbersOf } from './postgres-channels.ts';
import { makeStatements, type PostgresTables, type Statements } from './postgres-statements.ts';
import { PatternTrie } from './trie.ts';

export type { Bus, PostgresClient, PostgresPool, PostgresResult, PostgresTables };

/** Options of {@link postgresBus}. */
export interface PostgresBusOptions extends PostgresTables {
  /** Whether to create the tables that are missing when the bus connects. Needs the right to create them. Default false. */
  readonly create?: boolean | undefined;
  /**
   * For the connection that listens, if `pool` goes through a pooler that gives a connection to others after each transaction, as PgBouncer can: a pool without it.
   * Default: `pool`.
   */
  readonly listenPool?: PostgresPool | undefined;
  /** Milliseconds that PostgreSQL may take to reply, and between two looks at the connection that listens. Default 15,000. */
  readonly replyTimeout?: number | undefined;
}

/** Most messages, and characters of them, that are published in one transaction. */
const BATCH_SIZE = 100;
const BATCH_LENGTH = 1_000_000;
/** Milliseconds between two looks for rows that have expired. */
const SHORTEST_SWEEP = 1000;
const LONGEST_SWEEP = 60_000;
/** An epoch that this bus has made. */
const EPOCH = /^[!-~]{17,64}$/;

/** A message that waits to be published. */
interface Publication {
  readonly topic: string;
  /** The envelope in Base64. */
  readonly data: string;
  readonly limits: HistoryLimits | undefined;
  readonly resolve: (position: Position | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** A message of which a notification came. */
interface Notification {
  readonly topic: string;
  readonly position: Position | undefined;
  /** Its position or its id. */
  readonly place: string;
  /** In Base64. Undefined if it is in a table. */
  readonly data: string | undefined;
}

/** The limits of a history as parameters. */
function toParameters({ size, ttl }: HistoryLimits): readonly [size: string, ttl: number | null] {
  return [String(Math.min(size, Number.MAX_SAFE_INTEGER)), ttl < Infinity ? ttl : null];
}

/** The SQL that creates the tables of a bus: for programs that do not let the bus create them. @throws {TypeError} for an invalid option. */
export function postgresTables(options?: PostgresTables): string {
  return makeStatements(ownOptions(options)).create;
}

/**
 * Makes a bus over PostgreSQL.
 *
 * One connection of the pool is taken to listen, until the topics are closed; `pool` stays the program's, which ends it after that.
 *
 * @throws {TypeError | RangeError} for an invalid option, or a pool that is none or has only one connection.
 */
export function postgresBus(pool: PostgresPool, options?: PostgresBusOptions): Bus {
  return new PostgresBus(pool, ownOptions(options));
}

function checkPool(pool: PostgresPool): void {
  const { query, connect } = Object(pool) as Partial<PostgresPool>;
  if (typeof query !== 'function' || typeof connect !== 'function') throw new TypeError('A Pool of the package "pg" is needed');
}

class PostgresBus implements Bus {
  readonly #pool: PostgresPool;
  readonly #statements: Statements;
  readonly #create: boolean;
  readonly #timeout: number;
  readonly #listener: Listener;
  readonly #channel: string;
  #id = '';
  /** The channel of this process alone, and its only message: shows that notifications arrive. */
  #probe = '';
  #onProbe: () => void = () => {};
  #events: BusEvents | undefined;
  readonly #topics: Set<string> = new Set();
  readonly #patterns: PatternTrie<true> = new PatternTrie();
  /** Messages to be published. One transaction at a time has those of meanwhile, so they keep their order. */
  readonly #queue: Publication[] = [];
  #isPublishing = false;
  /** Messages of topics that wait for a long one. */
  readonly #fetching: Map<string, Notification[]> = new Map();
  /** Number of messages published without a history. */
  #published = 0;
  #sweep: Timer | undefined;
  #isClosed = false;

  constructor(pool: PostgresPool, options: PostgresBusOptions) {
    const { create = false, listenPool = pool, replyTimeout = 15_000 } = options;
    checkPool(pool);
    checkPool(listenPool);
    checkFlag('create', create);
    checkInteger('replyTimeout', replyTimeout, 1, 2_147_483_647);
    if (listenPool === pool && pool.options?.max === 1) {
      throw new RangeError('The pool has only one connection, which would listen: its "max" must be 2 or more');
    }
    this.#pool = pool;
    this.#create = create;
    this.#timeout = replyTimeout;
    this.#statements = makeStatements(options);
    this.#channel = channelPrefix(this.#statements.name);
    this.#listener = new Listener(listenPool, replyTimeout, {
      onNotification: (payload) => this.#receive(payload),
      onLost: (error) => this.#lose(error),
      onRestored: () => this.#events!.onRestored(),
      confirm: async () => {
        await this.#check();
        await this.#checkNotifications();
      },
    });
  }

  async connect(id: string, events: BusEvents): Promise<void> {
    this.#id = id;
    this.#events = events;
    this.#probe = `wasock-listens-${id}`;
    // Listened to from the start on. It rejects if the bus is closed.
    this.#listener.listen([this.#probe]).catch(() => {});
    if (this.#create) await this.#query(this.#statements.create);
    await this.#listener.start();
  }

  publish(topic: string, envelope: Uint8Array, limits?: HistoryLimits): Promise<Position | undefined> {
    return new Promise((resolve, reject) => {
      this.#checkReady();
      const data = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength).toString('base64');
      this.#queue.push({ topic, data, limits, resolve, reject });
      if (!this.#isPublishing) void this.#publishAll();
    });
  }

  subscribe(name: string): Promise<void> {
    if (isPattern(name)) this.#patterns.set(name, true);
    else this.#topics.add(name);
    return this.#listener.listen(this.#channelsOf(name));
  }

  unsubscribe(name: string): Promise<void> {
    if (isPattern(name)) this.#patterns.delete(name);
    else this.#topics.delete(name);
    this.#listener.unlisten(this.#channelsOf(name));
    return Promise.resolve();
  }

  readonly history = async (topic: string, since: Position | undefined, limits: HistoryLimits): Promise<BusRecovery> => {
    this.#checkReady();
    // Both may come from a peer: PostgreSQL takes neither each text nor each number.
    const isPossible = since !== undefined && EPOCH.test(since.epoch) && Number.isSafeInteger(since.offset);
    const from = isPossible ? since : { epoch: '', offset: 0 };
    const values = [topic, from.epoch, String(from.offset), ...toParameters(limits)];
    let rows = await this.#query(this.#statements.recover, values);
    if (rows.length === 0) {
      await this.#query(this.#statements.startTopic, [topic, this.#newEpoch()]);
      rows = await this.#query(this.#statements.recover, values);
    }
    if (rows.length === 0) throw new Error(`The history of ${topic} was deleted while it was read`);
    const { before, epoch } = rows[0];
    const position = { epoch, offset: Number(rows[0].last) };
    if (!goesOnFrom(from, position, before)) return { envelopes: undefined, position };
    const envelopes = rows
      .filter(({ data }) => data !== null)
      .map(({ offset, data }) => ({ envelope: Buffer.from(data, 'base64'), position: { epoch, offset: Number(offset) } }));
    return { envelopes: envelopes.length === position.offset - from.offset ? envelopes : undefined, position };
  };

  readonly presence: BusPresence = {
    announce: async (name, ids, ttl) => {
      this.#checkReady();
      const { announce, withdraw } = this.#statements;
      this.#sweepIn(ttl);
      if (ids.length > 0) await this.#query(announce, [name, this.#id, ids.join(' '), ttl]);
      else await this.#query(withdraw, [name, this.#id]);
    },
    others: async (name) => {
      this.#checkReady();
      const rows = await this.#query(this.#statements.others, [name, this.#id]);
      return rows.flatMap(({ ids }) => ids.split(' '));
    },
  };

  close(): Promise<void> {
    this.#isClosed = true;
    clearTimer(this.#sweep);
    this.#listener.close();
    this.#forget(new Error('The bus is closed'));
    return Promise.resolve();
  }

  /** @throws {Error} while the connection is lost: the pool would let commands wait, in any number. */
  #checkReady(): void {
    if (!this.#listener.isReady) throw new Error('The connection to PostgreSQL is lost');
  }

  async #query(text: string, values?: unknown[]): Promise<readonly Readonly<Record<string, string>>[]> {
    const { rows } = await within(this.#timeout, this.#pool.query(text, values));
    return rows as readonly Record<string, string>[];
  }

  /** @throws {Error} if the database is not as the bus needs it. */
  async #check(): Promise<void> {
    const { check, name, tables } = this.#statements;
    const [{ encoding, isolation, complete, current }] = (await this.#query(check, [tables])) as readonly Record<
      string,
      unknown
    >[];
    if (encoding !== 'UTF8' && encoding !== 'SQL_ASCII') {
      throw new Error(`The encoding of the database must be UTF8, so that it takes each topic: it is ${String(encoding)}`);
    }
    if (isolation !== 'read committed') {
      throw new Error(`Connections of the pool must have the isolation level "read committed": it is "${String(isolation)}"`);
    }
    if (complete !== true) {
      throw new Error(`The tables ${name}_… are missing: give the option "create", or run the SQL of postgresTables()`);
    }
    if (current !== true) throw new Error(`The tables ${name}_… are those of an earlier version: drop them`);
  }

  /** A pooler may give the connection that listens to others, and then its notifications are lost. */
  async #checkNotifications(): Promise<void> {
    const arrived = new Promise<void>((resolve) => (this.#onProbe = resolve));
    await this.#query('SELECT pg_notify($1, $1)', [this.#probe]);
    await within(this.#timeout, arrived).catch(() => {
      throw new Error(
        'No notification came over the connection that listens: a pooler that gives it to others after each transaction needs the option "listenPool"',
      );
    });
  }

  #newEpoch(): string {
    // Unique as the process's id is: two epochs of a process differ in time.
    return `${this.#id}${Date.now().toString(36)}`;
  }

  #channelsOf(name: string): string[] {
    return numbersOf(name, isPattern(name)).map((number) => this.#channel + number);
  }

  #lose(error: Error): void {
    this.#forget(error);
    this.#events!.onLost(error);
  }

  /** Messages that were to be published, or fetched, are not any more. */
  #forget(error: Error): void {
    this.#fetching.clear();
    for (const { reject } of this.#queue.splice(0)) reject(error);
  }

  async #publishAll(): Promise<void> {
    this.#isPublishing = true;
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch();
      try {
        const positions = batch[0].limits === undefined ? [] : await this.#publishWithHistory(batch);
        if (batch[0].limits === undefined) await this.#publish(batch);
        for (const [index, { resolve }] of batch.entries()) resolve(positions[index]);
      } catch (error) {
        for (const { reject } of batch) reject(toError(error));
      }
    }
    this.#isPublishing = false;
  }

  /** Takes the first messages from the queue: with a history, or without. */
  #nextBatch(): readonly Publication[] {
    const isKept = this.#queue[0].limits !== undefined;
    let count = 0;
    let length = 0;
    for (const { data, limits } of this.#queue) {
      length += data.length;
      if (count === BATCH_SIZE || (count > 0 && length > BATCH_LENGTH) || (limits !== undefined) !== isKept) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #publish(batch: readonly Publication[]): Promise<void> {
    this.#sweepIn(LONGEST_SWEEP);
    const ids = batch.map(() => `${this.#id}${(this.#published++).toString(36)}`);
    await this.#query(this.#statements.publish, [...this.#toColumns(batch), ids]);
  }

  async #publishWithHistory(batch: readonly Publication[]): Promise<Position[]> {
    const limits = batch.map((publication) => toParameters(publication.limits!));
    this.#sweepIn(Math.min(...batch.map((publication) => publication.limits!.ttl)));
    const [sizes, ttls] = [limits.map(([size]) => size), limits.map(([, ttl]) => ttl)];
    const values = [...this.#toColumns(batch), sizes, ttls, this.#newEpoch()];
    const rows = await this.#query(this.#statements.publishWithHistory, values);
    return rows.map(({ epoch, offset }) => ({ epoch, offset: Number(offset) }));
  }

  #toColumns(batch: readonly Publication[]): string[][] {
    const topics = batch.map(({ topic }) => topic);
    return [topics, batch.map(({ data }) => data), topics.map((topic) => this.#channel + channelNumber(topic))];
  }

  #receive(payload: string): void {
    if (payload === this.#probe) return this.#onProbe();
    const [topic, place, data] = payload.split(' ', 3);
    // Channels are shared by several topics.
    if (place === undefined || !this.#isSubscribed(topic)) return;
    const colon = place.indexOf(':');
    const position = colon < 0 ? undefined : { epoch: place.slice(colon + 1), offset: Number(place.slice(0, colon)) };
    const notification = { topic, place, position, data };
    const queue = this.#fetching.get(topic);
    if (queue !== undefined) return void queue.push(notification);
    if (data !== undefined) return this.#deliver(notification, data);
    const waiting = [notification];
    this.#fetching.set(topic, waiting);
    this.#fetchAll(topic, waiting).catch((error: unknown) => {
      if (this.#fetching.get(topic) === waiting) this.#listener.renew(toError(error));
    });
  }

  #isSubscribed(topic: string): boolean {
    let isWanted = this.#topics.has(topic);
    if (!isWanted) this.#patterns.match(topic, () => (isWanted = true));
    return isWanted;
  }

  #deliver({ topic, position }: Notification, data: string): void {
    this.#events!.deliver(topic, Buffer.from(data, 'base64'), position);
  }

  /** Delivers the messages of a topic in order, though long ones must be fetched. */
  async #fetchAll(topic: string, waiting: Notification[]): Promise<void> {
    for (let notification = waiting[0]; notification !== undefined; notification = waiting[0]) {
      const data = notification.data ?? (await this.#fetch(notification));
      // The connection was lost meanwhile: missed messages are fetched once it is back.
      if (this.#fetching.get(topic) !== waiting) return;
      waiting.shift();
      this.#deliver(notification, data);
    }
    this.#fetching.delete(topic);
  }

  async #fetch({ topic, place, position }: Notification): Promise<string> {
    const { fetch, fetchFromHistory } = this.#statements;
    const [row] = await (position === undefined
      ? this.#query(fetch, [place])
      : this.#query(fetchFromHistory, [topic, position.epoch, String(position.offset)]));
    if (row === undefined) throw new Error(`A long message of ${topic} is no longer there`);
    return row.data;
  }

  /** Deletes expired rows, `ttl` milliseconds from now on and then repeatedly. */
  #sweepIn(ttl: number): void {
    if (this.#sweep !== undefined || this.#isClosed) return;
    const delay = Math.min(Math.max(ttl, SHORTEST_SWEEP), LONGEST_SWEEP);
    this.#sweep = setTimer(() => {
      this.#sweepAll()
        // The next time does it.
        .catch(() => {})
        .finally(() => {
          this.#sweep = undefined;
          this.#sweepIn(delay);
        });
    }, delay);
  }

  async #sweepAll(): Promise<void> {
    for (const statement of this.#statements.sweeps) {
      while (this.#listener.isReady) {
        const { rowCount } = await within(this.#timeout, this.#pool.query(statement));
        if (!rowCount) break;
      }
    }
  }
}
