// The client side of `wasock.topics.v1`, over a WebSocket that connects again. Runs in browsers too.

import { guard } from '../base/guard.ts';
import { OPEN } from '../base/states.ts';
import { defer, setTimer } from '../clock.ts';
import { bytesOf, type Position } from './messages.ts';
import type { Presence } from './presence.ts';
import { isPattern } from './names.ts';
import { PatternTrie } from './trie.ts';
import { fromWire, parseObject, parsePosition, toWire, type ClientRequest, type ErrorReason } from './protocol.ts';

export { TOPICS_PROTOCOL } from './protocol.ts';
export type { Position, Presence };

/** The members of a ReconnectingWebSocket that are used. */
export interface ReconnectingLike {
  readonly readyState: number;
  send(data: string): void;
  addEventListener(
    type: 'open' | 'message' | 'close',
    listener: (event: { readonly type?: unknown; readonly data?: unknown; readonly willReconnect?: unknown }) => void,
  ): void;
}

/** A message of a topic. */
export interface ClientTopicMessage {
  /** The topic that it was published to; with a pattern, one that matches. */
  readonly topic: string;
  readonly data: string | Uint8Array<ArrayBuffer>;
  /** Its place, if the topic has a history. */
  readonly position: Position | undefined;
}

/** Options of {@link TopicClient.subscribe}. */
export interface ClientSubscribeOptions {
  /** Continues where an earlier client was. Default: from now on. */
  readonly since?: Position | undefined;
  /** Messages may be missing: they are no longer kept, or the topic has no history. */
  readonly onGap?: (() => void) | undefined;
  /** The server refuses the subscription, now or after another connection. It has ended then. One that fails at the server is tried again. */
  readonly onError?: ((error: TopicError) => void) | undefined;
}

/** The server refused a request. */
export class TopicError extends Error {
  readonly reason: ErrorReason;

  constructor(reason: ErrorReason, message: string) {
    super(message);
    this.name = 'TopicError';
    this.reason = reason;
  }
}

/** A subscription of a {@link TopicClient}. It lasts over connections. */
export interface ClientSubscription {
  readonly topic: string;
  /** Of the last message. To continue later, pass it as `since`. */
  readonly position: Position | undefined;
  /**
   * Fulfilled once the server has accepted it for the first time. Rejects with a {@link TopicError} if the server refuses, or if the subscription or the
   * ReconnectingWebSocket ends before.
   */
  readonly ready: Promise<void>;
  unsubscribe(): void;
}

class Subscription implements ClientSubscription {
  readonly topic: string;
  readonly onMessage: (message: ClientTopicMessage) => void;
  readonly options: ClientSubscribeOptions;
  position: Position | undefined;
  /** Whether it was accepted before, so that a connection without a position is a gap. */
  wasAccepted = false;
  /** Whether it was accepted on this connection. Messages of its topic before that are those of a pattern: missed messages come first. */
  isJoined = false;
  /** Missed messages come up to this one. They are not for patterns. */
  missedUntil: Position | undefined;
  readonly ready: Promise<void>;
  accept!: () => void;
  refuse!: (error: TopicError) => void;
  readonly #end: (subscription: Subscription) => void;

  constructor(
    topic: string,
    onMessage: (message: ClientTopicMessage) => void,
    options: ClientSubscribeOptions,
    end: (subscription: Subscription) => void,
  ) {
    this.topic = topic;
    this.onMessage = onMessage;
    this.options = options;
    this.position = options.since;
    this.#end = end;
    this.ready = new Promise((resolve, reject) => {
      this.accept = resolve;
      this.refuse = reject;
    });
    // A program may use onError instead.
    this.ready.catch(() => {});
  }

  unsubscribe(): void {
    this.#end(this);
  }

  /** Whatever the program does in `onMessage` and `onGap`, other subscriptions are told, too. */
  deliver(message: ClientTopicMessage): void {
    guard({ defer }, () => this.onMessage(message));
  }

  tellGap(): void {
    guard({ defer }, () => this.options.onGap?.());
  }
}

/** Milliseconds until a subscription that failed at the server is tried again. */
const RETRY_INTERVAL = 1_000;

/** Requests of which replies are awaited at a time, and UTF-16 units of them if there are several: fewer than a server lets wait. */
const MOST_SENT = 250;
const LONGEST_SENT = 1 << 20;

/** A request that waits for its reply. */
interface Pending {
  readonly onReply: (message: Record<string, unknown>) => void;
  readonly onError: (error: TopicError) => void;
}

/** Subscribes to topics of a server, and stays subscribed over connections. */
export class TopicClient {
  readonly #ws: ReconnectingLike;
  readonly #subscriptions: Map<string, Subscription> = new Map();
  /** Those of them that are patterns. */
  readonly #patterns: PatternTrie<Subscription> = new PatternTrie();
  /** By id: those that were sent, and behind them `#unsent`. */
  readonly #pending: Map<number, Pending & { readonly length: number }> = new Map();
  #unsent: string[] = [];
  /** Those of `#unsent` that have been sent meanwhile. */
  #first = 0;
  #sentLength = 0;
  #lastId = 0;
  #isOpen = false;
  /** Whether no connection follows. */
  #hasEnded = false;
  #connections = 0;

  /** @param ws A ReconnectingWebSocket that offers the subprotocol {@link TOPICS_PROTOCOL}. Its messages belong to the client. */
  constructor(ws: ReconnectingLike) {
    this.#ws = ws;
    ws.addEventListener('open', () => this.#onOpen());
    ws.addEventListener('message', ({ data }) => this.#onMessage(data));
    ws.addEventListener('close', ({ willReconnect }) => this.#onClose(willReconnect !== false));
    if (ws.readyState === OPEN) this.#onOpen();
  }

  /**
   * Subscribes to a topic or a pattern.
   *
   * After each later connection the server delivers the missed messages, if the topic has a history; if it cannot, `onGap` is called. Each
   * message comes once, in order.
   *
   * @throws {TypeError} if the topic is no string, or there is no function for messages.
   * @throws {Error} if there is a subscription to it.
   */
  subscribe(
    topic: string,
    onMessage: (message: ClientTopicMessage) => void,
    options: ClientSubscribeOptions = {},
  ): ClientSubscription {
    if (typeof topic !== 'string' || typeof onMessage !== 'function') {
      throw new TypeError('subscribe() needs a topic and a function for its messages');
    }
    if (this.#subscriptions.has(topic)) throw new Error(`There is a subscription to ${JSON.stringify(topic)} already`);
    const subscription = new Subscription(topic, onMessage, options, (ended) => this.#unsubscribe(ended));
    this.#subscriptions.set(topic, subscription);
    if (isPattern(topic)) this.#patterns.set(topic, subscription);
    if (this.#isOpen) this.#request(subscription);
    else if (this.#hasEnded) this.#end(subscription);
    return subscription;
  }

  /**
   * Publishes a message.
   *
   * @returns Its number in the history, if the topic has one. Rejects if the server refuses, if there is no connection, and if that is lost before
   *   the reply: the message may be published or not.
   * @throws {TypeError} (as a rejection) for data of another type.
   */
  async publish(topic: string, data: string | ArrayBuffer | ArrayBufferView): Promise<{ readonly offset: number | undefined }> {
    const { offset } = await this.#ask({ type: 'publish', topic, ...toWire(typeof data === 'string' ? data : bytesOf(data)) });
    return { offset: offset as number | undefined };
  }

  /**
   * The subscribers to exactly this topic or pattern, on all servers.
   *
   * @returns Rejects if the server refuses, or cannot tell, and if there is no connection or it is lost before the reply.
   */
  async presence(topic: string): Promise<Presence> {
    const { count, ids } = await this.#ask({ type: 'presence', topic });
    return { count, ids } as Presence;
  }

  /** Sends a request. @returns The reply. */
  #ask(request: ClientRequest): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      if (this.#isOpen) this.#send(request, { onReply: resolve, onError: reject });
      else reject(new TopicError('failed', 'There is no connection'));
    });
  }

  #onOpen(): void {
    this.#isOpen = true;
    this.#connections++;
    for (const subscription of this.#subscriptions.values()) this.#request(subscription);
  }

  #onClose(willReconnect: boolean): void {
    this.#isOpen = false;
    this.#hasEnded = !willReconnect;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#unsent = [];
    this.#first = this.#sentLength = 0;
    const error = new TopicError('failed', 'The connection was lost before the reply');
    for (const { onError } of pending) onError(error);
    if (this.#hasEnded) for (const subscription of this.#subscriptions.values()) this.#end(subscription);
  }

  /** No connection follows. The subscription keeps its position, for a later client. */
  #end(subscription: Subscription): void {
    subscription.refuse(new TopicError('failed', 'The connection has ended'));
  }

  #request(subscription: Subscription): void {
    const { topic, position: since, options } = subscription;
    const connection = this.#connections;
    subscription.isJoined = false;
    this.#send(
      { type: 'subscribe', topic, ...(since && { since }) },
      {
        onReply: ({ recovered, position }) => {
          if (this.#subscriptions.get(topic) !== subscription) return;
          const isGap = recovered !== true && (since !== undefined || subscription.wasAccepted);
          subscription.wasAccepted = subscription.isJoined = true;
          subscription.missedUntil = recovered === true ? parsePosition(position) : undefined;
          // Missed messages follow, each with its position.
          if (recovered !== true) subscription.position = parsePosition(position);
          subscription.accept();
          if (isGap) subscription.tellGap();
        },
        onError: (error) => {
          // A lost connection says nothing: the next one asks again.
          if (!this.#isOpen || this.#subscriptions.get(topic) !== subscription) return;
          if (error.reason === 'failed') {
            setTimer(() => this.#requestAgain(subscription, connection), RETRY_INTERVAL);
            return;
          }
          this.#forget(topic);
          subscription.refuse(error);
          guard({ defer }, () => options.onError?.(error));
        },
      },
    );
  }

  /** The server could not subscribe, for example because its bus was away. A new connection asks by itself. */
  #requestAgain(subscription: Subscription, connection: number): void {
    const isCurrent = this.#isOpen && this.#connections === connection;
    if (isCurrent && this.#subscriptions.get(subscription.topic) === subscription) this.#request(subscription);
  }

  #unsubscribe(subscription: Subscription): void {
    if (this.#subscriptions.get(subscription.topic) !== subscription) return;
    this.#forget(subscription.topic);
    subscription.refuse(new TopicError('failed', 'The subscription has ended'));
    if (this.#isOpen) this.#send({ type: 'unsubscribe', topic: subscription.topic }, { onReply() {}, onError() {} });
  }

  #forget(topic: string): void {
    this.#subscriptions.delete(topic);
    this.#patterns.delete(topic);
  }

  #send(request: ClientRequest, pending: Pending): void {
    const id = ++this.#lastId;
    const text = JSON.stringify({ ...request, id });
    this.#pending.set(id, { ...pending, length: text.length });
    this.#unsent.push(text);
    this.#sendMore();
  }

  #sendMore(): void {
    const unsent = this.#unsent;
    // A WebSocket that is closing would keep them for the next connection, where they came behind newer ones. The end answers them.
    while (this.#first < unsent.length && this.#ws.readyState === OPEN) {
      const text = unsent[this.#first];
      const sent = this.#pending.size - (unsent.length - this.#first);
      if (sent >= MOST_SENT || (sent > 0 && this.#sentLength + text.length > LONGEST_SENT)) return;
      this.#first++;
      this.#sentLength += text.length;
      this.#ws.send(text);
    }
    if (this.#first < unsent.length) return;
    this.#unsent = [];
    this.#first = 0;
  }

  #onMessage(data: unknown): void {
    const message = parseObject(data);
    if (message === undefined) return;
    const { type, id, topic } = message;
    if (type === 'message') return this.#deliver(message);
    if (type === 'gap') return this.#onGap(String(topic));
    const pending = this.#pending.get(id as number);
    if (pending === undefined) return;
    this.#pending.delete(id as number);
    this.#sentLength -= pending.length;
    this.#sendMore();
    if (type === 'error') pending.onError(new TopicError(message['reason'] as ErrorReason, String(message['message'])));
    else pending.onReply(message);
  }

  /** A gap of a topic concerns patterns that match it, too. */
  #onGap(name: string): void {
    this.#subscriptions.get(name)?.tellGap();
    if (!isPattern(name)) this.#patterns.match(name, (subscription) => subscription.tellGap());
  }

  /** A message goes to the subscription of its topic, and to patterns that match it. */
  #deliver(message: Record<string, unknown>): void {
    const topic = String(message['topic']);
    const position = parsePosition(message['position']);
    let data: string | Uint8Array<ArrayBuffer>;
    try {
      data = fromWire(message);
    } catch {
      // Not a server of ours.
      return;
    }
    const received = { topic, data, position };
    const own = this.#subscriptions.get(topic);
    let isMissed = false;
    // Without a position there is nothing that was missed.
    if (own !== undefined && (own.isJoined || position === undefined)) {
      const { position: last, missedUntil } = own;
      isMissed = position !== undefined && missedUntil?.epoch === position.epoch && position.offset <= missedUntil.offset;
      const isOld = position !== undefined && last?.epoch === position.epoch && position.offset <= last.offset;
      if (!isOld) {
        own.position = position;
        own.deliver(received);
      }
    }
    if (!isMissed) this.#patterns.match(topic, (subscription) => subscription.deliver(received));
  }
}
