// A bus over NATS: its subjects carry messages between processes, and a stream of JetStream keeps the history of topics. With a connection of the program, of the
// packages `@nats-io/transport-node` 3 (and its kin for other runtimes) or `nats` 2.

import { guard } from '../base/guard.ts';
import { checkTime, ownOptions, refuse } from '../base/options.ts';
import { toError } from '../base/realms.ts';
import { defer, immediate, setTimer } from '../clock.ts';
import type { Bus, BusEvents } from './bus.ts';
import type { HistoryLimits } from './history.ts';
import type { Position } from './messages.ts';
import { isPattern } from './names.ts';
import { NatsHistory, type NatsStreamOptions } from './nats-history.ts';
import { decodePayload, encodeLive, keyOf, subjectOf, topicOf } from './nats-messages.ts';
import { NatsPresence } from './nats-presence.ts';
import type { NatsJetStream, UntilLost } from './nats-stream.ts';
import { PatternTrie } from './trie.ts';

export type { Bus, NatsJetStream, NatsStreamOptions };

/** A message that a subscription gets. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: { get(name: string): string } | undefined;
}

/** An event of a connection. */
export interface NatsStatus {
  readonly type: string;
  /** Of `@nats-io/nats-core`, if the type is `'error'`. */
  readonly error?: Error | undefined;
  /** Of `nats` 2, if a permission is missing. */
  readonly permissionContext?: { readonly operation: string; readonly subject: string } | undefined;
}

/** A connection of the package `@nats-io/nats-core` 3, which those for runtimes have, or `nats` 2. The program makes it and closes it. */
export interface NatsConnection {
  publish(subject: string, payload?: Uint8Array): void;
  subscribe(
    subject: string,
    options?: { callback?: (error: Error | null, message: NatsMessage) => void },
  ): { unsubscribe(): void };
  flush(): Promise<void>;
  status(): AsyncIterable<NatsStatus>;
  closed(): Promise<void | Error>;
  isClosed(): boolean;
}

/** Options of {@link natsBus}. */
export interface NatsBusOptions {
  /** Keeps the history of topics, and their presence. Left out: there is neither. */
  readonly jetstream?: NatsJetStream | undefined;
  /** In front of all subjects: words of letters, digits, `-` and `_`, with points between them. Default `'wasock'`. */
  readonly prefix?: string | undefined;
  readonly stream?: NatsStreamOptions | undefined;
}

/** Milliseconds between two looks whether JetStream is back. */
const CONFIRM_INTERVAL = 100;
/** Messages that are remembered, so that a copy of them is known. */
const MOST_RECENT = 4096;

/**
 * Makes a bus over NATS.
 *
 * @param connection Connected, and made with `maxReconnectAttempts: -1`: by default the clients give up after ten attempts, and then the bus stays away.
 * @throws {TypeError | RangeError} for an invalid option, or a connection of another kind.
 */
export function natsBus(connection: NatsConnection, options?: NatsBusOptions): Bus {
  return new NatsBus(connection, options);
}

function checkOptions(connection: NatsConnection, { jetstream, prefix }: NatsBusOptions, stream: NatsStreamOptions): void {
  const { flush, status } = Object(connection) as Partial<NatsConnection>;
  if (typeof flush !== 'function' || typeof status !== 'function') {
    throw new TypeError('The connection is none of the packages "@nats-io/transport-node" 3 or "nats" 2');
  }
  if (jetstream !== undefined && typeof (Object(jetstream) as Partial<NatsJetStream>).jetstreamManager !== 'function') {
    refuse(TypeError, 'jetstream', 'a JetStream client', jetstream);
  }
  if (prefix !== undefined && !(typeof prefix === 'string' && /^[\w-]+(?:\.[\w-]+)*$/.test(prefix))) {
    refuse(TypeError, 'prefix', 'words of letters, digits, "-" and "_", with points between them', prefix);
  }
  const { keep, name, storage } = stream;
  if (name !== undefined && !(typeof name === 'string' && /^[\w-]+$/.test(name))) {
    refuse(TypeError, 'stream.name', 'letters, digits, "-" and "_"', name);
  }
  if (storage !== undefined && storage !== 'file' && storage !== 'memory') {
    refuse(TypeError, 'stream.storage', "'file' or 'memory'", storage);
  }
  if (keep !== undefined) checkTime('stream.keep', keep);
}

class NatsBus implements Bus {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #jetstream: NatsJetStream | undefined;
  readonly #stream: NatsStreamOptions;
  #events: BusEvents | undefined;
  #stored: NatsHistory | undefined;
  #announced: NatsPresence | undefined;
  readonly #subscriptions: Map<string, { unsubscribe(): void }> = new Map();
  /** Of the stream. */
  #advice: { unsubscribe(): void } | undefined;
  readonly #patterns: PatternTrie<true> = new PatternTrie();
  /** Keys of the last messages that several subscriptions match: NATS brings one for each. */
  readonly #recent: Set<string> = new Set();
  #published = 0;
  #flushing: Promise<void> | undefined;
  /** Called with the error when the connection is lost. */
  readonly #pending: Set<(error: Error) => void> = new Set();
  /** The last subject that the user of the connection may not publish on. */
  #forbidden: string | undefined;
  #isConnected = true;
  /** Whether it is lost, or was lost and is not yet confirmed. */
  #isLost = false;
  #isConfirming = false;
  #isClosed = false;
  readonly history: Bus['history'];
  readonly presence: Bus['presence'];

  constructor(connection: NatsConnection, options?: NatsBusOptions) {
    const given = ownOptions(options);
    this.#stream = ownOptions(given.stream);
    checkOptions(connection, given, this.#stream);
    this.#connection = connection;
    this.#prefix = given.prefix ?? 'wasock';
    this.#jetstream = given.jetstream;
    if (this.#jetstream === undefined) return;
    this.history = async (topic, since, limits) => this.#stored!.recover(topic, since, limits);
    this.presence = {
      announce: async (name, ids, ttl) => this.#announced!.announce(name, ids, ttl),
      others: async (name) => this.#announced!.others(name),
    };
  }

  async connect(id: string, events: BusEvents): Promise<void> {
    this.#events = events;
    const connection = this.#connection;
    if (connection.isClosed()) throw new Error('The connection to NATS is closed');
    // It ends with the connection.
    this.#watch().catch(() => {});
    void connection.closed().then((error) => this.#lose(error ?? new Error('The connection to NATS was closed')));
    if (this.#jetstream !== undefined) {
      const untilLost: UntilLost = (start) => this.#untilLost(start);
      this.#stored = new NatsHistory(this.#jetstream, { prefix: this.#prefix, id, stream: this.#stream, untilLost });
      this.#announced = new NatsPresence(this.#jetstream, this.#prefix, id, untilLost);
      this.#watchStream(this.#stored);
      await this.#stored.open();
    }
    await this.#checkPermission(id);
  }

  /** The stream may be deleted while the connection is there. Without the permission to subscribe, the next error tells. */
  #watchStream(stored: NatsHistory): void {
    const subject = `$JS.EVENT.ADVISORY.STREAM.DELETED.${stored.name}`;
    this.#advice = this.#connection.subscribe(subject, {
      callback(error) {
        if (!error) stored.reset();
      },
    });
  }

  /** NATS drops a message that its user may not publish, and tells it apart from the message. So one that nothing receives is published first. */
  async #checkPermission(id: string): Promise<void> {
    const subject = this.#subjectOf(id);
    this.#connection.publish(subject, new Uint8Array());
    await this.#flush();
    // The event of the connection comes in the same turn.
    await new Promise<void>((resolve) => immediate(resolve));
    if (this.#forbidden === subject) throw new Error(`The user of the connection to NATS may not publish on "${subject}"`);
  }

  async publish(topic: string, envelope: Uint8Array, limits?: HistoryLimits): Promise<Position | undefined> {
    this.#check();
    if (limits !== undefined) return this.#stored!.publish(topic, envelope, limits);
    this.#connection.publish(this.#subjectOf(topic), encodeLive(this.#published++, envelope));
    await this.#flush();
    return undefined;
  }

  async subscribe(name: string): Promise<void> {
    this.#check();
    let refusal: Error | undefined;
    const topic = isPattern(name) ? undefined : name;
    const subscription = this.#connection.subscribe(this.#subjectOf(name), {
      callback: (error, message) => {
        if (error) refusal = error;
        // The clients stop reading if a callback throws.
        else guard({ defer }, () => this.#receive(topic, message));
      },
    });
    this.#subscriptions.set(name, subscription);
    if (topic === undefined) this.#patterns.set(name, true);
    try {
      await this.#flush();
      if (refusal !== undefined) throw refusal;
    } catch (error) {
      this.#drop(name);
      throw error;
    }
  }

  unsubscribe(name: string): Promise<void> {
    this.#drop(name);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const name of this.#subscriptions.keys()) this.#drop(name);
    this.#advice?.unsubscribe();
    this.#rejectPending(new Error('The bus is closed'));
    return Promise.resolve();
  }

  #drop(name: string): void {
    this.#subscriptions.get(name)?.unsubscribe();
    this.#subscriptions.delete(name);
    this.#patterns.delete(name);
  }

  #subjectOf(name: string): string {
    return `${this.#prefix}.topics.${subjectOf(name)}`;
  }

  /** @param exact The topic, if it was no pattern that brought the message. */
  #receive(exact: string | undefined, { data, headers, subject }: NatsMessage): void {
    const payload = decodePayload(data);
    const topic = exact ?? topicOf(subject.slice(this.#prefix.length + '.topics.'.length));
    if (payload === undefined || topic === undefined) return;
    if (this.#patterns.size + this.#recent.size > 0 && this.#isCopy(topic, keyOf(topic, payload))) return;
    if ('live' in payload) return this.#events!.deliver(topic, payload.live);
    const { epoch, base, envelopes } = payload.stored;
    this.#stored?.note(topic, payload.stored, Number(headers?.get('Nats-Sequence')));
    for (const [index, envelope] of envelopes.entries()) {
      this.#events!.deliver(topic, envelope, { epoch, offset: base + 1 + index });
    }
  }

  /** Whether another subscription has brought the message. */
  #isCopy(topic: string, key: string): boolean {
    const recent = this.#recent;
    if (recent.has(key)) return true;
    if (this.#patterns.size === 0) return false;
    let matches = this.#subscriptions.has(topic) ? 1 : 0;
    this.#patterns.match(topic, () => matches++);
    if (matches < 2) return false;
    recent.add(key);
    if (recent.size > MOST_RECENT) recent.delete(recent.values().next().value!);
    return false;
  }

  /** Fulfilled once the server has taken all that was sent before. Callers of one turn share a round trip. */
  #flush(): Promise<void> {
    this.#flushing ??= Promise.resolve().then(() => {
      this.#flushing = undefined;
      return this.#untilLost(() => this.#connection.flush());
    });
    return this.#flushing;
  }

  async #watch(): Promise<void> {
    for await (const { error, permissionContext, type } of this.#connection.status()) {
      if (this.#isClosed) return;
      const { operation, subject } = permissionContext ?? (Object(error) as { operation?: string; subject?: string });
      if (operation === 'publish') this.#forbidden = subject;
      if (type === 'disconnect') {
        this.#isConnected = false;
        this.#lose(new Error('The connection to NATS was lost'));
      } else if (type === 'reconnect') {
        this.#isConnected = true;
        void this.#confirm();
      }
    }
  }

  #lose(error: Error): void {
    if (this.#isLost || this.#isClosed) return;
    this.#isLost = true;
    this.#rejectPending(error);
    this.#events!.onLost(error);
  }

  /** Reports that the connection is back, once JetStream is: it may still be loading its data. The client has subscribed again by itself. */
  async #confirm(): Promise<void> {
    if (this.#isConfirming) return;
    this.#isConfirming = true;
    while (this.#isLost && this.#isConnected && !this.#isClosed) {
      try {
        await this.#connection.flush();
        this.#isLost = false;
        this.#announced?.reset();
        await this.#stored?.open();
      } catch {
        this.#isLost = true;
        await new Promise<void>((resolve) => setTimer(resolve, CONFIRM_INTERVAL));
        continue;
      }
      break;
    }
    this.#isConfirming = false;
    if (!this.#isLost && !this.#isClosed) this.#events!.onRestored();
  }

  #check(): void {
    if (this.#isClosed) throw new Error('The bus is closed');
    if (this.#isLost) throw new Error('The connection to NATS is lost');
  }

  #untilLost<Value>(start: () => Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#check();
      const started = start();
      this.#pending.add(reject);
      started.then(resolve, (error: unknown) => reject(toError(error))).finally(() => this.#pending.delete(reject));
    });
  }

  #rejectPending(error: Error): void {
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
  }
}
