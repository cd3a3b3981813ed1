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
  /** Of the last message that was delivered; undefined until it is known. */
  last: Position | undefined;
  /** Messages that came while older ones are fetched. */
  held: TopicMessage[] | null;
}

interface Queued {
  readonly topic: string;
  readonly envelope: Uint8Array;
  readonly limits: HistoryLimits | undefined;
  readonly resolve: (position: Position | undefined) => void;
  readonly reject: (error: Error) => void;
}

export class BusLink implements PresenceSource {
  readonly #bus: Bus;
  readonly #id: string;
  readonly #events: LinkEvents;
  readonly #maxQueued: number;
  readonly #subscriptions: Map<string, Subscription> = new Map();
  /** The first one may be under way. */
  readonly #queue: Queued[] = [];
  #queuedBytes = 0;
  #isConnected = false;
  #isAway = false;
  #isFlushing = false;
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
    this.ready = bus.connect(id, {
      deliver: (topic, envelope, position) => this.#receive(topic, envelope, position),
      onLost: (error) => {
        this.#isAway = true;
        this.#losses++;
        // The bus may bring newer messages before it reports that all subscriptions are back.
        for (const subscription of this.#subscriptions.values()) subscription.held ??= [];
        events.onError(error);
      },
      onRestored: () => void this.#restore(),
    });
    // The program may not look at it: then subscribing and publishing tell.
    this.ready.then(
      () => (this.#isConnected = true),
      (error: unknown) => events.onError(toError(error)),
    );
    this.presence = bus.presence && new PresenceAnnouncer(bus.presence, this);
  }

  /** Publishes, or queues while the bus is away. */
  async publish(topic: string, data: string | Uint8Array, limits: HistoryLimits | undefined): Promise<Position | undefined> {
    const envelope = encodeEnvelope(this.#id, data);
    await this.ready;
    // Also while older ones are on their way, so that none overtakes them.
    if ((this.#isAway && this.#maxQueued > 0) || this.#queue.length > 0) return this.#enqueue(topic, envelope, limits);
    return this.#bus.publish(topic, envelope, limits);
  }

  /** Fulfilled once no later message of `name` is missed. */
  subscribe(name: string): Promise<void> {
    let subscription = this.#subscriptions.get(name);
    if (subscription === undefined) {
      subscription = { done: this.ready, isWanted: false, last: undefined, held: null };
      this.#subscriptions.set(name, subscription);
    }
    if (!subscription.isWanted) {
      subscription.isWanted = true;
      const step = subscription.done.then(() => this.#bus.subscribe(name));
      subscription.done = step;
      step.catch(() => this.#subscriptions.get(name) === subscription && this.#subscriptions.delete(name));
    }
    return subscription.done;
  }

  unsubscribe(name: string): void {
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined || !subscription.isWanted) return;
    subscription.isWanted = false;
    const step = subscription.done.then(() => (subscription.isWanted ? undefined : this.#bus.unsubscribe(name)));
    subscription.done = step.catch((error: unknown) => this.#events.onError(toError(error)));
    void subscription.done.then(() => {
      if (!subscription.isWanted) this.#subscriptions.delete(name);
    });
  }

  /** The messages of the bus's history since a position. */
  async recover(topic: string, since: Position | undefined, limits: HistoryLimits): Promise<Recovery> {
    const { envelopes, position } = await this.#bus.history!(topic, since, limits);
    const subscription = this.#subscriptions.get(topic);
    if (subscription !== undefined) subscription.last ??= position;
    const messages = envelopes?.map(({ envelope, position: at }) => ({
      topic,
      data: decodeEnvelope(envelope).data,
      position: at,
    }));
    return { messages, position };
  }

  /** Whether the bus may still bring messages up to `position` as new ones. */
  isBehind(topic: string, position: Position): boolean {
    const last = this.#subscriptions.get(topic)?.last;
    return last !== undefined && isAfter(position, last);
  }

  get isAway(): boolean {
    return this.#isAway || !this.#isConnected;
  }

  idsOf(name: string): readonly string[] {
    return this.#events.idsOf(name);
  }

  onError(error: Error): void {
    this.#events.onError(error);
  }

  async close(): Promise<void> {
    for (const { reject } of this.#queue.splice(0)) reject(new Error('The topics are closed'));
    this.#subscriptions.clear();
    await this.presence?.close();
    await this.#bus.close();
  }

  #receive(topic: string, envelope: Uint8Array, position: Position | undefined): void {
    let message: TopicMessage;
    try {
      const { sender, data } = decodeEnvelope(envelope);
      // Without a history, its subscribers here have got it from publish().
      if (position === undefined && sender === this.#id) return;
      message = { topic, data, position };
    } catch (error) {
      return this.#events.onError(toError(error));
    }
    this.#pass(this.#subscriptions.get(topic), message);
  }

  /** Passes a message on, unless it was passed on before. If messages before it are missing, it waits for them. */
  #pass(subscription: Subscription | undefined, message: TopicMessage): void {
    if (subscription?.held) return void subscription.held.push(message);
    const { topic, position } = message;
    if (subscription !== undefined && position !== undefined) {
      const { last } = subscription;
      if (last !== undefined && !isAfter(position, last)) return;
      if (last?.epoch === position.epoch && position.offset > last.offset + 1) {
        subscription.held = [message];
        return void this.#catchUp(topic, subscription, this.#losses);
      }
      if (last !== undefined && last.epoch !== position.epoch) this.#events.onGap(topic);
      subscription.last = position;
    }
    this.#events.onMessage(message);
  }

  /** The bus is back: fetches what was missed, and publishes what waits. */
  async #restore(): Promise<void> {
    this.#isAway = false;
    this.presence?.restore();
    const steps: Promise<void>[] = [];
    for (const [name, subscription] of this.#subscriptions) {
      if (subscription.isWanted) steps.push(this.#catchUp(name, subscription, this.#losses));
      else subscription.held = null;
    }
    await Promise.all(steps);
    await this.#flush();
  }

  /**
   * Fetches the messages since the last one, and then releases those that were held meanwhile.
   *
   * @param losses As many as when it began: if there are more now, the next time that the bus is restored goes on, from the same position.
   * @param failures How often it has failed since.
   */
  async #catchUp(name: string, subscription: Subscription, losses: number, failures: number = 0): Promise<void> {
    if (this.#subscriptions.get(name) !== subscription) return;
    subscription.held ??= [];
    const limits = isPattern(name) ? undefined : this.#events.historyOf(name);
    const { last } = subscription;
    let recovery: Recovery | undefined;
    try {
      if (limits !== undefined && last !== undefined) recovery = await this.recover(name, last, limits);
    } catch (error) {
      this.#events.onError(toError(error));
      if (this.#losses !== losses) return;
      if (failures + 1 < MOST_CATCH_UPS) {
        // From the same position.
        setTimer(() => void this.#catchUp(name, subscription, losses, failures + 1), CATCH_UP_INTERVAL);
        return;
      }
    }
    if (this.#losses !== losses) return;
    const held = subscription.held ?? [];
    subscription.held = null;
    if (recovery?.messages === undefined) {
      subscription.last = recovery?.position;
      this.#events.onGap(name);
    }
    for (const message of recovery?.messages ?? []) this.#pass(subscription, message);
    for (const message of held) this.#pass(subscription, message);
  }

  #enqueue(topic: string, envelope: Uint8Array, limits: HistoryLimits | undefined): Promise<Position | undefined> {
    if (this.#queuedBytes + envelope.length > this.#maxQueued) {
      return Promise.reject(new Error('The bus is away, and the queue is full'));
    }
    this.#queuedBytes += envelope.length;
    return new Promise((resolve, reject) => this.#queue.push({ topic, envelope, limits, resolve, reject }));
  }

  /** In order, so the next one waits for this one. */
  async #flush(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    while (!this.#isAway && this.#queue.length > 0) {
      const [next] = this.#queue;
      const { topic, envelope, limits, resolve, reject } = next;
      await this.#bus.publish(topic, envelope, limits).then(resolve, (error: unknown) => reject(toError(error)));
      // close() may have emptied it.
      if (this.#queue[0] === next) this.#queue.shift();
      this.#queuedBytes -= envelope.length;
    }
    this.#isFlushing = false;
  }
}
