// The seam to other processes: a bus carries messages between them. Types, and the envelope of a message.

import { refuse } from '../base/options.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';
import type { HistoryLimits } from './history.ts';
import type { Position } from './messages.ts';

/** Where a bus reports. */
export interface BusEvents {
  /**
   * A message of a topic came, also one that this process has published.
   *
   * A message comes once, however many subscriptions match it. With a history, messages of a topic come in the order of their offsets.
   */
  deliver(topic: string, envelope: Uint8Array, position?: Position): void;
  /** The connection to the engine was lost. */
  onLost(error: Error): void;
  /** It is back, and so are all subscriptions. Messages of meanwhile may be missing. */
  onRestored(): void;
}

/** The messages that a bus has kept since a position. */
export interface BusRecovery {
  /** In order. Undefined if any of them is gone. */
  readonly envelopes: readonly { readonly envelope: Uint8Array; readonly position: Position }[] | undefined;
  /** The position of the last message, whether there are messages or not. */
  readonly position: Position;
}

/** Tells processes the subscribers of the others. */
export interface BusPresence {
  /**
   * Announces the subscribers of a topic or a pattern in this process. Replaces its earlier announcement of this name.
   *
   * @param ids Opaque, 16 characters of ASCII without a space each. None: the entry goes at once.
   * @param ttl Whole milliseconds after which the entry goes, unless there is another call: its process may have died. Topics call in time, and withdraw all
   *   entries before they close the bus.
   */
  announce(name: string, ids: readonly string[], ttl: number): Promise<void>;
  /** The ids that all other processes have announced, and that have not expired, in any order. Rejects when the bus is away. */
  others(name: string): Promise<readonly string[]>;
}

/** Carries messages between processes. Topics own it, and close it. */
export interface Bus {
  /**
   * Starts.
   *
   * @param id Of this process: unique, 16 characters of ASCII.
   */
  connect(id: string, events: BusEvents): Promise<void>;
  /**
   * Publishes a message.
   *
   * @param envelope The callee may keep it. It does not change.
   * @param limits The history to keep of this topic; left out for none. A bus without `history` gets none.
   * @returns The position that the message has got, if there is a history. Rejects when the bus is away.
   */
  publish(topic: string, envelope: Uint8Array, limits?: HistoryLimits): Promise<Position | undefined>;
  /** Subscribes to a topic, or to a pattern. Fulfilled once no later message is missed. Remembered while the bus is away. */
  subscribe(name: string): Promise<void>;
  unsubscribe(name: string): Promise<void>;
  /** The messages since a position; without one, the position of now alone. Left out by a bus that keeps nothing. */
  readonly history?: ((topic: string, since: Position | undefined, limits: HistoryLimits) => Promise<BusRecovery>) | undefined;
  /** Left out by a bus that cannot tell. */
  readonly presence?: BusPresence | undefined;
  close(): Promise<void>;
}

/** @throws {TypeError} for anything but a bus. Clients of Redis have its methods, too; a bus has no `duplicate`. */
export function checkBus(bus: unknown): void {
  const { connect, publish, subscribe, unsubscribe, close, duplicate } = Object(bus) as Partial<Bus> & { duplicate?: unknown };
  const methods = [connect, publish, subscribe, unsubscribe, close];
  if (duplicate === undefined && methods.every((method) => typeof method === 'function')) return;
  refuse(TypeError, 'bus', 'a bus, such as redisBus(client)', bus);
}

/** First byte of an envelope. */
const VERSION = 1;
const FLAG_TEXT = 1;
const FLAG_EXCEPT = 2;
/** Version, flags and sender. */
const HEADER = 18;
/** Bytes of an id. */
const ID = 16;

/** A message that a bus brought. */
export interface Envelope {
  /** Id of the process that published it. */
  readonly sender: string;
  /** Id of the subscriber that does not get it. */
  readonly except: string | undefined;
  readonly data: string | Uint8Array;
}

/** Bytes for a bus: version 1, flags (bit 0: text, bit 1: with an exception), 16 bytes of the sender's id, 16 of the subscriber's that does not get it, payload. */
export function encodeEnvelope(sender: string, data: string | Uint8Array, except: string = ''): Uint8Array {
  const isText = typeof data === 'string';
  const payload = isText ? encodeUtf8(data) : data;
  const envelope = new Uint8Array(HEADER + except.length + payload.length);
  envelope[0] = VERSION;
  envelope[1] = (isText ? FLAG_TEXT : 0) | (except === '' ? 0 : FLAG_EXCEPT);
  const ids = sender + except;
  for (let index = 0; index < ids.length; index++) envelope[2 + index] = ids.charCodeAt(index);
  envelope.set(payload, HEADER + except.length);
  return envelope;
}

/** Reads an envelope. @throws {TypeError} if it is of another version, or none. */
export function decodeEnvelope(envelope: Uint8Array): Envelope {
  const start = (envelope[1] & FLAG_EXCEPT) === 0 ? HEADER : HEADER + ID;
  if (envelope.length < start || envelope[0] !== VERSION) throw new TypeError('The bus brought a message of an unknown kind');
  const sender = String.fromCharCode(...envelope.subarray(2, HEADER));
  // A copy: the memory of a bus's client may be used again.
  const payload = new Uint8Array(envelope.subarray(start));
  const except = start === HEADER ? undefined : String.fromCharCode(...envelope.subarray(HEADER, start));
  return { sender, except, data: (envelope[1] & FLAG_TEXT) === 0 ? payload : decodeUtf8(payload) };
}
