// The Receiver export of ws 8: a Writable that takes the bytes of a connection and emits its messages. RFC 6455 sections 5 and 7.
// The receiving half of a connection does the work; this file makes a stream of it.

import { Buffer } from 'node:buffer';
import { Writable } from 'node:stream';
import { shape, ownBuffer } from '../../api/ws/data.ts';
import type { LooseListener } from '../../api/ws/emitter.ts';
import type { BinaryType, RawData } from '../../api/ws/types.ts';
import type { PeerError } from '../../base/errors.ts';
import { OPCODE_CLOSE, OPCODE_PING } from '../../base/opcodes.ts';
import { MESSAGE_OWNED, MESSAGE_TEXT } from '../../platform.ts';
import type { Compression } from '../../protocol/compression.ts';
import { readClose } from '../../protocol/close-frame.ts';
import { Inbound, type InboundOwner } from '../../protocol/inbound.ts';
import { connectionSettings } from '../../protocol/settings.ts';
import { platform } from './binding.ts';
import { deflateCoreOf, PerMessageDeflate } from './per-message-deflate.ts';
import { immediate } from '../../clock.ts';
import { keepCore, markCores, requireCore } from '../../base/core.ts';
import { readOptions } from '../../base/options.ts';

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

/** The type of a Receiver's events. */
export interface ReceiverWritable extends Writable {
  on<Name extends keyof ReceiverEvents>(event: Name, listener: (this: this, ...values: ReceiverEvents[Name]) => void): this;
  on(event: string | symbol, listener: LooseListener<this>): this;
  once<Name extends keyof ReceiverEvents>(event: Name, listener: (this: this, ...values: ReceiverEvents[Name]) => void): this;
  once(event: string | symbol, listener: LooseListener<this>): this;
  off<Name extends keyof ReceiverEvents>(event: Name, listener: (this: this, ...values: ReceiverEvents[Name]) => void): this;
  off(event: string | symbol, listener: LooseListener<this>): this;
  addListener<Name extends keyof ReceiverEvents>(event: Name, listener: (...values: ReceiverEvents[Name]) => void): this;
  addListener(event: string | symbol, listener: LooseListener<this>): this;
  removeListener<Name extends keyof ReceiverEvents>(event: Name, listener: (...values: ReceiverEvents[Name]) => void): this;
  removeListener(event: string | symbol, listener: LooseListener<this>): this;
}

/** At run time it is Node's class, nothing more. */
const TypedWritable: new () => ReceiverWritable = Writable;

/** Extensions by name. Only permessage-deflate is known. */
export interface NegotiatedExtensions {
  'permessage-deflate'?: PerMessageDeflate | undefined;
}

/** Options of `new Receiver()`. */
export interface ReceiverOptions {
  /** Whether several events may come in one turn of the event loop. Default true. */
  allowSynchronousEvents?: boolean | undefined;
  /** Type of binary messages. Default `'nodebuffer'`. */
  binaryType?: BinaryType | 'blob' | undefined;
  /** The agreement of the opening handshake. Default: no extensions. */
  extensions?: NegotiatedExtensions | undefined;
  /** Whether the peer is a client, whose frames must be masked. Default false. */
  isServer?: boolean | undefined;
  /** Most reads that one unfinished frame may take; 0, the default, for no limit. */
  maxBufferedChunks?: number | undefined;
  /** Most fragments of a message; 0, the default, for no limit. */
  maxFragments?: number | undefined;
  /** Largest message in bytes; 0, the default, for no limit. */
  maxPayload?: number | undefined;
  /** Whether text is passed on unchecked. Default false. */
  skipUTF8Validation?: boolean | undefined;
}

/** An event that waits for its turn. */
interface Pending {
  readonly name: keyof ReceiverEvents;
  readonly values: readonly unknown[];
}

type Done = (error?: Error | null) => void;

/** The smaller of two limits; 0 means no limit. */
function stricter(one: number, other: number): number {
  return one === 0 || other === 0 ? one + other : Math.min(one, other);
}

/** Inflates with the present contexts of `deflate`. */
function inflatingWith(deflate: PerMessageDeflate): Compression {
  const inflating: Pick<Compression, 'inflate'> = {
    inflate: (data, limit, done, failed) => {
      const core = deflateCoreOf(deflate);
      return core.compression.inflate(data, stricter(limit, core.limit), done, failed);
    },
  };
  // The only member that the receiving half uses.
  return inflating as Compression;
}

/** Events of the receiving half of the connection, for a {@link Receiver}. */
interface Listener extends InboundOwner {
  onMessage(source: Uint8Array, start: number, end: number, kind: number): void;
}

/** The state of a {@link Receiver}. */
class ReceiverCore {
  readonly #receiver: Receiver;
  readonly #binaryType: string;
  readonly #isSynchronous: boolean;
  readonly #inbound: Inbound;
  readonly #pending: Pending[] = [];
  #done: Done | null = null;
  #violation: PeerError | null = null;

  constructor(receiver: Receiver, given: ReceiverOptions | null | undefined) {
    this.#receiver = receiver;
    const options = readOptions(given);
    const { extensions, maxPayload = 0, maxFragments = 0, maxBufferedChunks = 0 } = options;
    this.#binaryType = options.binaryType ?? 'nodebuffer';
    this.#isSynchronous = options.allowSynchronousEvents ?? true;
    const deflate = extensions?.[PerMessageDeflate.extensionName];
    const listener = this.#listener();
    const settings = connectionSettings({
      role: options.isServer ? 'server' : 'client',
      maxPayload,
      maxFragments,
      maxBufferedChunks,
      skipUtf8Validation: options.skipUTF8Validation ?? false,
    });
    this.#inbound = new Inbound(platform, listener, listener, settings, deflate ? inflatingWith(deflate) : null);
    if (this.#binaryType === 'fragments') this.#inbound.fragmentEnds = [];
  }

  write(chunk: Buffer, done: Done): void {
    this.#done = done;
    this.#receive(chunk);
  }

  destroy(): void {
    this.#inbound.end();
    this.#pending.length = 0;
    this.#done = null;
  }

  #receive(chunk: Buffer): void {
    if (this.#receiver.destroyed) return;
    // A listener of a connection writes to this Receiver while the input arena holds a message in delivery.
    if (platform.codec.isDelivering) return platform.defer(() => this.#receive(chunk));
    this.#inbound.receive(chunk);
    this.#settle();
  }

  #listener(): Listener {
    return {
      onMessage: (source, start, end, kind) => this.#emitMessage(source, start, end, kind),
      onControl: (opcode, source, start, end) => {
        if (opcode === OPCODE_CLOSE) return this.#receiveClose(source, start, end);
        this.#emit(opcode === OPCODE_PING ? 'ping' : 'pong', platform.copy(source, start, end));
      },
      onViolation: (error) => this.#fail(error),
      onBlocked: (isBlocked) => {
        if (!isBlocked) this.#settle();
      },
    };
  }

  #emitMessage(source: Uint8Array, start: number, end: number, kind: number): void {
    const isBinary = (kind & MESSAGE_TEXT) === 0;
    const isOwned = (kind & MESSAGE_OWNED) !== 0;
    const bytes = isOwned ? ownBuffer(source, start, end) : (platform.copyMessage(source, start, end) as Buffer);
    const isPlain = !isBinary || this.#binaryType === 'nodebuffer';
    const fragmentEnds = isOwned ? this.#inbound.fragmentEnds : undefined;
    this.#emit('message', isPlain ? bytes : shape(bytes, this.#binaryType, fragmentEnds), isBinary);
  }

  #receiveClose(source: Uint8Array, start: number, end: number): void {
    const payload = readClose(platform, source, start, end);
    this.#inbound.end();
    if (payload instanceof Error) this.#fail(payload);
    else this.#emit('conclude', payload.code, payload.reason);
  }

  #fail(error: PeerError): void {
    this.#violation = error;
    this.#settle();
  }

  /** Emits an event, or keeps it for a later turn. */
  #emit(name: keyof ReceiverEvents, ...values: unknown[]): void {
    if (this.#receiver.destroyed) return;
    const isConclusion = name === 'conclude';
    if (this.#pending.length > 0 || (!this.#isSynchronous && !isConclusion)) {
      if (this.#pending.push({ name, values }) === 1) immediate(this.#emitNext);
    } else {
      this.#emitNow({ name, values });
    }
  }

  #emitNow({ name, values }: Pending): void {
    try {
      this.#receiver.emit(name, ...values);
    } finally {
      if (name === 'conclude') this.#receiver.end();
    }
  }

  readonly #emitNext = (): void => {
    const event = this.#pending[0];
    if (event === undefined) return;
    try {
      this.#emitNow(event);
    } finally {
      this.#pending.shift();
      const next = this.#pending[0];
      if (next?.name === 'conclude') this.#emitNext();
      else if (next !== undefined) immediate(this.#emitNext);
      else this.#settle();
    }
  };

  /** Calls the callback of the write once all events of the chunk are emitted. */
  #settle(): void {
    const done = this.#done;
    const isWaiting = this.#pending.length > 0 || (this.#inbound.isBlocked && this.#violation === null);
    if (done === null || isWaiting || platform.codec.isDelivering) return;
    this.#done = null;
    done(this.#violation);
  }
}
markCores(ReceiverCore, 'ReceiverCore');

/** Reads the frames of one connection. */
export class Receiver extends TypedWritable {
  constructor(options: ReceiverOptions | null = {}) {
    super();
    keepCore(this, new ReceiverCore(this, options));
  }

  /** @param chunk Borrowed until `callback`. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Done): void {
    (requireCore(this) as ReceiverCore).write(chunk, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    (requireCore(this) as ReceiverCore).destroy();
    callback(error);
  }
}
