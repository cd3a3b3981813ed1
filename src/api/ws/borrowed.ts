// Messages that listeners of ws-style WebSockets borrow: the option `borrowMessages`.

import { Buffer } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import { capturing, emit, type EmitterState } from './emitter.ts';

interface Listener {
  call(emitter: EventEmitter, data: Buffer, isBinary: boolean): unknown;
  /** The argument of `once`, if this is its wrapper. */
  readonly listener?: unknown;
}

/** The message that listeners may only borrow, while they run. */
let borrowed: Uint8Array | null = null;
/** Whether one of them keeps it. */
let isKept = false;

/** Keeps the borrowed message beyond its listeners if `result`, which one of them has returned, is a promise. */
export function keepForPromise(result: unknown): void {
  if (typeof (result as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function') isKept = true;
}

/** `data` for longer than its listeners run: a copy if it is borrowed. */
export function ownData<Kind>(data: Kind): Kind {
  return (data as unknown) === borrowed ? (Buffer.from(new Uint8Array(borrowed as Uint8Array).buffer) as Kind) : data;
}

export type EmitBorrowed = (emitter: EventEmitter, data: Buffer, isBinary: boolean) => boolean;

/**
 * Emits 'message' with data that listeners may use until they return. Where a replaced `emit` cannot be looked into, they get a copy.
 *
 * @returns Whether one of them keeps the data: it has returned a promise, or listens once, as `once` of node:events does for its promise.
 */
export const emitBorrowed: EmitBorrowed = (emitter, data, isBinary) => {
  const { _events: table } = emitter as unknown as EmitterState;
  const outer = { borrowed, isKept };
  borrowed = data;
  isKept = false;
  try {
    if (table === undefined || emitter.emit !== emit || capturing.has(emitter)) {
      emitter.emit('message', ownData(data), isBinary);
      return false;
    }
    for (const listener of [table['message'] ?? []].flat() as Listener[]) {
      keepForPromise(listener.call(emitter, data, isBinary));
      if (listener.listener !== undefined) isKept = true;
    }
    return isKept;
  } finally {
    ({ borrowed, isKept } = outer);
  }
};
