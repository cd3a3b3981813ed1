// fibjs's ws.Message: one message that is read from a stream or written to one.

import { Buffer } from 'node:buffer';
import { copyToOwn } from '../../nodejs/buffers.ts';
import type { FibjsBinding } from './binding.ts';
import { MessageBody } from './body.ts';
import { BINARY, TEXT } from './constants.ts';
import { encodeMessage, readMessage } from './message-io.ts';
import { sourceOf, writeTo, type MessageSource, type MessageTarget } from './streams.ts';
import { checkLimit } from '../../base/options.ts';

/** Largest message in bytes, unless the program names a limit: 64 MiB. */
export const DEFAULT_MAXIMUM_PAYLOAD = 67108864;

/** The part of a binding that messages use. */
type MessageBinding = Pick<FibjsBinding, 'platform' | 'deflateEngine'>;

/** A WebSocket message, of any type and on either side. */
export class MessageBase {
  /** TEXT, BINARY, CLOSE, PING or PONG. */
  type: number;
  /** Whether the frames are masked: those of clients are (RFC 6455 section 5.3). */
  masked: boolean;
  /** Whether the payload is compressed (RFC 7692). */
  compress: boolean;
  /** Largest payload that {@link readFrom} takes, in bytes, before and after inflating; 0 for no limit. */
  maxSize: number;
  readonly #binding: MessageBinding;
  #body: MessageBody = new MessageBody();

  /** Programs construct `Message`; see {@link MessageConstructor}. */
  constructor(binding: MessageBinding, type: number, masked: boolean, compress: boolean, maxSize: number) {
    checkLimit('maxSize', maxSize);
    this.#binding = binding;
    this.type = type;
    this.masked = masked;
    this.compress = compress;
    this.maxSize = maxSize;
  }

  /** The payload. {@link readFrom} replaces it. */
  get body(): MessageBody {
    return this.#body;
  }

  /** All of the payload, including bytes that were read from `body`: a string for TEXT, else a copy as a Buffer. */
  get data(): string | Buffer {
    const { bytes } = this.#body;
    return this.type === TEXT ? bytes.toString() : copyToOwn(bytes);
  }

  /**
   * Reads one message: joins its fragments and decompresses it. Sets `type`, `masked`, `compress` and `body`; changes nothing if it
   * fails. Skips a Ping or Pong between the fragments; a control frame before them is a message by itself.
   *
   * @param source Bytes, which are borrowed; a Readable, which must not be flowing; or an object with `read(size)`. Bytes after the
   *   message stay in the stream.
   * @returns How many bytes the message took.
   * @throws {TruncatedMessageError} when the source ends before the message does, or a Close frame cuts it short.
   * @throws {PeerError} ProtocolError, CapacityError (longer than `maxSize`), Utf8Error or CompressionError. The stream cannot be used
   *   any more.
   */
  async readFrom(source: MessageSource): Promise<number> {
    const stream = sourceOf(source);
    const { platform } = this.#binding;
    const { bytes, ...members } = await readMessage(platform, this.#binding.deflateEngine?.(), stream, this.maxSize);
    Object.assign(this, members);
    this.#body = new MessageBody(bytes);
    return stream.taken;
  }

  /**
   * Writes the message as one frame. Sends all of `body`, including bytes that were read from it.
   *
   * @param target A Writable, or an object with `write(bytes)`.
   * @returns Fulfils when the stream has taken it.
   * @throws {UsageError} for a `type` that cannot be sent, text that is not UTF-8, or a control frame longer than 125 bytes.
   */
  async sendTo(target: MessageTarget): Promise<void> {
    const { type, masked, compress } = this;
    const message = { type, masked, compress, bytes: Buffer.from(this.#body.bytes) };
    await writeTo(target, await encodeMessage(this.#binding.platform, this.#binding.deflateEngine?.(), message));
  }
}

/** The type of `Message`. */
export interface MessageConstructor {
  readonly prototype: MessageBase;
  /**
   * @param type Default BINARY.
   * @param masked Default true.
   * @param compress Default false.
   * @param maxSize Largest payload to read, in bytes; 0 for no limit. Default 64 MiB.
   */
  new (type?: number, masked?: boolean, compress?: boolean, maxSize?: number): MessageBase;
}

/** Makes the class that programs construct. */
export function createMessageClass(binding: MessageBinding): MessageConstructor {
  return class Message extends MessageBase {
    constructor(type = BINARY, masked = true, compress = false, maxSize = DEFAULT_MAXIMUM_PAYLOAD) {
      super(binding, type, masked, compress, maxSize);
    }
  };
}
