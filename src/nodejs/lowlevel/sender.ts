// The Sender export of ws 8: writes messages and control frames to a stream at once. RFC 6455 sections 5.4, 5.5 and 6.1.

import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { EMPTY, toBytes, toReason } from '../../api/ws/data.ts';
import { isValidCloseCode } from '../../base/close-codes.ts';
import {
  MAXIMUM_CONTROL_PAYLOAD,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
} from '../../base/opcodes.ts';
import { makeFrame, type FrameOptions, type GenerateMask } from './frame.ts';
import { deflateCoreOf, PerMessageDeflate } from './per-message-deflate.ts';
import { copyToOwn } from '../buffers.ts';
import type { NegotiatedExtensions } from './receiver.ts';
import { nextTick } from '../../clock.ts';
import { isArrayBuffer, isBlob, isSharedArrayBuffer } from '../../base/realms.ts';
import { findCore, keepCore, markCores, requireCore } from '../../base/core.ts';
import { ownOption } from '../../base/options.ts';

/** Called when the stream has taken a frame, or with the error if it will not. */
export type WriteCallback = (error?: Error | null) => void;
/** Data that can be sent. */
export type SenderData = string | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | readonly number[];

/** Options of one frame of a message. Every option is false by default. */
export interface SenderOptions {
  /** Whether the message is binary; otherwise it is text. */
  binary?: boolean | undefined;
  /** Whether to compress the message, if permessage-deflate was negotiated. Only the first frame of a message counts. */
  compress?: boolean | undefined;
  /** Whether this frame ends the message. */
  fin?: boolean | undefined;
  /** Whether to mask, as a client must (RFC 6455 section 5.1). */
  mask?: boolean | undefined;
}

/** An entry of the queue. */
interface Waiting {
  /** Payload bytes, for `_bufferedBytes`. */
  readonly length: number;
  readonly callback: WriteCallback | undefined;
  /** Sends it. @returns Whether that is done. If not, later entries wait until `#goOn`. */
  run(): boolean;
}

/** The payload, and whether it lies in memory of the program. */
interface Payload {
  readonly bytes: Buffer;
  readonly isBorrowed: boolean;
}

function payloadOf(data: SenderData): Payload {
  const isView = ArrayBuffer.isView(data) || isArrayBuffer(data) || isSharedArrayBuffer(data);
  return { bytes: toBytes(data), isBorrowed: isView };
}

/** The state of a {@link Sender}. Its methods get the object that they were called on, which writes the frames. */
class SenderCore {
  readonly #socket: Duplex;
  readonly #deflate: PerMessageDeflate | undefined;
  readonly #mask: Pick<FrameOptions, 'generateMask' | 'maskBuffer'>;
  /** Whether the next data frame is the first of its message. */
  #isFirst = true;
  /** Whether the message that is being sent is compressed. */
  #isCompressed = false;
  /** Entries that are being compressed or read, and entries that wait for them. */
  #waiting: Waiting[] = [];
  #bufferedBytes = 0;

  constructor(
    socket: Duplex,
    extensions: NegotiatedExtensions | null | undefined,
    generateMask: GenerateMask | null | undefined,
  ) {
    this.#socket = socket;
    this.#deflate = extensions?.[PerMessageDeflate.extensionName];
    this.#mask = generateMask ? { generateMask, maskBuffer: Buffer.alloc(4) } : {};
  }

  /** Payload bytes that wait for a message to be compressed, or for a Blob to be read. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  send(sender: Sender, data: SenderData | Blob, options: SenderOptions, callback: WriteCallback | undefined): void {
    const binary = ownOption(options, 'binary') ?? false;
    const compress = ownOption(options, 'compress') ?? false;
    const fin = ownOption(options, 'fin') ?? false;
    const mask = ownOption(options, 'mask') ?? false;
    const blob = isBlob(data) ? data : null;
    const given = payloadOf(blob ? EMPTY : (data as SenderData));
    const length = blob ? blob.size : given.bytes.length;
    const isFirst = this.#isFirst;
    this.#isFirst = fin;
    if (isFirst) {
      const deflate = this.#deflate;
      this.#isCompressed = compress && deflate !== undefined && deflateCoreOf(deflate).compression.isWorthwhile(length);
    }
    const isCompressed = this.#isCompressed;
    if (fin) this.#isCompressed = false;
    const { bytes, isBorrowed } = isCompressed ? this.#keep(given) : this.#keepWhileWaiting(given);
    const frame: FrameOptions = {
      fin,
      mask,
      opcode: isFirst ? (binary ? OPCODE_BINARY : OPCODE_TEXT) : OPCODE_CONTINUATION,
      readOnly: isBorrowed,
      rsv1: isFirst && isCompressed,
    };
    const pass = (payload: Buffer): boolean =>
      isCompressed ? this.#compress(sender, payload, frame, callback) : this.#write(sender, payload, frame, callback);
    const run = (): boolean => (blob ? this.#read(sender, blob, pass) : pass(bytes));
    this.#add({ length, callback, run });
  }

  close(
    sender: Sender,
    code: number | undefined,
    reason: string | Uint8Array | undefined,
    mask: boolean | undefined,
    callback: WriteCallback | undefined,
  ): void {
    let payload = EMPTY;
    if (code !== undefined) {
      if (!isValidCloseCode(code)) throw new TypeError('First argument must be a valid error code number');
      const bytes = toReason(reason);
      if (bytes.length > MAXIMUM_CONTROL_PAYLOAD - 2) {
        throw new RangeError('The message must not be greater than 123 bytes');
      }
      payload = Buffer.concat([Buffer.from([code >>> 8, code & 0xff]), bytes]);
    }
    const frame = { fin: true, mask: mask ?? false, opcode: OPCODE_CLOSE };
    this.#add({ length: payload.length, callback, run: () => this.#write(sender, payload, frame, callback) });
  }

  get socket(): Duplex {
    return this.#socket;
  }

  control(
    sender: Sender,
    opcode: number,
    data: SenderData | Blob,
    mask: boolean | undefined,
    callback: WriteCallback | undefined,
  ): void {
    const blob = isBlob(data) ? data : null;
    const { bytes, isBorrowed } = this.#keepWhileWaiting(payloadOf(blob ? EMPTY : (data as SenderData)));
    const length = blob ? blob.size : bytes.length;
    if (length > MAXIMUM_CONTROL_PAYLOAD) throw new RangeError('The data size must not be greater than 125 bytes');
    const frame = { fin: true, mask: mask ?? false, opcode, readOnly: isBorrowed };
    const write = (payload: Buffer): boolean => this.#write(sender, payload, frame, callback);
    this.#add({ length, callback, run: () => (blob ? this.#read(sender, blob, write) : write(bytes)) });
  }

  #keepWhileWaiting(payload: Payload): Payload {
    return this.#waiting.length === 0 ? payload : this.#keep(payload);
  }

  /** Data that is written later is copied, because the caller may change its memory after the call. */
  #keep({ bytes, isBorrowed }: Payload): Payload {
    return { bytes: isBorrowed ? copyToOwn(bytes) : bytes, isBorrowed: false };
  }

  #add(entry: Waiting): void {
    if (this.#waiting.length === 0 && entry.run()) return;
    this.#waiting.push(entry);
    this.#bufferedBytes += entry.length;
  }

  /** The first waiting entry is done: sends the others, until one is not done at once. */
  #goOn(): void {
    // An entry stays first while it runs, so that messages of its callback come after it.
    do {
      this.#bufferedBytes -= this.#waiting.shift()!.length;
    } while (this.#waiting.length > 0 && this.#waiting[0].run());
  }

  #read(sender: Sender, blob: Blob, pass: (payload: Buffer) => boolean): boolean {
    blob.arrayBuffer().then(
      (memory) => {
        if (this.#socket.destroyed) this.#abandon(new Error('The socket was closed while the blob was being read'));
        else if (pass(Buffer.from(memory))) this.#goOn();
      },
      // In a separate turn, where an exception of a callback is uncaught and not a rejected promise.
      (error: Error) => nextTick(() => this.#fail(sender, error)),
    );
    return false;
  }

  #compress(sender: Sender, payload: Buffer, frame: FrameOptions, callback: WriteCallback | undefined): boolean {
    this.#deflate!.compress(payload, frame.fin ?? false, (error, output) => {
      if (this.#socket.destroyed) {
        this.#abandon(new Error('The socket was closed while data was being compressed'));
      } else if (error !== null) {
        this.#fail(sender, error);
      } else {
        this.#write(sender, output!, { ...frame, readOnly: false }, callback);
        this.#goOn();
      }
    });
    return false;
  }

  #write(sender: Sender, payload: Buffer, frame: FrameOptions, callback: WriteCallback | undefined): boolean {
    sender.sendFrame(makeFrame(payload, { ...this.#mask, ...frame }), callback);
    return true;
  }

  /** Fails all waiting entries: the peer's context would no longer match ours, or a message would be missing. */
  #fail(sender: Sender, error: Error): void {
    this.#abandon(error);
    sender.onerror(error);
  }

  #abandon(error: Error): void {
    const lost = this.#waiting;
    this.#waiting = [];
    this.#bufferedBytes = 0;
    for (const { callback } of lost) callback?.(error);
  }
}
markCores(SenderCore, 'SenderCore');

/**
 * Writes frames to `socket`, in the order of the calls. Every frame is written at once, unless it is behind a message that is being
 * compressed or a Blob that is being read.
 */
export class Sender {
  /** Called when a message cannot be sent, so that nothing behind it can. */
  onerror: (error: Error) => void = () => {};

  /**
   * @param socket The stream to write to, of which `cork`, `uncork`, `write` and `destroyed` are used.
   * @param extensions The agreement of the opening handshake.
   * @param generateMask Makes masking keys. Default: unpredictable bytes.
   */
  constructor(socket: Duplex, extensions?: NegotiatedExtensions | null, generateMask?: GenerateMask | null) {
    keepCore(this, new SenderCore(socket, extensions, generateMask));
  }

  /** Makes the bytes of one frame; see {@link makeFrame}. */
  static frame(data: Buffer | string, options: FrameOptions): Buffer[] {
    return makeFrame(data, options);
  }

  /** Payload bytes that wait for a message to be compressed, or for a Blob to be read. */
  get _bufferedBytes(): number {
    return (findCore(this) as SenderCore | undefined)?.bufferedBytes as number;
  }

  /**
   * Sends a message, or a fragment of one.
   *
   * @param data May be kept until `callback`: do not change it before.
   * @throws {TypeError} if the data cannot be sent.
   */
  send(data: SenderData | Blob, options: SenderOptions, callback?: WriteCallback): void {
    coreOf(this).send(this, data, options, callback);
  }

  /** Sends a Ping. @throws {RangeError} above 125 bytes. */
  ping(data: SenderData, mask?: boolean, callback?: WriteCallback): void {
    coreOf(this).control(this, OPCODE_PING, data, mask, callback);
  }

  /** Sends a Pong. @throws {RangeError} above 125 bytes. */
  pong(data: SenderData, mask?: boolean, callback?: WriteCallback): void {
    coreOf(this).control(this, OPCODE_PONG, data, mask, callback);
  }

  /**
   * Sends a Close frame. The program must not send more after it; this is not checked.
   *
   * @param code Left out: a frame without a status code.
   * @throws {TypeError} if the code must not be sent. @throws {RangeError} if the reason is longer than 123 bytes.
   */
  close(code?: number, reason?: string | Uint8Array, mask?: boolean, callback?: WriteCallback): void {
    coreOf(this).close(this, code, reason, mask, callback);
  }

  /** Writes the result of {@link Sender.frame}, before all waiting entries. @param list Kept until `callback`. */
  sendFrame(list: readonly (Uint8Array | string)[], callback?: WriteCallback): void {
    const { socket } = coreOf(this);
    const last = list.length - 1;
    if (last > 0) socket.cork();
    for (let index = 0; index < last; index++) socket.write(list[index]);
    socket.write(list[last], callback);
    if (last > 0) socket.uncork();
  }
}

function coreOf(sender: Sender): SenderCore {
  return requireCore(sender) as SenderCore;
}
