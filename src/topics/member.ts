// A WebSocket with topics: decides which messages it gets, and when.

import { sendToAll } from '../api/ws/broadcast.ts';
import { findCore } from '../api/ws/core.ts';
import type { WebSocketBase } from '../api/ws/websocket.ts';
import { OPEN } from '../base/states.ts';
import { clearTimer, setTimer, type Timer } from '../clock.ts';
import { randomId } from './ids.ts';
import { isAfter, type Position, type TopicMessage } from './messages.ts';
import { isPattern } from './names.ts';

/** The members of a WebSocket that topics use: those of each class of this library, and of a runtime's own. */
export interface TopicSocket {
  /** 0 to 3: CONNECTING, OPEN, CLOSING, CLOSED. */
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: never): void;
  addEventListener(type: 'close', listener: () => void): void;
}

/** Makes the payload of a message for a socket. */
export type Encoder = (message: TopicMessage) => string | Uint8Array;

/** A message as it is, for programs that bring their own format. */
export const plain: Encoder = ({ data }) => data;

/**
 * Messages of a topic while more than `maxLag` bytes wait for a subscriber. `'send'`: they are sent, until its own `maxBufferedAmount`. `'drop'`: they
 * are not sent. `'conflate'`: the newest one is sent, once the subscriber has caught up.
 */
export type SlowPolicy = 'send' | 'drop' | 'conflate';

/** Numbers of messages, by subscriber, since the start. */
export interface Counts {
  /** Given to the socket. */
  delivered: number;
  /** Not sent, by the policy `'drop'`, or because a `bufferPolicy` of the socket threw. */
  dropped: number;
  /** Replaced by a newer one, by the policy `'conflate'`. */
  conflated: number;
}

/** Bytes of messages that wait for one subscription, text by its UTF-16 units. Then it fails: a history may never reply. */
const MOST_HELD = 16 << 20;
/** The same for a slow subscriber, of all its topics, which a pattern does not limit. More are dropped. */
const MOST_LATE = 16 << 20;
/** The cost of a message in addition. */
const MESSAGE_COST = 64;

/** Messages that wait while older ones are fetched. */
export class Held {
  readonly messages: TopicMessage[] = [];
  /** Rejects once there are too many. */
  readonly full: Promise<never>;
  #fail!: (error: Error) => void;
  #size = 0;

  constructor() {
    this.full = new Promise((_, reject) => (this.#fail = reject));
  }

  add(message: TopicMessage): void {
    this.#size += message.data.length + MESSAGE_COST;
    if (this.#size <= MOST_HELD) return void this.messages.push(message);
    this.messages.length = 0;
    this.#fail(new Error('Too many messages came before the history was read'));
  }
}

function costOf(topic: string, message: TopicMessage | undefined): number {
  return topic.length + (message?.data.length ?? 0) + MESSAGE_COST;
}

/** Messages and promises that wait for a slow socket. */
interface Lag {
  /** By topic: the newest message, or undefined for dropped ones, of which it is told. */
  readonly late: Map<string, TopicMessage | undefined>;
  /** Bytes of `late`. */
  size: number;
  readonly waiting: (() => void)[];
  /** The timer of the next look. */
  look: Timer;
  readonly onDrain: () => void;
}

function add(lag: Lag, topic: string, message: TopicMessage | undefined): void {
  lag.late.set(topic, message);
  lag.size += costOf(topic, message);
}

function remove(lag: Lag, topic: string): void {
  const message = lag.late.get(topic);
  if (lag.late.delete(topic)) lag.size -= costOf(topic, message);
}

/** Milliseconds between two looks at a slow socket. */
const LOOK_INTERVAL = 20;

/** The parts of its topics that a member uses. */
export interface MemberOwner {
  readonly counts: Counts;
  /** Bytes waiting from which on it is slow. */
  readonly maxLag: number;
  /** Whether one of its names matches `topic`. */
  gets(member: Member, topic: string): boolean;
}

export class Member {
  readonly socket: TopicSocket;
  readonly encode: Encoder;
  /** Names that it subscribed to, and the number of each subscription: a later one of the same name has another. */
  readonly names: Map<string, number> = new Map();
  /** Called when messages of a name may be missing. */
  onGap: ((name: string) => void) | null = null;
  /** Whether `broadcast` knows its class. */
  readonly isShared: boolean;
  /**
   * By topic: messages that wait while older ones are fetched, or the position up to which it has all of them, since the bus may bring the last of those as new ones.
   */
  held: Map<string, Held | Position> | null = null;
  readonly #owner: MemberOwner;
  #id: string | null = null;
  /** Null while nothing waits for the socket. */
  #lag: Lag | null = null;

  constructor(socket: TopicSocket, encode: Encoder, owner: MemberOwner) {
    this.socket = socket;
    this.encode = encode;
    this.isShared = findCore(socket) !== undefined;
    this.#owner = owner;
  }

  /** Opaque, for presence. Most members are never asked for it. */
  get id(): string {
    return (this.#id ??= randomId());
  }

  get isOpen(): boolean {
    return this.socket.readyState === OPEN;
  }

  get #isSlow(): boolean {
    return this.socket.bufferedAmount > this.#owner.maxLag;
  }

  /** Whether it is one of the subscribers that `message` is for. */
  isAddressed(message: TopicMessage, except: TopicSocket | undefined): boolean {
    return this.isOpen && this.socket !== except && !this.#isExcept(message);
  }

  #isExcept({ except }: TopicMessage): boolean {
    return except !== undefined && except === this.#id;
  }

  /** Whether `message` shall be sent now. If not, it is kept for later, or given up. */
  accepts(message: TopicMessage, policy: SlowPolicy): boolean {
    const { topic } = message;
    const held = this.held?.get(topic);
    if (held instanceof Held) {
      held.add(message);
      return false;
    }
    if (held !== undefined) {
      if (!isAfter(message.position, held)) return false;
      this.held!.delete(topic);
    }
    if (policy === 'send' || !(this.#isSlow || (policy === 'conflate' && this.#lag?.late.has(topic)))) return true;
    if (policy === 'drop') {
      this.lose(topic);
      return false;
    }
    const replaces = this.#lag?.late.get(topic) !== undefined;
    if (!this.#keep(topic, message)) this.#owner.counts.dropped++;
    if (replaces) this.#owner.counts.conflated++;
    return false;
  }

  /** A message of `topic` was not sent. Says so once the socket is not slow. */
  lose(topic: string): void {
    this.#owner.counts.dropped++;
    if (this.onGap !== null) this.#keep(topic, undefined);
  }

  /** Nothing that waits of this topic is sent any more. */
  forget(topic: string): void {
    this.held?.delete(topic);
    if (this.#lag !== null) remove(this.#lag, topic);
  }

  /** Sends one message to this socket alone. */
  send(message: TopicMessage): void {
    if (!this.#isExcept(message)) deliverTo(this, message, undefined, this.#owner.counts);
  }

  /** Fulfilled once the socket is not slow. Never, if it closes before. */
  async caughtUp(): Promise<void> {
    if (!this.#isSlow) return;
    await new Promise<void>((resolve) => {
      this.#watch().waiting.push(resolve);
    });
  }

  /** @returns Whether there is room for it. If not, a gap of each name that brings the topic takes its place. */
  #keep(topic: string, message: TopicMessage | undefined): boolean {
    const lag = this.#watch();
    remove(lag, topic);
    if (lag.size + costOf(topic, message) <= MOST_LATE) {
      add(lag, topic, message);
      return true;
    }
    if (this.onGap === null) return false;
    const names = this.names.has(topic) ? [topic] : [...this.names.keys()].filter(isPattern);
    for (const name of names) {
      if (lag.late.has(name) && lag.late.get(name) === undefined) continue;
      remove(lag, name);
      add(lag, name, undefined);
    }
    return false;
  }

  #watch(): Lag {
    if (this.#lag !== null) return this.#lag;
    const lag: Lag = { late: new Map(), size: 0, waiting: [], look: undefined, onDrain: () => this.#lookAgain(lag) };
    this.#lookLater(lag);
    return (this.#lag = lag);
  }

  #lookLater(lag: Lag): void {
    if (this.isShared) (this.socket as unknown as WebSocketBase).once('drain', lag.onDrain);
    // No 'drain' follows if the system takes all output at once.
    lag.look = setTimer(lag.onDrain, LOOK_INTERVAL);
  }

  #lookAgain(lag: Lag): void {
    clearTimer(lag.look);
    if (this.isShared) (this.socket as unknown as WebSocketBase).off('drain', lag.onDrain);
    if (!this.isOpen) return;
    if (this.#isSlow) return this.#lookLater(lag);
    this.#lag = null;
    for (const [topic, message] of lag.late) {
      // It may have been unsubscribed meanwhile.
      if (!this.#owner.gets(this, topic)) continue;
      if (message === undefined) this.onGap?.(topic);
      else this.send(message);
    }
    for (const resolve of lag.waiting) resolve();
  }
}

/** Sends `message` to one member. If the `bufferPolicy` of its socket throws, the message is lost. */
export function deliverTo(member: Member, message: TopicMessage, compress: boolean | undefined, counts: Counts): void {
  const data = member.encode(message);
  counts.delivered++;
  try {
    if (member.isShared)
      sendToAll([member.socket as unknown as WebSocketBase], data, { binary: typeof data !== 'string', compress }, rethrow);
    else member.socket.send(data as never);
  } catch {
    counts.delivered--;
    member.lose(message.topic);
  }
}

function rethrow(error: Error): never {
  throw error;
}

/**
 * Sends `message` to `members`, encoded once for each of their encoders. Classes of this library share the frame and the compression.
 *
 * A socket whose `bufferPolicy` throws loses the message, and the others get it.
 */
export function deliver(
  message: TopicMessage,
  members: readonly Member[],
  compress: boolean | undefined,
  counts: Counts,
): void {
  if (members.length < 2) {
    if (members.length === 1) deliverTo(members[0], message, compress, counts);
    return;
  }
  const shared = new Map<Encoder, Member[]>();
  const payloads = new Map<Encoder, string | Uint8Array>();
  const payloadOf = (encode: Encoder): string | Uint8Array => {
    let payload = payloads.get(encode);
    if (payload === undefined) payloads.set(encode, (payload = encode(message)));
    return payload;
  };
  const lose = (member: Member): void => {
    counts.delivered--;
    member.lose(message.topic);
  };
  counts.delivered += members.length;
  for (const member of members) {
    const { socket, encode, isShared } = member;
    if (isShared) {
      const group = shared.get(encode);
      if (group === undefined) shared.set(encode, [member]);
      else group.push(member);
      continue;
    }
    try {
      socket.send(payloadOf(encode) as never);
    } catch {
      lose(member);
    }
  }
  for (const [encode, group] of shared) {
    const data = payloadOf(encode);
    const sockets = group.map(({ socket }) => socket as unknown as WebSocketBase);
    let bySocket: Map<unknown, Member> | undefined;
    sendToAll(sockets, data, { binary: typeof data !== 'string', compress }, (_, ws) => {
      bySocket ??= new Map(group.map((member) => [member.socket, member]));
      lose(bySocket.get(ws)!);
    });
  }
}
