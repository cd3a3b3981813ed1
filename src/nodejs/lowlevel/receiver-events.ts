// A Writable with the types of a Receiver's own events. At run time it is Node's class, nothing more.

import { Writable } from 'node:stream';
import type { LooseListener } from '../../api/ws/emitter.ts';
import type { RawData } from '../../api/ws/types.ts';

/** Arguments of the listeners, by event. Those of a Writable come as well. */
export interface ReceiverEvents {
  /** A message. Text comes as a Buffer of UTF-8. */
  message: [data: RawData, isBinary: boolean];
  ping: [data: Buffer];
  pong: [data: Buffer];
  /** A Close frame; 1005 when it had no status code (RFC 6455 section 7.1.5). The stream is ended after it. */
  conclude: [code: number, reason: Buffer];
  /** The peer broke the protocol: the error has a `code`, and the `closeCode` to answer with. */
  error: [error: Error];
}

type Event = keyof ReceiverEvents;

/** The type of a Receiver's events. */
export interface ReceiverWritable extends Writable {
  on<Name extends Event>(event: Name, listener: (this: this, ...values: ReceiverEvents[Name]) => void): this;
  on(event: string | symbol, listener: LooseListener<this>): this;
  once<Name extends Event>(event: Name, listener: (this: this, ...values: ReceiverEvents[Name]) => void): this;
  once(event: string | symbol, listener: LooseListener<this>): this;
  off<Name extends Event>(event: Name, listener: (this: this, ...values: ReceiverEvents[Name]) => void): this;
  off(event: string | symbol, listener: LooseListener<this>): this;
  addListener<Name extends Event>(event: Name, listener: (...values: ReceiverEvents[Name]) => void): this;
  addListener(event: string | symbol, listener: LooseListener<this>): this;
  removeListener<Name extends Event>(event: Name, listener: (...values: ReceiverEvents[Name]) => void): this;
  removeListener(event: string | symbol, listener: LooseListener<this>): this;
}

/** Node's Writable. */
export const TypedWritable: new () => ReceiverWritable = Writable;
