// A stream of JetStream: made when it is needed, given larger limits, written and read. By a client of the package `@nats-io/jetstream` or `nats` 2.

/** A client of JetStream: `jetstream(connection)` of the package `@nats-io/jetstream`, or `connection.jetstream()` of `nats` 2. */
export interface NatsJetStream {
  publish(subject: string, payload?: Uint8Array, options?: object): Promise<{ readonly seq: number }>;
  jetstreamManager(checkApi?: boolean): Promise<object>;
  readonly consumers: object;
}

/** Settles as a promise does, or rejects at once when the connection is lost. @throws {Error} (as a rejection) if it is lost. */
export type UntilLost = <Value>(start: () => Promise<Value>) => Promise<Value>;

/** The settings of a stream that do not change. */
export interface StreamSettings {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly republish?: { readonly src: string; readonly dest: string };
  readonly storage: 'file' | 'memory';
}

/** A message of a stream. */
export interface StreamMessage {
  /** Its number in the stream. */
  readonly seq: number;
  readonly data: Uint8Array;
  /** When it was stored, in milliseconds, by the clock of the server. */
  readonly time: number;
}

/** Messages of a stream, in order. */
export interface StreamPart {
  readonly messages: readonly StreamMessage[];
  /** When they were asked for, in milliseconds, by the clock of the server. */
  readonly now: number;
}

/** The members that are used of the objects of both packages. */
interface StreamConfig extends StreamSettings {
  readonly num_replicas: number;
  /** -1 for no limit. */
  readonly max_msgs_per_subject: number;
  /** Nanoseconds; 0 for no limit. */
  readonly max_age: number;
}
interface Manager {
  readonly streams: {
    info(name: string): Promise<{ readonly config: StreamConfig }>;
    add(config: StreamConfig): Promise<unknown>;
    update(name: string, config: Partial<StreamConfig>): Promise<unknown>;
    purge(name: string, query: { readonly filter: string }): Promise<unknown>;
    getMessage(
      name: string,
      query: { readonly last_by_subj: string },
    ): Promise<{ readonly seq: number; readonly data: Uint8Array; readonly time: Date } | null>;
  };
  readonly consumers: {
    add(
      stream: string,
      config: object,
    ): Promise<{ readonly name: string; readonly num_pending: number; readonly created: unknown }>;
    delete(stream: string, name: string): Promise<boolean>;
  };
}
interface Delivered {
  readonly seq: number;
  readonly data: Uint8Array;
  readonly info: { readonly timestampNanos: number };
}
interface Consumers {
  get(stream: string, name: string): Promise<{ fetch(options: object): Promise<AsyncIterable<Delivered>> }>;
}

/** Codes of errors of JetStream. */
const NO_MESSAGE = 10037;
const STREAM_EXISTS = 10058;
const NO_STREAM = 10059;
const WRONG_SEQUENCE = 10071;

const NANOSECONDS = 1e6;
/** The shortest `max_age` that NATS takes, in milliseconds. */
const SHORTEST_AGE = 100;
/** Most messages that are asked for at a time: NATS ends connections that take too many bytes too slowly. */
const FETCH_COUNT = 50;
const FETCH_TIMEOUT = 2000;
/** Milliseconds after which a consumer ends that this process could not delete. */
const CONSUMER_TTL = 10_000;

/** The code of an error of either package. */
function codeOf(error: unknown): number | undefined {
  const { api_error: old, apiError } = Object(error) as {
    api_error?: { err_code: number };
    apiError?: () => { err_code: number };
  };
  return (typeof apiError === 'function' ? apiError.call(error) : old)?.err_code;
}

/** Whether the stream is not there: nothing in the server listens to its subjects. */
function isMissing(error: unknown): boolean {
  const { name, code } = Object(error) as { name?: string; code?: unknown };
  return name === 'JetStreamNotEnabled' || code === '503' || codeOf(error) === NO_STREAM;
}

/** Whether a message was not stored because it was not to follow the last one of its subject. */
export function isWrongSequence(error: unknown): boolean {
  return codeOf(error) === WRONG_SEQUENCE;
}

export class NatsStream {
  readonly #jetstream: NatsJetStream;
  readonly #settings: StreamSettings;
  readonly #untilLost: UntilLost;
  #manager: Manager | undefined;
  /** Limits that it must have: messages of a subject, and milliseconds. */
  readonly #needed: { size: number; age: number };
  /** Limits that it has; undefined if it must be looked at. */
  #known: { readonly size: number; readonly age: number } | undefined;
  #preparing: Promise<void> | undefined;

  constructor(jetstream: NatsJetStream, settings: StreamSettings, age: number, untilLost: UntilLost) {
    this.#jetstream = jetstream;
    this.#settings = settings;
    this.#needed = { size: 1, age };
    this.#untilLost = untilLost;
  }

  /** The stream must be looked at again before it is used: the server may have lost it. */
  reset(): void {
    this.#known = undefined;
  }

  /** From the next {@link prepare} on it keeps `size` messages of a subject for `age` milliseconds, or more. It never gets smaller. */
  require(size: number, age: number): void {
    this.#needed.size = Math.max(this.#needed.size, size);
    this.#needed.age = Math.max(this.#needed.age, age);
  }

  get isPrepared(): boolean {
    return this.#known !== undefined && this.#known.size >= this.#needed.size && this.#known.age >= this.#needed.age;
  }

  /** Makes the stream, or gives it larger limits. */
  async prepare(): Promise<void> {
    while (!this.isPrepared) {
      this.#preparing ??= this.#untilLost(() => this.#make()).finally(() => (this.#preparing = undefined));
      await this.#preparing;
    }
  }

  /**
   * Stores a message.
   *
   * @param last Number of the message of its subject that it shall follow; 0 for none. Left out: it follows any.
   * @returns Its number.
   */
  async publish(subject: string, payload: Uint8Array, last?: number): Promise<number> {
    const options = last === undefined ? {} : { expect: { lastSubjectSequence: last } };
    const { seq } = await this.#try(() => this.#jetstream.publish(subject, payload, options));
    return seq;
  }

  /** The last message of a subject. */
  async last(subject: string): Promise<StreamMessage | undefined> {
    try {
      const { name } = this.#settings;
      const message = await this.#try(() => this.#manager!.streams.getMessage(name, { last_by_subj: subject }));
      return message === null ? undefined : { seq: message.seq, data: message.data, time: message.time.getTime() };
    } catch (error) {
      if (codeOf(error) === NO_MESSAGE) return undefined;
      throw error;
    }
  }

  /** @param policy Whether all messages of each subject are read, or the last one. */
  read(subject: string, policy: 'all' | 'last_per_subject'): Promise<StreamPart> {
    return this.#try(() => this.#read(subject, policy));
  }

  /** Removes all messages of a subject. */
  async purge(subject: string): Promise<void> {
    await this.#try(() => this.#manager!.streams.purge(this.#settings.name, { filter: subject }));
  }

  async #try<Value>(start: () => Promise<Value>): Promise<Value> {
    try {
      return await this.#untilLost(start);
    } catch (error) {
      // The next one makes it.
      if (isMissing(error)) this.#known = undefined;
      throw error;
    }
  }

  async #read(subject: string, policy: string): Promise<StreamPart> {
    const { consumers } = this.#manager!;
    const { name: stream } = this.#settings;
    const consumer = await consumers.add(stream, {
      filter_subject: subject,
      deliver_policy: policy,
      ack_policy: 'none',
      inactive_threshold: CONSUMER_TTL * NANOSECONDS,
      mem_storage: true,
      num_replicas: 1,
    });
    const { created, name, num_pending: count } = consumer;
    const messages: StreamMessage[] = [];
    try {
      const source = await (this.#jetstream.consumers as Consumers).get(stream, name);
      while (messages.length < count) {
        const wanted = Math.min(count - messages.length, FETCH_COUNT);
        const before = messages.length;
        for await (const { data, info, seq } of await source.fetch({ max_messages: wanted, expires: FETCH_TIMEOUT })) {
          messages.push({ seq, data, time: info.timestampNanos / NANOSECONDS });
        }
        // Some are gone meanwhile.
        if (messages.length < before + wanted) break;
      }
    } finally {
      consumers.delete(stream, name).catch(() => {});
    }
    return { messages, now: Date.parse(String(created)) };
  }

  async #make(): Promise<void> {
    this.#manager ??= (await this.#jetstream.jetstreamManager(false)) as Manager;
    const { streams } = this.#manager;
    const settings = this.#settings;
    const { size, age } = { ...this.#needed };
    const limits = {
      max_msgs_per_subject: size < Infinity ? size : -1,
      max_age: age < Infinity ? Math.max(SHORTEST_AGE, Math.ceil(age)) * NANOSECONDS : 0,
    };
    let config: StreamConfig;
    try {
      ({ config } = await streams.info(settings.name));
    } catch (error) {
      if (codeOf(error) !== NO_STREAM) throw error;
      try {
        await streams.add({ ...settings, ...limits, num_replicas: 1 });
      } catch (reason) {
        // If another process has made it, look again.
        if (codeOf(reason) === STREAM_EXISTS) return;
        throw reason;
      }
      this.#known = { size, age };
      return;
    }
    this.#check(config);
    const known = {
      size: config.max_msgs_per_subject > 0 ? config.max_msgs_per_subject : Infinity,
      age: config.max_age > 0 ? config.max_age / NANOSECONDS : Infinity,
    };
    if (known.size < size || known.age < age) {
      await streams.update(settings.name, {
        ...(known.size < size && { max_msgs_per_subject: limits.max_msgs_per_subject }),
        ...(known.age < age && { max_age: limits.max_age }),
      });
    }
    this.#known = { size: Math.max(known.size, size), age: Math.max(known.age, age) };
  }

  #check({ num_replicas: replicas, republish, subjects }: StreamConfig): void {
    const { name, republish: own, subjects: ownSubjects } = this.#settings;
    if (subjects.join() !== ownSubjects.join() || republish?.src !== own?.src || republish?.dest !== own?.dest) {
      const again = own === undefined ? '' : `, republished as "${own.dest}"`;
      throw new TypeError(`The stream "${name}" is another one: it must have the subject "${ownSubjects.join()}"${again}`);
    }
    // NATS 2.9 looks at the number that a message shall follow before it has replicated the message before it, so two may follow the same one.
    if (replicas > 1)
      throw new TypeError(`The stream "${name}" must have one replica, since more of them may give two messages one offset`);
  }
}
