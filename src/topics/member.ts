// A WebSocket that has topics: what it gets, and when.

import { broadcast } from '../api/ws/broadcast.ts';
import { findCore } from '../api/ws/core.ts';
import type { WebSocketBase } from '../api/ws/websocket.ts';
import { OPEN } from '../base/states.ts';
import { setTimer } from '../clock.ts';
import { isAfter, type Position, type TopicMessage } from './messages.ts';

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
  delivered: number;
  /** Not sent, by the policy `'drop'`, or because a `bufferPolicy` of the socket threw. */
  dropped: number;
  /** Replaced by a newer one, by the policy `'conflate'`. */
  conflated: number;
}

/** Milliseconds between two looks at a slow socket that has no event 'drain'. */
const LOOK_INTERVAL = 20;

export class Member {
  readonly socket: TopicSocket;
  readonly encode: Encoder;
  /** Opaque, for presence. */
  readonly id: string;
  /** Names that it subscribed to. */
  readonly names: Set<string> = new Set();
  /** Called when messages of a name may be missing. */
  onGap: ((name: string) => void) | null = null;
  /** Whether `broadcast` knows its class. */
  readonly isShared: boolean;
  /**
   * By topic: messages that wait while older ones are fetched, or the position up to which it has all of them, since the bus may bring the last of those as new ones.
   */
  held: Map<string, TopicMessage[] | Position> | null = null;
  /** The newest message of each topic, while the socket is slow. */
  #conflated: Map<string, TopicMessage> | null = null;
  readonly #counts: Counts;
  readonly #maxLag: number;

  constructor(socket: TopicSocket, encode: Encoder, id: string, limits: { readonly counts: Counts; readonly maxLag: number }) {
    this.socket = socket;
    this.encode = encode;
    this.id = id;
    this.isShared = findCore(socket) !== undefined;
    this.#counts = limits.counts;
    this.#maxLag = limits.maxLag;
  }

  get isOpen(): boolean {
    return this.socket.readyState === OPEN;
  }

  /** Whether `message` shall be sent now. If not, it is kept for later, or given up. */
  accepts(message: TopicMessage, policy: SlowPolicy): boolean {
    const held = this.held?.get(message.topic);
    if (Array.isArray(held)) {
      held.push(message);
      return false;
    }
    if (held !== undefined) {
      if (!isAfter(message.position, held)) return false;
      this.held!.delete(message.topic);
    }
    if (policy === 'send' || (this.socket.bufferedAmount <= this.#maxLag && !this.#conflated?.has(message.topic))) return true;
    if (policy === 'conflate') this.#conflate(message);
    else this.#counts.dropped++;
    return false;
  }

  /** Sends one message to this socket alone. */
  send(message: TopicMessage): void {
    deliver(message, [this], undefined, this.#counts);
  }

  #conflate(message: TopicMessage): void {
    if (this.#conflated?.has(message.topic)) this.#counts.conflated++;
    if (this.#conflated === null) {
      this.#conflated = new Map();
      this.#awaitDrain();
    }
    this.#conflated.set(message.topic, message);
  }

  #awaitDrain(): void {
    const { socket } = this;
    if (this.isShared) (socket as unknown as WebSocketBase).once('drain', this.#onDrain);
    else setTimer(this.#onDrain, LOOK_INTERVAL);
  }

  readonly #onDrain = (): void => {
    if (!this.isOpen) return void (this.#conflated = null);
    if (this.socket.bufferedAmount > this.#maxLag) return this.#awaitDrain();
    const messages = this.#conflated ?? [];
    this.#conflated = null;
    for (const message of messages.values()) this.send(message);
  };
}

/**
 * Sends `message` to `members`, encoded once for each of their encoders. Classes of this library share the frame and the compression.
 */
export function deliver(
  message: TopicMessage,
  members: readonly Member[],
  compress: boolean | undefined,
  counts: Counts,
): void {
  const shared = new Map<Encoder, WebSocketBase[]>();
  const payloads = new Map<Encoder, string | Uint8Array>();
  const payloadOf = (encode: Encoder): string | Uint8Array => {
    let payload = payloads.get(encode);
    if (payload === undefined) payloads.set(encode, (payload = encode(message)));
    return payload;
  };
  for (const { socket, encode, isShared } of members) {
    if (isShared) {
      const sockets = shared.get(encode);
      if (sockets === undefined) shared.set(encode, [socket as unknown as WebSocketBase]);
      else sockets.push(socket as unknown as WebSocketBase);
    } else {
      attempt(() => socket.send(payloadOf(encode) as never), counts);
    }
  }
  for (const [encode, sockets] of shared) {
    const data = payloadOf(encode);
    attempt(() => broadcast(sockets, data, { binary: typeof data !== 'string', compress }), counts);
  }
  counts.delivered += members.length;
}

/** A socket whose `bufferPolicy` throws loses the message, and the others get it. */
function attempt(send: () => void, counts: Counts): void {
  try {
    send();
  } catch {
    counts.dropped++;
  }
}
