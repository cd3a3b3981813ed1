// EventEmitter with the types of a class's own events. At run time it is Node's class, nothing more.

import { EventEmitter } from 'node:events';

/** As loose as in the types that programs were written against: `unknown` and `never` would both refuse `(value) => value.member`. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

/** A listener of an event that is not in the table. */
export type LooseListener<Self> = (this: Self, ...values: Loose[]) => void;

/** `Events`: argument lists by event name. */
export interface TypedEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter {
  on<Name extends keyof Events>(event: Name, listener: (this: this, ...values: Events[Name]) => void): this;
  on(event: string | symbol, listener: LooseListener<this>): this;
  once<Name extends keyof Events>(event: Name, listener: (this: this, ...values: Events[Name]) => void): this;
  once(event: string | symbol, listener: LooseListener<this>): this;
  off<Name extends keyof Events>(event: Name, listener: (this: this, ...values: Events[Name]) => void): this;
  off(event: string | symbol, listener: LooseListener<this>): this;
  addListener<Name extends keyof Events>(event: Name, listener: (...values: Events[Name]) => void): this;
  addListener(event: string | symbol, listener: LooseListener<this>): this;
  removeListener<Name extends keyof Events>(event: Name, listener: (...values: Events[Name]) => void): this;
  removeListener(event: string | symbol, listener: LooseListener<this>): this;
}

interface TypedEmitterConstructor extends Pick<typeof EventEmitter, keyof typeof EventEmitter> {
  new <Events extends Record<keyof Events, unknown[]>>(options?: { captureRejections?: boolean }): TypedEmitter<Events>;
}

/** Node's EventEmitter. */
export const TypedEmitter: TypedEmitterConstructor = EventEmitter;

/** `emit` of every emitter that did not replace it. */
export const emit: EventEmitter['emit'] = EventEmitter.prototype.emit;

/** Where an EventEmitter keeps its listeners: a function when there is one, an array when there are more. */
export interface EmitterState {
  _events?: Record<string, unknown>;
  readonly _eventsCount?: number;
}

/** An object without inherited properties, of which the engine knows the shape; `{ __proto__: null }` is a hash table to V8. */
const ListenerTable = function ListenerTable() {} as unknown as new () => Record<string, unknown>;
ListenerTable.prototype = Object.create(null) as Record<string, unknown>;

/** Emitters of which `emit` looks at the promises of listeners. */
export const capturing: WeakSet<EventEmitter> = new WeakSet();

/**
 * Makes an emitter that has no listeners yet keep them where they are found faster: see {@link emitMessage}. For a constructor: an emitter
 * that is made while EventEmitter captures rejections stays as it is, because a listener's promise then needs `emit`.
 */
export function shapeListeners(emitter: EventEmitter): void {
  const state = emitter as unknown as EmitterState;
  if (EventEmitter.captureRejections) capturing.add(emitter);
  else if (state._events !== undefined && state._eventsCount === 0) state._events = new ListenerTable();
}

/**
 * Emits 'message'. A single listener is called directly, unless `emit` was replaced, which serves every emitter of the process: its
 * generic lookups were about 6 % of the profile of an echo of small messages (Node 20).
 */
export function emitMessage(emitter: EventEmitter, data: Uint8Array, isBinary: boolean): void {
  const listeners = (emitter as unknown as EmitterState)._events;
  if (listeners instanceof ListenerTable && emitter.emit === emit) {
    const listener = listeners['message'];
    if (typeof listener === 'function') {
      listener.call(emitter, data, isBinary);
      return;
    }
  }
  emitter.emit('message', data, isBinary);
}
