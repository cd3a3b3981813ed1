// The history of topics in a stream of JetStream: one subject for each topic.
//
// A message has its epoch and its offset in it, since the sequence numbers of a stream count the messages of all topics. It is only stored if the last message of
// its topic is still the one that its publisher knew, so offsets have no holes and no doubles, however many processes publish. The stream publishes the messages that it has stored
// on the subject that subscribers listen to, so they get the messages of the stream, in its order.

import { elapsed, now, setTimer } from '../clock.ts';
import type { BusRecovery } from './bus.ts';
import { usableLimits, type HistoryLimits } from './history.ts';
import type { Position } from './messages.ts';
import { decodeStored, encodeStored, subjectOf, type Stored } from './nats-messages.ts';
import {
  isWrongSequence,
  NatsStream,
  type NatsJetStream,
  type StreamMessage,
  type StreamPart,
  type UntilLost,
} from './nats-stream.ts';

/** The stream that {@link natsBus} keeps messages in. */
export interface NatsStreamOptions {
  /** Default: the prefix, and `-history`. */
  readonly name?: string | undefined;
  /** Default `'file'`. */
  readonly storage?: 'file' | 'memory' | undefined;
  /**
   * Milliseconds that a topic without messages keeps its epoch. Messages stay in the stream as long, although they are not delivered once the `ttl` of the history is
   * over. Default 1 hour; the largest `ttl` if that is longer.
   */
  readonly keep?: number | undefined;
}

const DEFAULT_KEEP = 3_600_000;
/** Most milliseconds that a message may take to be stored while others publish to its topic. */
const PUBLISH_TIMEOUT = 5000;
/** Most milliseconds between two attempts. */
const LONGEST_PAUSE = 64;
/** Most bytes of messages that are stored as one. */
const BATCH_BYTES = 65_536;
/** Most topics whose last message is remembered, so that publishing need not ask for it. */
const MOST_WRITERS = 4096;

/** The end of a topic. */
interface Last {
  /** Number of its last message in the stream; 0 if there is none. */
  readonly seq: number;
  readonly epoch: string;
  readonly offset: number;
}

interface End extends Last {
  /** Offset before the last message of the stream, which may be several of the topic. */
  readonly base: number;
  /** That message, if there is one. */
  readonly messages: readonly StreamMessage[];
}

interface Waiting {
  readonly envelope: Uint8Array;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: unknown) => void;
}

/** Publishes the messages of one topic, one batch after the other. */
interface Writer {
  readonly queue: Waiting[];
  /** The end of the topic as it was known last. */
  last: Last | undefined;
  /** Whether nothing says that it is another one now. */
  isCurrent: boolean;
  isBusy: boolean;
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
  readonly untilLost: UntilLost;
}

export class NatsHistory {
  readonly #stream: NatsStream;
  /** In front of the subjects of stored messages. */
  readonly #prefix: string;
  readonly #id: string;
  readonly #writers: Map<string, Writer> = new Map();
  readonly #running: Map<string, Promise<StreamPart>> = new Map();
  readonly #next: Map<string, Promise<StreamPart>> = new Map();
  /** Times that the stream may have become another one, whose numbers say nothing of those of before. */
  #resets = 0;
  readonly name: string;

  constructor(jetstream: NatsJetStream, { prefix, id, stream, untilLost }: NatsHistoryOptions) {
    this.#prefix = `${prefix}.history.`;
    this.#id = id;
    const subject = `${this.#prefix}>`;
    this.name = stream.name ?? `${prefix.replaceAll('.', '-')}-history`;
    const settings = {
      name: this.name,
      subjects: [subject],
      republish: { src: subject, dest: `${prefix}.topics.>` },
      storage: stream.storage ?? 'file',
    };
    const { ttl: keep } = usableLimits({ size: 1, ttl: stream.keep ?? DEFAULT_KEEP });
    this.#stream = new NatsStream(jetstream, settings, keep, untilLost);
  }

  /** Looks whether the stream is there, and makes it if not. */
  async open(): Promise<void> {
    this.reset();
    await this.#stream.prepare();
  }

  /** The stream may be another one. */
  reset(): void {
    this.#resets++;
    this.#stream.reset();
    for (const writer of this.#writers.values()) writer.isCurrent = false;
  }

  /** Publishes a message. Messages that wait for another one of their topic are stored together. */
  publish(topic: string, envelope: Uint8Array, limits: HistoryLimits): Promise<Position> {
    this.#stream.require(limits.size, limits.ttl);
    const writer = this.#writerOf(topic);
    return new Promise((resolve, reject) => {
      writer.queue.push({ envelope, resolve, reject });
      if (!writer.isBusy) void this.#write(topic, writer);
    });
  }

  /** The messages since a position. */
  async recover(topic: string, since: Position | undefined, limits: HistoryLimits): Promise<BusRecovery> {
    this.#stream.require(limits.size, limits.ttl);
    await this.#stream.prepare();
    const { epoch, offset, base, messages: newest } = await this.#lastOrFirst(topic);
    const position: Position = { epoch, offset };
    const missed = offset - (since?.offset ?? 0);
    if (since?.epoch !== epoch || missed < 0) return { envelopes: undefined, position };
    const { messages, now: end } =
      missed === 0 || since.offset >= base ? { messages: newest, now: now() } : await this.#readAll(topic);
    const oldest = end - limits.ttl;
    const envelopes: { envelope: Uint8Array; position: Position }[] = [];
    for (const { data, time } of messages) {
      const stored = decodeStored(data);
      if (stored?.epoch !== epoch || time < oldest) continue;
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
      writer = { queue: [], last: undefined, isCurrent: false, isBusy: false };
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
      const resets = this.#resets;
      try {
        if (!this.#stream.isPrepared) await this.#stream.prepare();
        const last = writer.isCurrent ? writer.last! : await this.#lastAfter(topic, writer.last);
        const seq = await this.#store(topic, last, envelopes);
        writer.last = { seq, epoch: last.epoch, offset: last.offset + envelopes.length };
        writer.isCurrent = this.#resets === resets;
        return last;
      } catch (error) {
        // If it is not known whether they are stored, the next message will see it.
        writer.isCurrent = false;
        if (!isWrongSequence(error)) throw error;
        if (elapsed() > end) throw new Error('Too many processes publish to this topic', { cause: error });
      }
      if (failures > 0) await pause(Math.random() * Math.min(2 ** failures, LONGEST_PAUSE));
    }
  }

  /** Stores messages after `last`. @returns Their number in the stream. */
  #store(topic: string, { epoch, offset, seq }: Last, envelopes: readonly Uint8Array[]): Promise<number> {
    return this.#stream.publish(this.#subjectOf(topic), encodeStored({ epoch, base: offset, envelopes }), seq);
  }

  /** The end of a topic. One without an epoch gets one, so that its position means something. */
  async #lastOrFirst(topic: string): Promise<End> {
    for (;;) {
      const last = await this.#last(topic);
      if (last.messages.length > 0) return last;
      try {
        await this.#store(topic, last, []);
        return last;
      } catch (error) {
        if (!isWrongSequence(error)) throw error;
      }
    }
  }

  /** The end of a topic, or of a new epoch if messages are gone that were there: NATS may lose the last ones when its machine fails. */
  async #lastAfter(topic: string, known: Last | undefined): Promise<Last> {
    const last = await this.#last(topic);
    const isShorter = known?.epoch === last.epoch && known.offset > last.offset;
    return isShorter ? { seq: last.seq, epoch: this.#newEpoch(), offset: 0 } : last;
  }

  /** The end of a topic, or of a new epoch if it has none. */
  async #last(topic: string): Promise<End> {
    const message = await this.#stream.last(this.#subjectOf(topic));
    const stored = message && decodeStored(message.data);
    if (!stored) return { seq: message?.seq ?? 0, epoch: this.#newEpoch(), offset: 0, base: 0, messages: [] };
    const { base, envelopes, epoch } = stored;
    return { seq: message.seq, epoch, offset: base + envelopes.length, base, messages: [message] };
  }

  /** All messages of a topic, for all that ask for them before they are asked for. */
  #readAll(topic: string): Promise<StreamPart> {
    const running = this.#running.get(topic);
    if (running === undefined) {
      const read = this.#stream.read(this.#subjectOf(topic), 'all').finally(() => this.#running.delete(topic));
      this.#running.set(topic, read);
      return read;
    }
    let next = this.#next.get(topic);
    if (next === undefined) {
      const start = (): Promise<StreamPart> => {
        this.#next.delete(topic);
        return this.#readAll(topic);
      };
      next = running.then(start, start);
      this.#next.set(topic, next);
    }
    return next;
  }

  #newEpoch(): string {
    // Unique as the process's id is: two epochs of a process differ in time.
    return `${this.#id}${now().toString(36)}`;
  }

  #subjectOf(topic: string): string {
    return this.#prefix + subjectOf(topic);
  }
}
