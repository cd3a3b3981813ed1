// A bus over Redis or Valkey: Pub/Sub between processes, and a stream for the history of each topic. With a client of the program, of the packages
// `redis` 5 and later or `ioredis` 5 and later.

import { toError } from '../base/realms.ts';
import { immediate, setTimer } from '../clock.ts';
import type { Bus, BusEvents, BusPresence, BusRecovery } from './bus.ts';
import type { HistoryLimits } from './history.ts';
import { goesOnFrom, type Position } from './messages.ts';
import { isPattern } from './names.ts';
import { refusal } from './protocol.ts';
import type { RedisClient, RedisLink } from './redis-clients.ts';
import { connectRedis } from './redis-link.ts';
import { ANNOUNCE, OTHERS, PASS, PUBLISH, RECOVER, type Script } from './redis-scripts.ts';
import { PatternTrie } from './trie.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

export type { Bus, RedisClient };

/** Options of {@link redisBus}. */
export interface RedisBusOptions {
  /** In front of all channels and keys. Default `'wasock:'`. */
  readonly prefix?: string | undefined;
  /** Whether to use sharded Pub/Sub (Redis 7), which scales with the nodes of a cluster. It knows no patterns. Default false. */
  readonly sharded?: boolean | undefined;
}

const COLON = 0x3a;
/** Milliseconds between two pings to an engine that loads its data. */
const CONFIRM_INTERVAL = 100;
/** Most topics that are remembered as {@link RedisBus.#scripted}. */
const MOST_SCRIPTED = 10_000;

/**
 * Makes a bus over Redis.
 *
 * Subscriptions need a connection of their own, which `client.duplicate()` makes. `client` stays the program's: it connects and closes it.
 *
 * @throws {TypeError} for a client of another kind.
 */
export function redisBus(client: RedisClient, options: RedisBusOptions = {}): Bus {
  return new RedisBus(client, options);
}

/** A pattern of Redis. */
interface Glob {
  /** The names that need it: `a.*` and `a.>` have one. */
  readonly names: Set<string>;
  isOn: boolean;
  /** Fulfilled once the last step is done. */
  done: Promise<void>;
}

class RedisBus implements Bus {
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #isSharded: boolean;
  #id = '';
  #events: BusEvents | undefined;
  #link: RedisLink | undefined;
  readonly #globs: Map<string, Glob> = new Map();
  readonly #patterns: PatternTrie<true> = new PatternTrie();
  #published = 0;
  /**
   * Topics whose node of Redis has the script for publishing, by its SHA, since this connection was made. Other topics bring the text, once: if it was missing for one message
   * and not for the next one, because another process brought it between them, that one would be first.
   */
  readonly #scripted: Set<string> = new Set();
  readonly #shas: Map<Script, string> = new Map();
  #isLost = false;
  readonly #closing: AbortController = new AbortController();
  /** Whether a ping is under way after the connection was lost. */
  #isConfirming = false;
  /** Channel and header of the last message. */
  #last = '';

  constructor(client: RedisClient, { prefix = 'wasock:', sharded = false }: RedisBusOptions) {
    this.#client = client;
    this.#prefix = prefix;
    this.#isSharded = sharded;
  }

  async connect(id: string, events: BusEvents): Promise<void> {
    this.#id = id;
    this.#events = events;
    for (const script of [PUBLISH, PASS, RECOVER, ANNOUNCE, OTHERS]) this.#shas.set(script, await script.sha());
    const { signal: closing } = this.#closing;
    closing.throwIfAborted();
    const closed = new Promise<never>((_, reject) => closing.addEventListener('abort', () => reject(closing.reason as Error)));
    const connected = connectRedis(this.#client, {
      onMessage: (channel, message, isByPattern) => this.#receive(channel, message, isByPattern),
      onLost: (error) => {
        if (this.#isLost || this.#isClosed) return;
        this.#isLost = true;
        this.#scripted.clear();
        events.onLost(error);
      },
      // In a later turn: the client subscribes again by itself, and later commands on that connection come after it.
      onReady: () => immediate(() => this.#confirm()),
      closing,
    });
    this.#link = await Promise.race([connected, closed]);
    immediate(() => this.#confirm());
  }

  /** Reports that the connection is back once Redis replies: it may still be loading its data. */
  #confirm(): void {
    if (!this.#isLost || this.#isConfirming || this.#isClosed || this.#link === undefined) return;
    this.#isConfirming = true;
    this.#link.ping().then(
      () => {
        this.#isConfirming = false;
        // The other connection was lost meanwhile: it comes here when it is ready.
        if (!this.#link!.isReady) return;
        this.#isLost = false;
        this.#events!.onRestored();
      },
      () => {
        this.#isConfirming = false;
        // If the connection was lost again, it comes here when it is ready.
        if (this.#link!.isReady) setTimer(() => this.#confirm(), CONFIRM_INTERVAL);
      },
    );
  }

  async publish(topic: string, envelope: Uint8Array, limits?: HistoryLimits): Promise<Position | undefined> {
    const command = this.#isSharded ? 'SPUBLISH' : 'PUBLISH';
    const channel = this.#channel(topic);
    if (limits === undefined) {
      await this.#pass(topic, command, channel, envelope);
      return undefined;
    }
    const ttl = limits.ttl < Infinity ? String(Math.max(1, Math.ceil(limits.ttl))) : '0';
    const size = String(limits.size < Infinity ? limits.size : Number.MAX_SAFE_INTEGER);
    // A connection leads to one server; a cluster may have other nodes at any time.
    const isNew = this.#link?.isCluster === true || !this.#scripted.has(topic);
    const values = [envelope, size, ttl, channel, this.#newEpoch(), command, isNew ? '1' : '0'];
    const reply = await this.#runInOrder(topic, PUBLISH, values);
    const [epoch, offset] = (reply as Uint8Array[]).map(toText);
    return { epoch, offset: Number(offset) };
  }

  /** Publishes without a history. */
  async #pass(topic: string, command: string, channel: string, envelope: Uint8Array): Promise<void> {
    const header = encodeUtf8(`:${this.#id}${(this.#published++).toString(36)}:`);
    const message = new Uint8Array(header.length + envelope.length);
    message.set(header);
    message.set(envelope, header.length);
    const link = this.#usableLink();
    // In a cluster any node would take PUBLISH, and messages over several nodes have no order. A script has a key, and so one node.
    if (link.isCluster && !this.#isSharded) await this.#runInOrder(topic, PASS, [command, channel, message]);
    else await link.command([command, channel, message], channel);
  }

  /** Runs a script that publishes: in the order of calls for a topic. */
  async #runInOrder(topic: string, script: Script, values: readonly (string | Uint8Array)[]): Promise<unknown> {
    const keys = this.#keys(topic, 's', 'm');
    const reply = await (this.#scripted.has(topic) ? this.#run(script, keys, values) : this.#bring(script, keys, values));
    if (this.#scripted.size >= MOST_SCRIPTED) this.#scripted.clear();
    if (!this.#isLost) this.#scripted.add(topic);
    return reply;
  }

  readonly history = async (topic: string, since: Position | undefined, limits: HistoryLimits): Promise<BusRecovery> => {
    const from = since === undefined ? '' : String(since.offset);
    const reply = await this.#run(RECOVER, this.#keys(topic, 's', 'm'), [from, this.#newEpoch()]);
    const [epoch, last, before, time, ...entries] = reply as Uint8Array[];
    const position: Position = { epoch: toText(epoch), offset: Number(toText(last)) };
    if (since === undefined || !goesOnFrom(since, position, toText(before))) return { envelopes: undefined, position };
    const oldest = Number(toText(time)) - limits.ttl;
    const envelopes: { envelope: Uint8Array; position: Position }[] = [];
    for (let index = 0; index < entries.length; index += 3) {
      if (Number(toText(entries[index + 1])) < oldest) continue;
      envelopes.push({
        envelope: entries[index + 2],
        position: { epoch: position.epoch, offset: Number(toText(entries[index])) },
      });
    }
    const kept = envelopes.slice(-limits.size);
    return { envelopes: kept.length === position.offset - since.offset ? kept : undefined, position };
  };

  readonly presence: BusPresence = {
    announce: async (name, ids, ttl) => {
      await this.#run(ANNOUNCE, this.#keys(name, 'p', 'i'), [this.#id, ids.join(' '), String(ttl)]);
    },
    others: async (name) => {
      const processes = await this.#run(OTHERS, this.#keys(name, 'p', 'i'), [this.#id]);
      return (processes as Uint8Array[]).flatMap((ids) => toText(ids).split(' '));
    },
  };

  async subscribe(name: string): Promise<void> {
    const link = this.#link!;
    if (!isPattern(name)) return link.subscribe(this.#channel(name), this.#isSharded);
    if (this.#isSharded) throw refusal('invalid', new TypeError(`Sharded Pub/Sub of Redis has no patterns: ${name}`));
    this.#patterns.set(name, true);
    const text = this.#glob(name);
    const glob = this.#globs.get(text) ?? { names: new Set<string>(), isOn: false, done: Promise.resolve() };
    this.#globs.set(text, glob);
    glob.names.add(name);
    try {
      await this.#settle(text, glob);
    } catch (error) {
      this.#patterns.delete(name);
      glob.names.delete(name);
      throw error;
    }
  }

  async unsubscribe(name: string): Promise<void> {
    const link = this.#link!;
    if (!isPattern(name)) return link.unsubscribe(this.#channel(name), this.#isSharded);
    this.#patterns.delete(name);
    const text = this.#glob(name);
    const glob = this.#globs.get(text);
    glob?.names.delete(name);
    if (glob !== undefined) await this.#settle(text, glob);
  }

  /** Subscribes to a glob if a name needs it. One step after the other: the package `redis` loses a subscription that is made before the reply to the end of one. */
  #settle(text: string, glob: Glob): Promise<void> {
    const step = glob.done.then(async () => {
      const isWanted = glob.names.size > 0;
      if (isWanted === glob.isOn) return;
      glob.isOn = false;
      if (isWanted) {
        await this.#link!.subscribePattern(text);
        glob.isOn = true;
        return;
      }
      await this.#link!.unsubscribePattern(text);
      if (glob.names.size === 0) this.#globs.delete(text);
    });
    glob.done = step.catch(() => {});
    return step;
  }

  close(): Promise<void> {
    this.#closing.abort(new Error('The bus is closed'));
    return Promise.resolve();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** @throws {Error} while the connection is lost: clients would keep the command until it is back, in any number. */
  #usableLink(): RedisLink {
    if (!this.#link?.isReady) throw new Error('The connection to Redis is lost');
    return this.#link;
  }

  /** Runs a script by its SHA, or by its text if Redis does not know it. */
  async #run(script: Script, keys: readonly string[], values: readonly (string | Uint8Array)[]): Promise<unknown> {
    try {
      return await this.#usableLink().command(
        ['EVALSHA', this.#shas.get(script)!, String(keys.length), ...keys, ...values],
        keys[0],
      );
    } catch (error) {
      if (!toError(error).message.startsWith('NOSCRIPT')) throw error;
      return this.#bring(script, keys, values);
    }
  }

  async #bring({ text }: Script, keys: readonly string[], values: readonly (string | Uint8Array)[]): Promise<unknown> {
    return this.#usableLink().command(['EVAL', text, String(keys.length), ...keys, ...values], keys[0]);
  }

  /**
   * The channel of a topic. For sharded Pub/Sub, its hash tag is that of the keys, so that a script may publish there; the colon keeps the tag from being empty,
   * which would be none.
   */
  #channel(topic: string): string {
    return this.#isSharded ? this.#tagged(topic) : this.#prefix + topic;
  }

  #topicOf(channel: string): string | undefined {
    const prefix = this.#isSharded ? `${this.#prefix}{:` : this.#prefix;
    if (!channel.startsWith(prefix)) return undefined;
    return channel.slice(prefix.length, this.#isSharded ? -1 : undefined);
  }

  /** Keys in one slot of a cluster. */
  #keys(topic: string, ...kinds: readonly string[]): string[] {
    return kinds.map((kind) => `${this.#tagged(topic)}:${kind}`);
  }

  #tagged(topic: string): string {
    return `${this.#prefix}{:${topic}}`;
  }

  #newEpoch(): string {
    // Unique as the process's id is: two epochs of a process differ in time.
    return `${this.#id}${Date.now().toString(36)}`;
  }

  /** A pattern of Redis that matches at least the same: `*` of Redis matches points, too. */
  #glob(name: string): string {
    const escaped = (this.#prefix + name).replaceAll(/[\\[\]?^]/g, '\\$&');
    const isRest = name === '>' || name.endsWith('.>');
    return isRest ? `${escaped.slice(0, -1)}*` : escaped;
  }

  /**
   * Redis sends a message once for its channel and once for each pattern that matches, one right after the other. Each message has a header of its own, so copies are
   * known by it: the first one is delivered.
   *
   * @param isByPattern A pattern of Redis brought it, which may match more than ours.
   */
  #receive(channel: string, message: Uint8Array, isByPattern: boolean): void {
    const topic = this.#topicOf(channel);
    if (topic === undefined) return;
    const first = message.indexOf(COLON);
    const second = message.indexOf(COLON, first + 1);
    if (first < 0 || second < 0) return;
    const header = toText(message.subarray(0, second));
    const key = `${channel} ${header}`;
    if (key === this.#last) return;
    if (isByPattern) {
      let isWanted = false;
      this.#patterns.match(topic, () => (isWanted = true));
      if (!isWanted) return;
    }
    this.#last = key;
    const envelope = message.subarray(second + 1);
    if (first === 0) return this.#events!.deliver(topic, envelope);
    const position = { epoch: header.slice(first + 1), offset: Number(header.slice(0, first)) };
    this.#events!.deliver(topic, envelope, position);
  }
}

function toText(bytes: Uint8Array): string {
  return decodeUtf8(bytes);
}
