// Topics: which WebSocket gets which messages, in this process and, over a bus, in others.

import { TypedEmitter } from '../api/ws/emitter.ts';
import { guard } from '../base/guard.ts';
import { checkFlag, ownOptions } from '../base/options.ts';
import { toError } from '../base/realms.ts';
import { clearTimer, defer, setTimer, type Timer } from '../clock.ts';
import { BusLink } from './bus-link.ts';
import { History, usableLimits, type HistoryLimits } from './history.ts';
import { randomId } from './ids.ts';
import {
  deliver,
  deliverTo,
  Held,
  Member,
  plain,
  type Counts,
  type Encoder,
  type MemberOwner,
  type SlowPolicy,
  type TopicSocket,
} from './member.ts';
import { bytesOf, isAfter, type Position, type Recovery, type TopicMessage } from './messages.ts';
import { checkName, checkTopic, isPattern } from './names.ts';
import {
  checkHistory,
  checkPolicy,
  checkPresence,
  checkSince,
  readTopicsOptions,
  type ReadOptions,
  type TopicsOptions,
} from './options.ts';
import type { Presence, PresenceLimits } from './presence.ts';
import { refusal } from './protocol.ts';
import { Subscribers } from './subscribers.ts';
import { PatternTrie } from './trie.ts';
import { decodeUtf8 } from './utf8.ts';

/** Options of {@link Topics.subscribe}. */
export interface SubscribeOptions {
  /** The last position that the subscriber knows. Later messages are delivered first, if all of them are kept. Not for patterns. */
  readonly since?: Position | undefined;
}

/** A subscription. */
export interface Subscribed {
  /** Whether all messages since `since` have been delivered. False without `since`. */
  readonly recovered: boolean;
  /** The position of the last message, if the topic has a history. */
  readonly position: Position | undefined;
}

/** Options of {@link Topics.publish}. */
export interface PublishOptions {
  /** Whether the message is binary. Default: everything but text is. */
  readonly binary?: boolean | undefined;
  /** Whether connections with permessage-deflate may compress it. Default true. */
  readonly compress?: boolean | undefined;
  /** A socket of this process that does not get it: the one that it came from. A later one of the same client may get it from the history. */
  readonly except?: TopicSocket | undefined;
}

/** A message was published. */
export interface Published {
  /** Subscribers in this process. */
  readonly local: number;
  /** Number of the message in the history of its topic, if it has one. */
  readonly offset: number | undefined;
}

/** The events of {@link Topics}. */
export interface TopicsEvents {
  /** A topic or a pattern has its first subscriber in this process. */
  subscribed: [name: string];
  /** It has none any more. */
  unsubscribed: [name: string];
  /** Messages of this topic or pattern may be missing: the bus was away, and nothing is kept. */
  gap: [name: string];
  /** The bus failed. If nothing listens, the error is ignored: the bus comes back, or publishing rejects. */
  busError: [error: Error];
}

const NO_OPTIONS: PublishOptions = {};
/** Least and most milliseconds between two looks for messages and histories that are not needed any more. */
const SWEEP_INTERVALS = [1_000, 60_000] as const;

type OnJoined = (subscribed: Subscribed) => void;

/** Tells how a subscription has begun, and then sends the missed messages. */
function passOn(member: Member, name: string, recovery: Recovery | undefined, onJoined: OnJoined): Subscribed {
  const subscribed = { recovered: recovery?.messages !== undefined, position: recovery?.position };
  onJoined(subscribed);
  if (recovery?.messages === undefined) return subscribed;
  // They include the ones that wait for a slow socket.
  member.forget(name);
  for (const message of recovery.messages) member.send(message);
  return subscribed;
}

/** Text, or a copy of the bytes. @throws {TypeError} for anything else. */
function ownData(data: unknown, binary: boolean | undefined): string | Uint8Array {
  if (typeof data === 'string' && binary !== true) return data;
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : bytesOf(data).slice();
  return binary === false ? decodeUtf8(bytes) : bytes;
}

/**
 * Topics of WebSockets.
 *
 * Sockets of every class work: ws-style, W3C, and a runtime's own. A socket that closes leaves all its topics at once.
 */
export class Topics extends TypedEmitter<TopicsEvents> {
  readonly #options: ReadOptions;
  /** Drawn when it is needed: a worker may not draw random numbers while its modules are loaded. */
  #id: string | undefined;
  /** Topics that have subscribers, or a history. */
  readonly #topics: Map<string, Subscribers> = new Map();
  readonly #patterns: PatternTrie<Subscribers> = new PatternTrie();
  readonly #members: WeakMap<object, Member> = new WeakMap();
  readonly #counts: Counts = { delivered: 0, dropped: 0, conflated: 0 };
  readonly #owner: MemberOwner;
  readonly #link: BusLink | null;
  #sweep: Timer | undefined;
  /** Subscriptions so far. */
  #lastNumber = 0;
  /** Histories that were forgotten. A later one of the same topic numbers from 1 again, so its epoch must be another. */
  #forgotten = 0;
  #isClosed = false;

  /**
   * @throws {TypeError | RangeError} for an invalid option.
   */
  constructor(options?: TopicsOptions) {
    super();
    const given = readTopicsOptions(options);
    const { bus, maxQueued } = given;
    this.#options = given;
    const { maxLag } = given;
    this.#owner = { counts: this.#counts, maxLag, gets: (member, topic) => this.#gets(member, topic) };
    this.#link = bus === undefined ? null : new BusLink(bus, randomId(), maxQueued, this.#receiver());
  }

  /** Fulfilled once the bus is connected. Rejects if it cannot. Fulfilled at once without a bus. */
  get ready(): Promise<void> {
    return this.#link?.ready ?? Promise.resolve();
  }

  /** Numbers of messages, by subscriber, since the start. */
  get counts(): Readonly<Counts> {
    return { ...this.#counts };
  }

  /** Number of topics that have subscribers or a history, and of patterns. */
  get size(): number {
    return this.#topics.size + this.#patterns.size;
  }

  /**
   * Subscribes a socket to a topic or a pattern. It gets messages from now on; the promise tells about the past, and the bus.
   *
   * Messages that were missed since `since` are delivered in order and before any newer one, or not at all: `recovered` says which.
   *
   * @throws {TypeError} (as a rejection, like the others) for an invalid name, or `since` with a pattern.
   * @throws {RangeError} if the socket has too many subscriptions, or a pattern too many tokens.
   * @throws {Error} if the socket is closed, or the bus cannot subscribe.
   */
  async subscribe(socket: TopicSocket, name: string, options?: SubscribeOptions): Promise<Subscribed> {
    return this.join(this.memberOf(socket, plain), name, options);
  }

  /** Ends a subscription. Returns whether there was one. */
  unsubscribe(socket: TopicSocket, name: string): boolean {
    const member = this.#members.get(socket);
    if (member === undefined || !member.names.delete(name)) return false;
    this.#leave(member, name);
    return true;
  }

  /** The topics and patterns of a socket. */
  of(socket: TopicSocket): string[] {
    return [...(this.#members.get(socket)?.names.keys() ?? [])];
  }

  isSubscribed(socket: TopicSocket, name: string): boolean {
    return this.#members.get(socket)?.names.has(name) ?? false;
  }

  /** The sockets of this process that are subscribed to exactly this topic or pattern. */
  subscribers(name: string): TopicSocket[] {
    return this.#listOf(name).map(({ socket }) => socket);
  }

  /**
   * The subscribers to exactly this topic or pattern, in all processes. Those of a process that died are there until the `ttl` of the option `presence` is over.
   *
   * @throws {TypeError} (as a rejection) for an invalid name; with a bus, if that has no presence, or the option `presence` leaves the topic out.
   * @throws {Error} (as a rejection) if the bus is away.
   */
  async presence(name: string): Promise<Presence> {
    checkName(name);
    if (this.#isClosed) throw new Error('The topics are closed');
    const link = this.#link;
    if (link !== null && link.presence === undefined) {
      const text = 'This bus does not tell who is subscribed in other processes: subscribers() has the sockets of this one';
      throw refusal('invalid', new TypeError(text));
    }
    if (link !== null && this.#presenceOf(name) === undefined) {
      const text = 'presence() over a bus needs the "presence" option: subscribers() has the sockets of this process';
      throw refusal('invalid', new TypeError(text));
    }
    const others = (await link?.presence?.others(name)) ?? [];
    const ids = [...this.#idsOf(name), ...others];
    return { count: ids.length, ids };
  }

  /**
   * Publishes a message to the subscribers of a topic, and of patterns that match it. Without a bus the sockets have it when this returns.
   *
   * @param data Text or bytes, which are copied.
   * @throws {TypeError} (as a rejection, like the others) for an invalid topic, or data of another type.
   * @throws {Error} if the bus is away, and `maxQueued` has no room.
   */
  publish(topic: string, data: string | ArrayBuffer | ArrayBufferView, options?: PublishOptions): Promise<Published> {
    // Not an async function: its state is garbage that pushes topics out of the caches of the processor.
    try {
      return this.#publish(topic, data, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #publish(topic: string, data: string | ArrayBuffer | ArrayBufferView, options?: PublishOptions): Promise<Published> {
    // The names of these were checked.
    const known = this.#topics.get(topic);
    if (known === undefined) checkTopic(topic);
    const { binary, compress, except } = options === undefined ? NO_OPTIONS : ownOptions(options);
    if (compress !== undefined) checkFlag('compress', compress);
    if (this.#isClosed) throw new Error('The topics are closed');
    const own = ownData(data, binary);
    const limits = this.#historyOf(topic);
    const link = this.#link;
    if (link !== null && limits !== undefined) return this.#publishKept(link, topic, own, limits, except);
    const target = limits === undefined ? known : this.#topicOf(topic);
    const message = target?.history?.add(topic, own) ?? { topic, data: own, position: undefined };
    const local = this.#fanOut(message, target, except, compress);
    const published = { local, offset: message.position?.offset };
    return link === null ? Promise.resolve(published) : after(link.publish(topic, own, undefined), published);
  }

  async #publishKept(
    link: BusLink,
    topic: string,
    data: string | Uint8Array,
    limits: HistoryLimits,
    except: TopicSocket | undefined,
  ): Promise<Published> {
    const left = except && this.#members.get(except);
    const local = this.#receivers(topic).filter((member) => member !== left).length;
    const position = await link.publish(topic, data, limits, left?.id);
    return { local, offset: position?.offset };
  }

  /** Ends all subscriptions, and closes the bus. The sockets stay open. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimer(this.#sweep);
    // First, so that the bus is not asked to unsubscribe from each name.
    const closed = this.#link?.close();
    const members = new Set<Member>();
    for (const subscribers of [...this.#topics.values(), ...this.#patterns.values()]) {
      for (const member of subscribers.list()) members.add(member);
    }
    for (const member of members) this.#forget(member);
    this.#topics.clear();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Subscribes with an encoder of its own: for protocols over topics.
   *
   * @internal
   * @param onJoined Called before messages that were missed are delivered.
   */
  async join(member: Member, name: string, options?: SubscribeOptions, onJoined: OnJoined = () => {}): Promise<Subscribed> {
    checkName(name);
    const { since } = ownOptions(options);
    if (since !== undefined) checkSince(name, since);
    if (this.#isClosed) throw new Error('The topics are closed');
    if (member.socket.readyState > 1) throw new Error('The WebSocket is closed');
    const { maxSubscriptions } = this.#options;
    if (!member.names.has(name) && maxSubscriptions > 0 && member.names.size >= maxSubscriptions) {
      throw refusal('limit', new RangeError(`A WebSocket may have at most ${maxSubscriptions} subscriptions`));
    }
    if (member.held?.get(name) instanceof Held) throw new Error(`A subscription to ${name} is under way`);
    const limits = isPattern(name) ? undefined : this.#historyOf(name);
    this.#enter(member, name);
    const link = this.#link;
    if (link !== null) return this.#joinWithBus(link, member, name, { since, limits, onJoined });
    const recovery = limits && this.#recoverHere(name, since);
    return passOn(member, name, recovery, onJoined);
  }

  /** Keeps newer messages back until those of the bus's history are there. */
  async #joinWithBus(
    link: BusLink,
    member: Member,
    name: string,
    { since, limits, onJoined }: { since: Position | undefined; limits: HistoryLimits | undefined; onJoined: OnJoined },
  ): Promise<Subscribed> {
    const held = new Held();
    const number = member.names.get(name);
    if (limits !== undefined) (member.held ??= new Map()).set(name, held);
    let recovery: Recovery | undefined;
    try {
      const joined = link.subscribe(name).then(() => limits && link.recover(name, since, limits));
      recovery = await Promise.race([joined, held.full]);
    } catch (error) {
      if (member.names.get(name) === number && member.names.delete(name)) this.#leave(member, name);
      // One of its patterns may match.
      if (this.#gets(member, name)) for (const message of held.messages) member.send(message);
      throw error;
    }
    // It may have been unsubscribed meanwhile, and subscribed again.
    if (member.names.get(name) !== number) return { recovered: false, position: recovery?.position };
    const subscribed = passOn(member, name, recovery, onJoined);
    if (recovery === undefined) return subscribed;
    const { position } = recovery;
    // Messages up to the position are among the missed ones. If nothing was sent, a pattern of the socket still gets them.
    const isSent = recovery.messages !== undefined || !this.#matches(member, name);
    if (isSent && link.isBehind(name, position)) member.held!.set(name, position);
    else member.held!.delete(name);
    for (const message of held.messages) if (!isSent || isAfter(message.position, position)) member.send(message);
    return subscribed;
  }

  #recoverHere(name: string, since: Position | undefined): Recovery | undefined {
    const history = this.#topicOf(name).history!;
    return since === undefined ? { messages: undefined, position: history.position } : history.recover(since);
  }

  /**
   * The member for a socket, made if there is none.
   *
   * @internal
   * @throws {TypeError} if it has another encoder, or cannot be a member.
   */
  memberOf(socket: TopicSocket, encode: Encoder): Member {
    const known = this.#members.get(socket);
    if (known !== undefined) {
      if (known.encode !== encode)
        throw new TypeError('The WebSocket has subscriptions of another kind: use either serve() or subscribe()');
      return known;
    }
    if (typeof (socket as Partial<TopicSocket>).addEventListener !== 'function') {
      throw new TypeError('Topics need a WebSocket with addEventListener(): on Bun, that of upgrade() of "wasock/bun"');
    }
    const member = new Member(socket, encode, this.#owner);
    this.#members.set(socket, member);
    socket.addEventListener('close', () => this.#forget(member));
    return member;
  }

  #forget(member: Member): void {
    const names = [...member.names.keys()];
    member.names.clear();
    // Whatever the program does when one ends, the others end too.
    for (const name of names) guard({ defer }, () => this.#leave(member, name));
  }

  #enter(member: Member, name: string): void {
    if (member.names.has(name)) return;
    member.names.set(name, ++this.#lastNumber);
    const set = isPattern(name) ? this.#patternOf(name) : this.#topicOf(name);
    set.add(member);
    this.#announce(name);
    // If a listener throws, the subscription goes on.
    if (set.size === 1) guard({ defer }, () => this.emit('subscribed', name));
  }

  #leave(member: Member, name: string): void {
    const set = this.#find(name);
    set?.delete(member);
    member.forget(name);
    const isEmpty = !set?.size;
    if (isEmpty) {
      if (isPattern(name)) this.#patterns.delete(name);
      else if (!set?.history?.position.offset) this.#topics.delete(name);
      this.#link?.unsubscribe(name);
    }
    // Functions of the program come last.
    this.#announce(name);
    if (isEmpty) guard({ defer }, () => this.emit('unsubscribed', name));
  }

  #find(name: string): Subscribers | undefined {
    return isPattern(name) ? this.#patterns.get(name) : this.#topics.get(name);
  }

  #listOf(name: string): Member[] {
    return this.#find(name)?.list() ?? [];
  }

  /** The pattern, made if it is not there. */
  #patternOf(name: string): Subscribers {
    const known = this.#patterns.get(name);
    if (known !== undefined) return known;
    const pattern = new Subscribers();
    this.#patterns.set(name, pattern);
    return pattern;
  }

  /** The topic, made if it is not there. */
  #topicOf(name: string): Subscribers {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const limits = this.#link === null ? this.#historyOf(name) : undefined;
    const epoch = limits && `${(this.#id ??= randomId())}${this.#forgotten || ''}`;
    const topic = new Subscribers(limits && new History(limits, epoch!));
    this.#topics.set(name, topic);
    if (limits !== undefined) this.#sweep ??= setTimer(this.#onSweep, sweepInterval(limits.ttl));
    return topic;
  }

  readonly #onSweep = (): void => {
    this.#sweep = undefined;
    let shortest = Infinity;
    for (const [name, { history, size }] of this.#topics) {
      if (history === undefined) continue;
      if (history.expire() && size === 0) {
        this.#topics.delete(name);
        this.#forgotten++;
      } else {
        shortest = Math.min(shortest, history.ttl);
      }
    }
    if (shortest < Infinity) this.#sweep = setTimer(this.#onSweep, sweepInterval(shortest));
  };

  #historyOf(topic: string): HistoryLimits | undefined {
    const { history } = this.#options;
    if (typeof history !== 'function') return history;
    const limits = history(topic);
    if (limits === undefined) return undefined;
    checkHistory(limits);
    return usableLimits(limits);
  }

  #presenceOf(name: string): PresenceLimits | undefined {
    const { presence } = this.#options;
    if (typeof presence !== 'function') return presence;
    const limits = presence(name);
    if (limits !== undefined) checkPresence(limits);
    return limits;
  }

  /** Tells other processes that subscribers have come or gone. */
  #announce(name: string): void {
    const announcer = this.#link?.presence;
    const limits = announcer && !this.#isClosed ? this.#presenceOf(name) : undefined;
    if (limits !== undefined) announcer!.change(name, limits.ttl);
  }

  #idsOf(name: string): string[] {
    return this.#listOf(name).map(({ id }) => id);
  }

  #policyOf(topic: string): SlowPolicy {
    const { slow = 'send' } = this.#options;
    return typeof slow === 'function' ? checkPolicy(slow(topic)) : slow;
  }

  /** The members that are subscribed to `topic`, by name or by patterns, each once. */
  #receivers(topic: string, known = this.#topics.get(topic)): Member[] {
    let receivers = known?.list() ?? [];
    let seen: Set<Member> | undefined;
    this.#patterns.match(topic, (others) => {
      if (receivers.length === 0) {
        receivers = others.list();
        return;
      }
      seen ??= new Set(receivers);
      for (const member of others.list()) {
        if (seen.has(member)) continue;
        seen.add(member);
        receivers.push(member);
      }
    });
    return receivers;
  }

  #gets(member: Member, topic: string): boolean {
    return member.names.has(topic) || this.#matches(member, topic);
  }

  /** Whether one of its patterns matches. */
  #matches(member: Member, topic: string): boolean {
    let isMatched = false;
    this.#patterns.match(topic, (members) => (isMatched ||= members.has(member)));
    return isMatched;
  }

  /** @param known The topic, if there is one. @returns The subscribers. */
  #fanOut(message: TopicMessage, known: Subscribers | undefined, except?: TopicSocket, compress?: boolean): number {
    const policy = this.#policyOf(message.topic);
    const only = known?.only ?? null;
    if (only !== null && this.#patterns.size === 0) {
      if (!only.isAddressed(message, except)) return 0;
      if (only.accepts(message, policy)) deliverTo(only, message, compress, this.#counts);
      return 1;
    }
    // No closure: it would cost the case above an object.
    const receivers: Member[] = [];
    let count = 0;
    for (const member of this.#receivers(message.topic, known)) {
      if (!member.isAddressed(message, except)) continue;
      count++;
      if (member.accepts(message, policy)) receivers.push(member);
    }
    deliver(message, receivers, compress, this.#counts);
    return count;
  }

  #receiver(): ConstructorParameters<typeof BusLink>[3] {
    return {
      // An exception of the program must not break a batch of the bus, or the delivery of missed messages.
      onMessage: (message) => guard({ defer }, () => this.#fanOut(message, this.#topics.get(message.topic))),
      onGap: (name) => {
        guard({ defer }, () => this.emit('gap', name));
        for (const member of this.#listOf(name)) member.onGap?.(name);
      },
      onError: (error) => guard({ defer }, () => this.emit('busError', toError(error))),
      historyOf: (topic) => this.#historyOf(topic),
      idsOf: (name) => this.#idsOf(name),
    };
  }
}

async function after(sent: Promise<unknown>, published: Published): Promise<Published> {
  await sent;
  return published;
}

function sweepInterval(ttl: number): number {
  const [least, most] = SWEEP_INTERVALS;
  return Math.max(least, Math.min(ttl, most));
}
