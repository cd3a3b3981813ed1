// Messages that wait for a connection: bounded in bytes and in time.

import { elapsed } from '../clock.ts';
import { isArrayBuffer, isBlob } from '../base/realms.ts';

/** A message, as `send()` takes it. */
export type Message = string | ArrayBuffer | ArrayBufferView | Blob;
/** Which message is given up when the queue is full: the oldest ones, the new one, or the new one with an exception. */
export type QueuePolicy = 'drop-oldest' | 'drop-newest' | 'throw';
/** Why a message was given up. */
export type DropReason = 'full' | 'expired' | 'closed';

export interface QueueSettings {
  readonly maximumBytes: number;
  readonly maximumAge: number;
  readonly policy: QueuePolicy;
}

interface Entry {
  readonly data: Message;
  readonly size: number;
  readonly since: number;
}

/** The cost of a message in addition to its bytes, so that the number of empty messages is limited too. */
const MESSAGE_COST = 64;

/** Bytes of a message; text counts by its UTF-16 units. */
function sizeOf(data: Message): number {
  if (typeof data === 'string') return data.length;
  return 'size' in data ? data.size : data.byteLength;
}

/** A message with memory of its own, as `send()` copies its data: a value of another type is sent as its text. */
export function copyMessage(data: unknown): Message {
  if (typeof data === 'string') return data;
  if (ArrayBuffer.isView(data)) {
    return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
  }
  if (isArrayBuffer(data)) return data.slice(0);
  return isBlob(data) ? (data as Blob) : ''.concat(data as string);
}

export class MessageQueue {
  readonly #settings: QueueSettings;
  readonly #onDrop: (data: Message, reason: DropReason) => void;
  /** Undefined: taken, or given up. */
  #entries: (Entry | undefined)[] = [];
  /** Index of the oldest entry. */
  #first = 0;
  #size = 0;
  /** Payload bytes. */
  bytes = 0;

  constructor(settings: QueueSettings, onDrop: (data: Message, reason: DropReason) => void) {
    this.#settings = settings;
    this.#onDrop = onDrop;
  }

  /**
   * Adds a message, which belongs to the queue from now on.
   *
   * @returns Whether it waits now.
   * @throws {DOMException} QuotaExceededError if it finds no room and the policy says so.
   */
  add(data: Message): boolean {
    const { maximumBytes, policy } = this.#settings;
    const entry = { data, size: sizeOf(data), since: elapsed() };
    const cost = entry.size + MESSAGE_COST;
    this.#expire();
    if (policy === 'drop-oldest' && cost <= maximumBytes) {
      while (this.#size + cost > maximumBytes) this.#drop('full');
    }
    if (this.#size + cost > maximumBytes) {
      if (policy === 'throw') {
        throw new DOMException('The queue of the ReconnectingWebSocket is full', 'QuotaExceededError');
      }
      this.#onDrop(data, 'full');
      return false;
    }
    this.#entries.push(entry);
    this.#count(entry, 1);
    return true;
  }

  /** Takes the oldest message; undefined when none waits. */
  take(): Message | undefined {
    this.#expire();
    return this.#shift()?.data;
  }

  /** Gives all messages up. */
  clear(): void {
    while (this.#oldest !== undefined) this.#drop('closed');
  }

  #expire(): void {
    const latest = elapsed() - this.#settings.maximumAge;
    for (let oldest = this.#oldest; oldest !== undefined && oldest.since < latest; oldest = this.#oldest) this.#drop('expired');
  }

  #drop(reason: DropReason): void {
    const entry = this.#shift();
    if (entry !== undefined) this.#onDrop(entry.data, reason);
  }

  get #oldest(): Entry | undefined {
    return this.#entries[this.#first];
  }

  #shift(): Entry | undefined {
    const entry = this.#oldest;
    if (entry === undefined) return undefined;
    this.#entries[this.#first++] = undefined;
    // Not shifted one by one, which takes minutes for a million messages.
    if (this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    this.#count(entry, -1);
    return entry;
  }

  #count({ size }: Entry, sign: 1 | -1): void {
    this.bytes += sign * size;
    this.#size += sign * (size + MESSAGE_COST);
  }
}
