// The way of messages to a bus and from it: subscriptions in order, messages that wait while the bus is away, and those that were missed.

import { toError } from '../base/realms.ts';
import { setTimer } from '../clock.ts';
import { decodeEnvelope, encodeEnvelope, type Bus } from './bus.ts';
import type { HistoryLimits } from './history.ts';
import { isAfter, type Position, type Recovery, type TopicMessage } from './messages.ts';
import { isPattern } from './names.ts';
import { PresenceAnnouncer, type PresenceSource } from './presence.ts';

/** Milliseconds until messages that could not be fetched are asked for again. */
const CATCH_UP_INTERVAL = 1000;
/** Times that they are asked for. Then there is a gap, since newer messages wait in memory meanwhile. */
const MOST_CATCH_UPS = 5;
/** Bytes of messages of all topics that wait for older ones, text by its UTF-16 units. Then the one that grows has a gap: a history may never reply. */
const MOST_HELD = 64 << 20;
/** Bytes of messages that may wait until the bus is connected for the first time, if "maxQueued" is less. */
const MOST_EARLY = 1 << 20;
/** The cost of a message in addition. */
const MESSAGE_COST = 64;

/** Where a link reports. */
export interface LinkEvents {
  /** A message for the subscribers in this process. In order, and once. */
  onMessage(message: TopicMessage): void;
  /** Messages of `name` may be missing. */
  onGap(name: string): void;
  onError(error: Error): void;
  historyOf(topic: string): HistoryLimits | undefined;
  /** The subscribers of `name` in this process. */
  idsOf(name: string): readonly string[];
}

/** A name that the bus is subscribed to. */
interface Subscription {
  /** Settled once the last step is done: steps of a name follow each other. */
  done: Promise<void>;
  isWanted: boolean;
  /** Whether the bus has it: two steps of a turn may undo each other. */
  isOn: boolean;
  /** Of the last message that was delivered; undefined until it is known. */
  last: Position | undefined;
  /**
   * Whether `last` is that of a history that was read: the bus may bring messages up to it later, which subscribers to patterns, and those who read the
   * history before, do not have.
   */
  isRead: boolean;
  /** Messages that came while older ones are fetched. */
  held: TopicMessage[] | null;
  /** Number of the last time that messages were fetched, or were given up. */
  run: number;
}

interface Queued {
  readonly topic: string;
  readonly envelope: Uint8Array;
  readonly limits: HistoryLimits | undefined;
  readonly resolve: (position: Position | undefined) => void;
  readonly reject: (error: Error) => void;
}

function costOf({ data }: TopicMessage): number {
  return data.length + MESSAGE_COST;
}

export class BusLink implements PresenceSource {
  readonly #bus: Bus;
  readonly #id: string;
  readonly #events: LinkEvents;
  readonly #maxQueued: number;
  readonly #subscriptions: Map<string, Subscription> = new Map();
  /** Until the bus is connected, and while it is away. */
  readonly #queue: Queued[] = [];
  #queuedBytes = 0;
  /** Of messages that are held. */
  #heldBytes = 0;
  #isConnected = false;
  #isAway = false;
  #isClosed = false;
  /** Reject replies of the bus that are awaited. */
  readonly #pending: Set<(error: Error) => void> = new Set();
  /** Ends the wait for a bus that is not connected yet. */
  #end!: (error: Error) => void;
  /** Why the bus could not be connected. */
  #failure: Error | undefined;
  /** How often the bus went away. */
  #losses = 0;
  readonly ready: Promise<void>;
  /** Undefined if the bus has no presence. */
  readonly presence: PresenceAnnouncer | undefined;

  constructor(bus: Bus, id: string, maxQueued: number, events: LinkEvents) {
    this.#bus = bus;
    this.#id = id;
    this.#maxQueued = maxQueued;
    this.#events = events;
    const closed = new Promise<never>((_, reject) => (this.#end = reject));
    const connected = bus.connect(id, {
      deliver: (topic, envelope, position) => this.#receive(topic, envelope, position),
      onLost: (error) => {
        this.#isAway = true;
        this.#losses++;
        // The bus may bring newer messages before it reports that all subscriptions are back.
        for (const subscription of this.#subscriptions.values()) subscription.held ??= [];
        this.onError(error);
      },
      onRestored: () => this.#restore(),
    });
    this.ready = Promise.race([connected, closed]);
    // The program may not look at it: then subscribing and publishing tell.
    this.ready.then(
      () => {
        this.#isConnected = true;
        this.#flush();
      },
      (error: unknown) => {
        this.#failure = toError(error);
        for (const { reject } of this.#takeQueue()) reject(this.#failure);
        this.onError(this.#failure);
      },
    );
    this.presence = bus.presence && new PresenceAnnouncer(bus.presence, this);
  }

  /** Publishes, or queues while the bus is away. */
  async publish(
    topic: string,
    data: string | Uint8Array,
    limits: HistoryLimits | undefined,
    except?: string,
  ): Promise<Position | undefined> {
    const envelope = encodeEnvelope(this.#id, data, except);
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#isConnected || (this.#isAway && this.#maxQueued > 0)) return this.#enqueue(topic, envelope, limits);
    return this.#bus.publish(topic, envelope, limits);
  }

  /** Fulfilled once no later message of `name` is missed. */
  subscribe(name: string): Promise<void> {
    let subscription = this.#subscriptions.get(name);
    if (subscription === undefined) {
      subscription = { done: this.ready, isWanted: false, isOn: false, last: undefined, isRead: false, held: null, run: 0 };
      this.#subscriptions.set(name, subscription);
    }
    if (!subscription.isWanted) {
      subscription.isWanted = true;
      const current = subscription;
      const step = current.done.then(async () => {
        if (current.isOn) return;
        await this.#untilClosed(this.#bus.subscribe(name));
        current.isOn = true;
      });
      current.done = step;
      // Unless another step follows.
      step.catch(() => current.done === step && this.#forget(name, current));
    }
    return subscription.done;
  }

  unsubscribe(name: string): void {
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined || !subscription.isWanted) return;
    subscription.isWanted = false;
    const step = subscription.done.then(() => {
      if (subscription.isWanted || !subscription.isOn) return undefined;
      subscription.isOn = false;
      return this.#untilClosed(this.#bus.unsubscribe(name));
    });
    subscription.done = step.catch((error: unknown) => this.onError(toError(error)));
    void subscription.done.then(() => {
      if (!subscription.isWanted) this.#forget(name, subscription);
    });
  }

  /** The messages of the bus's history since a position. */
  async recover(topic: string, since: Position | undefined, limits: HistoryLimits): Promise<Recovery> {
    const { envelopes, position } = await this.#untilClosed(this.#bus.history!(topic, since, limits));
    const subscription = this.#subscriptions.get(topic);
    if (subscription !== undefined && subscription.last === undefined) {
      subscription.last = position;
      subscription.isRead = true;
    }
    const messages = envelopes?.map(({ envelope, position: at }) => ({
      topic,
      ...decodeEnvelope(envelope),
      position: at,
    }));
    return { messages, position };
  }

  /** Whether the bus may still bring messages up to `position` as new ones. */
  isBehind(topic: string, position: Position): boolean {
    const subscription = this.#subscriptions.get(topic);
    return subscription?.last !== undefined && (subscription.isRead || isAfter(position, subscription.last));
  }

  get isAway(): boolean {
    return this.#isAway || !this.#isConnected;
  }

  idsOf(name: string): readonly string[] {
    return this.#events.idsOf(name);
  }

  onError(error: Error): void {
    if (!this.#isClosed) this.#events.onError(error);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const error = new Error('The topics are closed');
    this.#end(error);
    for (const { reject } of this.#takeQueue()) reject(error);
    this.#subscriptions.clear();
    await this.presence?.close();
    try {
      await this.#bus.close();
    } finally {
      for (const reject of this.#pending) reject(error);
    }
  }

  /** Settles as `reply` does. Rejects if the bus is closed before: clients keep some commands until their engine is back. */
  #untilClosed<Value>(reply: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      reply.then(resolve, reject).finally(() => this.#pending.delete(reject));
    });
  }

  #receive(topic: string, envelope: Uint8Array, position: Position | undefined): void {
    let message: TopicMessage;
    try {
      const { sender, data, except } = decodeEnvelope(envelope);
      // Without a history, its subscribers here have got it from publish().
      if (position === undefined && sender === this.#id) return;
      if (position !== undefined && !Number.isSafeInteger(position.offset)) {
        throw new TypeError('The bus brought a message without a number');
      }
      message = { topic, data, position, except };
    } catch (error) {
      return this.onError(toError(error));
    }
    this.#pass(this.#subscriptions.get(topic), message);
  }

  /** Passes a message on, unless it was passed on before. If messages before it are missing, it waits for them. */
  #pass(subscription: Subscription | undefined, message: TopicMessage): void {
    if (subscription?.held) return this.#hold(subscription, subscription.held, message);
    const { topic, position } = message;
    if (subscription !== undefined && position !== undefined) {
      const { last } = subscription;
      const isNew = last === undefined || isAfter(position, last);
      if (!isNew && !subscription.isRead) return;
      // Of another epoch, whose history may go on from the last one: then it knows.
      if (last !== undefined && (last.epoch !== position.epoch || position.offset > last.offset + 1)) {
        subscription.held = [];
        this.#hold(subscription, subscription.held, message);
        return void this.#catchUp(topic, subscription, this.#losses);
      }
      if (isNew) {
        subscription.last = position;
        subscription.isRead = false;
      }
    }
    this.#events.onMessage(message);
  }

  /** Keeps a message until older ones are there. If too many wait, those are given up. */
  #hold(subscription: Subscription, held: TopicMessage[], message: TopicMessage): void {
    held.push(message);
    this.#heldBytes += costOf(message);
    if (this.#heldBytes <= MOST_HELD) return;
    subscription.run++;
    subscription.last = undefined;
    this.#events.onGap(message.topic);
    for (const one of this.#takeHeld(subscription)) this.#pass(subscription, one);
  }

  #takeHeld(subscription: Subscription): TopicMessage[] {
    const held = subscription.held ?? [];
    subscription.held = null;
    for (const message of held) this.#heldBytes -= costOf(message);
    return held;
  }

  #forget(name: string, subscription: Subscription): void {
    this.#takeHeld(subscription);
    if (this.#subscriptions.get(name) === subscription) this.#subscriptions.delete(name);
  }

  /** The bus is back: fetches the missed messages, and publishes the waiting ones. */
  #restore(): void {
    this.#isAway = false;
    this.presence?.restore();
    for (const [name, subscription] of this.#subscriptions) {
      if (subscription.isWanted) void this.#catchUp(name, subscription, this.#losses);
      else this.#takeHeld(subscription);
    }
    // This does not wait for missed messages. They may take long, and newer ones are held.
    this.#flush();
  }

  /**
   * Fetches the messages since the last one, and then releases those that were held meanwhile.
   *
   * @param losses As many as when it began: if there are more now, the next time that the bus is restored goes on, from the same position.
   * @param failures How often it has failed since.
   */
  async #catchUp(name: string, subscription: Subscription, losses: number, failures: number = 0): Promise<void> {
    if (this.#subscriptions.get(name) !== subscription) return;
    const run = ++subscription.run;
    subscription.held ??= [];
    const [shown] = subscription.held;
    const { last } = subscription;
    let recovery: Recovery | undefined;
    try {
      const limits = isPattern(name) ? undefined : this.#events.historyOf(name);
      if (limits !== undefined && last !== undefined) recovery = await this.recover(name, last, limits);
    } catch (error) {
      this.onError(toError(error));
      if (this.#losses !== losses || subscription.run !== run) return;
      if (failures + 1 < MOST_CATCH_UPS) {
        // From the same position.
        setTimer(() => {
          if (subscription.run === run) void this.#catchUp(name, subscription, losses, failures + 1);
        }, CATCH_UP_INTERVAL);
        return;
      }
    }
    if (this.#losses !== losses || subscription.run !== run) return;
    const held = this.#takeHeld(subscription);
    const at = recovery?.position;
    const missed = recovery?.messages;
    if (missed !== undefined && shown?.position !== undefined && isAfter(shown.position, at!)) {
      // It came before the history was read, which does not know it: asking again would not end.
      held.shift();
      this.onError(new Error(`The bus brought a message of ${name} that its history does not have`));
      this.#events.onGap(name);
    }
    if (missed === undefined) {
      // Of another epoch, the messages that wait are the first ones: none of them was delivered.
      const isOther = shown?.position !== undefined && shown.position.epoch !== last?.epoch;
      subscription.last = isOther ? undefined : at;
      subscription.isRead = false;
      this.#events.onGap(name);
    } else {
      // They may be of another epoch, which goes on from there.
      subscription.last = { epoch: at!.epoch, offset: last!.offset };
      for (const message of missed) this.#pass(subscription, message);
    }
    for (const message of held) this.#pass(subscription, message);
  }

  #enqueue(topic: string, envelope: Uint8Array, limits: HistoryLimits | undefined): Promise<Position | undefined> {
    const room = this.#isConnected ? this.#maxQueued : Math.max(this.#maxQueued, MOST_EARLY);
    if (this.#queuedBytes + envelope.length > room) {
      const advice = this.#isConnected ? 'give "maxQueued" more room' : 'wait for "ready", or give "maxQueued" more room';
      const state = this.#isConnected ? 'is away' : 'is not connected yet';
      return Promise.reject(new Error(`The bus ${state}, and the queue is full: it has room for ${room} bytes; ${advice}`));
    }
    this.#queuedBytes += envelope.length;
    return new Promise((resolve, reject) => this.#queue.push({ topic, envelope, limits, resolve, reject }));
  }

  #takeQueue(): Queued[] {
    this.#queuedBytes = 0;
    return this.#queue.splice(0);
  }

  /** A bus keeps the order of calls. One after the other would take a round trip each, and newer ones would fill the queue meanwhile. */
  #flush(): void {
    if (this.#isAway || !this.#isConnected) return;
    for (const { topic, envelope, limits, resolve, reject } of this.#takeQueue()) {
      this.#bus.publish(topic, envelope, limits).then(resolve, (error: unknown) => reject(toError(error)));
    }
  }
}
