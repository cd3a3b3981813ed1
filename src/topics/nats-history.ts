// The history of topics in a stream of JetStream: one subject for each topic.
//
// A message has its epoch and its offset in it, since the sequence numbers of a stream count the messages of all topics. It is only stored if the last message of
// its topic is still the one that its publisher knew, so offsets have no holes and no doubles, however many processes publish. The stream publishes what it has stored
// on the subject that subscribers listen to, so they get what is kept, in its order.

import { elapsed, now, setTimer } from '../clock.ts';
import type { BusRecovery } from './bus.ts';
import type { HistoryLimits } from './history.ts';
import type { Position } from './messages.ts';
import { decodeStored, encodeStored, subjectOf, type Stored } from './nats-messages.ts';

/** A client of JetStream: `jetstream(connection)` of the package `@nats-io/jetstream`, or `connection.jetstream()` of `nats` 2. */
export interface NatsJetStream {
  publish(subject: string, payload?: Uint8Array, options?: object): Promise<{ readonly seq: number }>;
  jetstreamManager(checkApi?: boolean): Promise<object>;
  readonly consumers: object;
}

/** The stream that {@link natsBus} keeps messages in. */
export interface NatsStreamOptions {
  /** Default: the prefix, and `-history`. */
  readonly name?: string | undefined;
  /** Servers of a cluster that keep a copy. Default 1. */
  readonly replicas?: number | undefined;
  /** Default `'file'`. */
  readonly storage?: 'file' | 'memory' | undefined;
  /**
   * Milliseconds that a topic without messages keeps its epoch. Messages stay in the stream as long, although they are not delivered once the `ttl` of the history is
   * over. Default 1 hour; the largest `ttl` if that is longer.
   */
  readonly keep?: number | undefined;
}

/** The members that are used of the objects of both packages. */
interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly republish?: { readonly src: string; readonly dest: string };
  /** -1 for no limit. */
  readonly max_msgs_per_subject: number;
  /** Nanoseconds; 0 for no limit. */
  readonly max_age: number;
  readonly storage: string;
  readonly num_replicas: number;
}
interface StoredMessage {
  readonly seq: number;
  readonly data: Uint8Array;
  readonly time: Date;
}
interface StreamMessage {
  readonly data: Uint8Array;
  readonly info: { readonly timestampNanos: number };
}
interface Manager {
  readonly streams: {
    info(name: string): Promise<{ readonly config: StreamConfig }>;
    add(config: StreamConfig): Promise<unknown>;
    update(name: string, config: Partial<StreamConfig>): Promise<unknown>;
    getMessage(name: string, query: { readonly last_by_subj: string }): Promise<StoredMessage | null>;
  };
  readonly consumers: {
    add(stream: string, config: object): Promise<{ readonly name: string; readonly num_pending: number }>;
    delete(stream: string, name: string): Promise<boolean>;
  };
}
interface Consumers {
  get(stream: string, name: string): Promise<{ fetch(options: object): Promise<AsyncIterable<StreamMessage>> }>;
}

/** Codes of errors of JetStream. */
const NO_MESSAGE = 10037;
const STREAM_EXISTS = 10058;
const NO_STREAM = 10059;
const WRONG_SEQUENCE = 10071;

const NANOSECONDS = 1e6;
const DEFAULT_KEEP = 3_600_000;
/** NATS takes no shorter one. */
const SHORTEST_AGE = 100;
/** Most milliseconds that a message may take to be stored while others publish to its topic. */
const PUBLISH_TIMEOUT = 5000;
/** Most milliseconds between two attempts. */
const LONGEST_PAUSE = 64;
/** Most bytes of messages that are stored as one. */
const BATCH_BYTES = 65_536;
/** Most messages that are asked for at a time: NATS ends connections that take too many bytes too slowly. */
const FETCH_COUNT = 128;
const FETCH_TIMEOUT = 2000;
/** Most topics whose last message is remembered, so that publishing need not ask for it. */
const MOST_WRITERS = 4096;

/** The end of a topic. */
interface Last {
  /** Number of its last message in the stream; 0 if there is none. */
  readonly seq: number;
  readonly epoch: string;
  readonly offset: number;
}

interface Kept {
  readonly stored: Stored;
  /** In milliseconds. */
  readonly time: number;
}

interface Waiting {
  readonly envelope: Uint8Array;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: unknown) => void;
}

/** Publishes the messages of one topic, one batch after the other. */
interface Writer {
  readonly queue: Waiting[];
  last: Last | undefined;
  isBusy: boolean;
}

/** The code of an error of either package. */
function codeOf(error: unknown): number | undefined {
  const { api_error: old, apiError } = Object(error) as {
    api_error?: { err_code: number };
    apiError?: () => { err_code: number };
  };
  return (typeof apiError === 'function' ? apiError.call(error) : old)?.err_code;
}

/** Whether nothing in the server listens to the subject of a stream: it is not there. */
function isUnheard(error: unknown): boolean {
  const { name, code } = Object(error) as { name?: string; code?: unknown };
  return name === 'JetStreamNotEnabled' || code === '503' || codeOf(error) === NO_STREAM;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimer(resolve, milliseconds));
}

/** Options of {@link NatsHistory}. */
export interface NatsHistoryOptions {
  readonly prefix: string;
  /** Id of the process. */
  readonly id: string;
  readonly stream: NatsStreamOptions;
  /** Settles as a promise does, or rejects at once when the connection is lost. @throws {Error} if it is lost. */
  readonly untilLost: <Value>(start: () => Promise<Value>) => Promise<Value>;
}

export class NatsHistory {
  readonly #jetstream: NatsJetStream;
  readonly #options: NatsHistoryOptions;
  readonly #name: string;
  /** In front of the subjects of stored messages. */
  readonly #subject: string;
  #manager: Manager | undefined;
  /** Limits that the stream must have: the largest of all topics. */
  readonly #needed: { size: number; age: number };
  /** Limits that it has; undefined if it must be looked at. */
  #known: { readonly size: number; readonly age: number } | undefined;
  #preparing: Promise<void> | undefined;
  readonly #writers: Map<string, Writer> = new Map();
  readonly #running: Map<string, Promise<Kept[]>> = new Map();
  readonly #next: Map<string, Promise<Kept[]>> = new Map();

  constructor(jetstream: NatsJetStream, options: NatsHistoryOptions) {
    this.#jetstream = jetstream;
    this.#options = options;
    this.#name = options.stream.name ?? `${options.prefix.replaceAll('.', '-')}-history`;
    this.#subject = `${options.prefix}.history.`;
    this.#needed = { size: 1, age: options.stream.keep ?? DEFAULT_KEEP };
  }

  /** Looks whether the stream is there, and makes it if not. */
  async open(): Promise<void> {
    this.#known = undefined;
    await this.#prepare();
  }

  /** Publishes a message. Messages that wait for another one of their topic are stored together. */
  publish(topic: string, envelope: Uint8Array, limits: HistoryLimits): Promise<Position> {
    this.#require(limits);
    const writer = this.#writerOf(topic);
    return new Promise((resolve, reject) => {
      writer.queue.push({ envelope, resolve, reject });
      if (!writer.isBusy) void this.#write(topic, writer);
    });
  }

  /** The messages since a position. */
  async recover(topic: string, since: Position | undefined, limits: HistoryLimits): Promise<BusRecovery> {
    this.#require(limits);
    await this.#prepare();
    const { epoch, offset, kept: newest } = await this.#lastOrFirst(topic);
    const position: Position = { epoch, offset };
    const missed = offset - (since?.offset ?? 0);
    if (since?.epoch !== epoch || missed < 0) return { envelopes: undefined, position };
    const isNewest = newest !== undefined && since.offset >= newest.stored.base;
    const all = missed === 0 ? [] : isNewest ? [newest] : await this.#readAll(topic);
    const oldest = now() - limits.ttl;
    const envelopes: { envelope: Uint8Array; position: Position }[] = [];
    for (const { stored, time } of all) {
      if (stored.epoch !== epoch || time < oldest) continue;
      for (const [index, envelope] of stored.envelopes.entries()) {
        const own = stored.base + 1 + index;
        if (own > since.offset && own <= offset) envelopes.push({ envelope, position: { epoch, offset: own } });
      }
    }
    return { envelopes: envelopes.length === missed && missed <= limits.size ? envelopes : undefined, position };
  }

  /** A stored message came: the next one that this process publishes follows it. */
  note(topic: string, { epoch, base, envelopes }: Stored, seq: number): void {
    const writer = this.#writers.get(topic);
    if (writer === undefined || writer.isBusy || !(seq > (writer.last?.seq ?? Infinity))) return;
    writer.last = { seq, epoch, offset: base + envelopes.length };
  }

  #writerOf(topic: string): Writer {
    let writer = this.#writers.get(topic);
    if (writer === undefined) {
      writer = { queue: [], last: undefined, isBusy: false };
      this.#writers.set(topic, writer);
      for (const [other, { isBusy }] of this.#writers) {
        if (this.#writers.size <= MOST_WRITERS) break;
        if (!isBusy && other !== topic) this.#writers.delete(other);
      }
    }
    return writer;
  }

  async #write(topic: string, writer: Writer): Promise<void> {
    writer.isBusy = true;
    while (writer.queue.length > 0) {
      let bytes = 0;
      let count = 0;
      do bytes += writer.queue[count++].envelope.length;
      while (count < writer.queue.length && bytes + writer.queue[count].envelope.length <= BATCH_BYTES);
      const batch = writer.queue.splice(0, count);
      try {
        const envelopes = batch.map(({ envelope }) => envelope);
        const { epoch, offset } = await this.#append(topic, writer, envelopes);
        for (const [index, { resolve }] of batch.entries()) resolve({ epoch, offset: offset + 1 + index });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    writer.isBusy = false;
  }

  /** @returns The message that they follow. */
  async #append(topic: string, writer: Writer, envelopes: readonly Uint8Array[]): Promise<Last> {
    const end = elapsed() + PUBLISH_TIMEOUT;
    for (let failures = 0; ; failures++) {
      try {
        if (!this.#isPrepared) await this.#prepare();
        const last = writer.last ?? (await this.#last(topic));
        const seq = await this.#store(topic, last, envelopes);
        writer.last = { seq, epoch: last.epoch, offset: last.offset + envelopes.length };
        return last;
      } catch (error) {
        // If it is not known whether they are stored, the next message will see it.
        writer.last = undefined;
        if (isUnheard(error)) this.#known = undefined;
        if (codeOf(error) !== WRONG_SEQUENCE) throw error;
        if (elapsed() > end) throw new Error('Too many processes publish to this topic', { cause: error });
      }
      if (failures > 0) await pause(Math.random() * Math.min(2 ** failures, LONGEST_PAUSE));
    }
  }

  /** Stores messages after `last`. @returns Their number in the stream. */
  async #store(topic: string, last: Last, envelopes: readonly Uint8Array[]): Promise<number> {
    const payload = encodeStored({ epoch: last.epoch, base: last.offset, envelopes });
    const options = { expect: { lastSubjectSequence: last.seq } };
    const subject = this.#subject + subjectOf(topic);
    const { seq } = await this.#options.untilLost(() => this.#jetstream.publish(subject, payload, options));
    return seq;
  }

  /** The end of a topic. One without an epoch gets one, so that its position means something. */
  async #lastOrFirst(topic: string): Promise<Last & { readonly kept?: Kept | undefined }> {
    for (;;) {
      const last = await this.#last(topic);
      if (last.kept !== undefined) return last;
      try {
        return { ...last, seq: await this.#store(topic, last, []) };
      } catch (error) {
        if (isUnheard(error)) this.#known = undefined;
        if (codeOf(error) !== WRONG_SEQUENCE) throw error;
      }
    }
  }

  /** The end of a topic with its last message, or of a new epoch if there is none. */
  async #last(topic: string): Promise<Last & { readonly kept: Kept | undefined }> {
    const query = { last_by_subj: this.#subject + subjectOf(topic) };
    let message: StoredMessage | null = null;
    try {
      message = await this.#options.untilLost(() => this.#manager!.streams.getMessage(this.#name, query));
    } catch (error) {
      if (isUnheard(error)) this.#known = undefined;
      if (codeOf(error) !== NO_MESSAGE) throw error;
    }
    const stored = message && decodeStored(message.data);
    if (!stored) return { seq: message?.seq ?? 0, epoch: this.#newEpoch(), offset: 0, kept: undefined };
    const { epoch, base, envelopes } = stored;
    return { seq: message!.seq, epoch, offset: base + envelopes.length, kept: { stored, time: message!.time.getTime() } };
  }

  /** All messages of a topic, for all that ask for them before they are asked for. */
  #readAll(topic: string): Promise<Kept[]> {
    const running = this.#running.get(topic);
    if (running === undefined) {
      const fetched = this.#options.untilLost(() => this.#fetch(topic)).finally(() => this.#running.delete(topic));
      this.#running.set(topic, fetched);
      return fetched;
    }
    let next = this.#next.get(topic);
    if (next === undefined) {
      const start = (): Promise<Kept[]> => {
        this.#next.delete(topic);
        return this.#readAll(topic);
      };
      next = running.then(start, start);
      this.#next.set(topic, next);
    }
    return next;
  }

  async #fetch(topic: string): Promise<Kept[]> {
    const { consumers } = this.#manager!;
    const { name, num_pending: count } = await consumers.add(this.#name, {
      filter_subject: this.#subject + subjectOf(topic),
      deliver_policy: 'all',
      ack_policy: 'none',
      inactive_threshold: 10_000 * NANOSECONDS,
      mem_storage: true,
      num_replicas: 1,
    });
    const all: Kept[] = [];
    try {
      const consumer = await (this.#jetstream.consumers as Consumers).get(this.#name, name);
      while (all.length < count) {
        const wanted = Math.min(count - all.length, FETCH_COUNT);
        const before = all.length;
        for await (const { data, info } of await consumer.fetch({ max_messages: wanted, expires: FETCH_TIMEOUT })) {
          const stored = decodeStored(data);
          if (stored !== undefined) all.push({ stored, time: info.timestampNanos / NANOSECONDS });
        }
        // Some are gone meanwhile.
        if (all.length < before + wanted) break;
      }
    } finally {
      // It ends by itself if this fails.
      consumers.delete(this.#name, name).catch(() => {});
    }
    return all;
  }

  #newEpoch(): string {
    // Unique as the process's id is: two epochs of a process differ in time.
    return `${this.#options.id}${now().toString(36)}`;
  }

  #require({ size, ttl }: HistoryLimits): void {
    this.#needed.size = Math.max(this.#needed.size, size);
    this.#needed.age = Math.max(this.#needed.age, ttl);
  }

  get #isPrepared(): boolean {
    return this.#known !== undefined && this.#known.size >= this.#needed.size && this.#known.age >= this.#needed.age;
  }

  async #prepare(): Promise<void> {
    while (!this.#isPrepared) {
      this.#preparing ??= this.#options.untilLost(() => this.#makeStream()).finally(() => (this.#preparing = undefined));
      await this.#preparing;
    }
  }

  /** Makes the stream, or gives it larger limits. */
  async #makeStream(): Promise<void> {
    const { prefix, stream } = this.#options;
    this.#manager ??= (await this.#jetstream.jetstreamManager(false)) as Manager;
    const { streams } = this.#manager;
    const { size, age } = { ...this.#needed };
    const limits = {
      max_msgs_per_subject: size < Infinity ? size : -1,
      max_age: age < Infinity ? Math.max(SHORTEST_AGE, Math.ceil(age)) * NANOSECONDS : 0,
    };
    const wanted: StreamConfig = {
      name: this.#name,
      subjects: [`${this.#subject}>`],
      republish: { src: `${this.#subject}>`, dest: `${prefix}.topics.>` },
      storage: stream.storage ?? 'file',
      num_replicas: stream.replicas ?? 1,
      ...limits,
    };
    let config: StreamConfig;
    try {
      ({ config } = await streams.info(this.#name));
    } catch (error) {
      if (codeOf(error) !== NO_STREAM) throw error;
      try {
        await streams.add(wanted);
      } catch (reason) {
        // Another process has made it: look again.
        if (codeOf(reason) !== STREAM_EXISTS) throw reason;
        return;
      }
      this.#known = { size, age };
      return;
    }
    const { republish, subjects } = config;
    if (
      subjects.join() !== wanted.subjects.join() ||
      republish?.src !== wanted.republish!.src ||
      republish.dest !== wanted.republish!.dest
    ) {
      throw new TypeError(
        `The stream "${this.#name}" is another one: it must have the subject "${this.#subject}>", republished as "${prefix}.topics.>"`,
      );
    }
    const known = {
      size: config.max_msgs_per_subject > 0 ? config.max_msgs_per_subject : Infinity,
      age: config.max_age > 0 ? config.max_age / NANOSECONDS : Infinity,
    };
    if (known.size < size || known.age < age) {
      await streams.update(this.#name, {
        ...(known.size < size && { max_msgs_per_subject: limits.max_msgs_per_subject }),
        ...(known.age < age && { max_age: limits.max_age }),
      });
    }
    this.#known = { size: Math.max(known.size, size), age: Math.max(known.age, age) };
  }
}
