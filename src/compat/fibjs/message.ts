// fibjs's ws.Message: one WebSocket message that is read from a stream or written to one.

import { Buffer } from 'node:buffer';
import type { DeflateEngine } from '../../deflate/engine.ts';
import { copyToOwn } from '../../nodejs/views.ts';
import type { Platform } from '../../platform.ts';
import { MessageBody } from './body.ts';
import { BINARY, DEFAULT_MAXIMUM_PAYLOAD, TEXT } from './constants.ts';
import { encodeMessage, readMessage } from './message-io.ts';
import { sourceOf, writeTo, type MessageSource, type MessageTarget } from './streams.ts';
import { checkLimit } from '../../base/options.ts';

/** What a runtime lends to messages. */
export interface MessageBinding {
  readonly platform: Platform;
  deflateEngine?(): DeflateEngine;
}

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

  constructor(
    binding: MessageBinding,
    init: { readonly type: number; readonly masked: boolean; readonly compress: boolean; readonly maxSize: number },
  ) {
    this.#binding = binding;
    this.type = init.type;
    this.masked = init.masked;
    this.compress = init.compress;
    this.maxSize = init.maxSize;
  }

  /** The payload. {@link readFrom} replaces it. */
  get body(): MessageBody {
    return this.#body;
  }

  /** All of the payload, whatever has been read of `body`: a string for TEXT, else a Buffer of its own. */
  get data(): string | Buffer {
    const { bytes } = this.#body;
    return this.type === TEXT ? bytes.toString() : copyToOwn(bytes);
  }

  /**
   * Reads one message: joins its fragments and inflates it. Sets `type`, `masked`, `compress` and `body`; changes nothing when it
   * fails. A Ping or Pong between the fragments is skipped; a control frame before them is a message by itself.
   *
   * @param source Bytes, which are borrowed; a Readable, which must not be flowing; or an object with `read(size)`. What comes
   *   behind the message stays in the stream; of bytes, the result says where it starts.
   * @returns How many bytes the message took.
   * @throws {TruncatedMessageError} when the source ends before the message does, or a Close frame cuts it short.
   * @throws {PeerError} ProtocolError, CapacityError (longer than `maxSize`), Utf8Error or CompressionError. The stream is of no
   *   use any more.
   */
  async readFrom(source: MessageSource): Promise<number> {
    const bytes = sourceOf(source);
    const message = await readMessage(this.#binding.platform, this.#binding.deflateEngine?.(), bytes, this.maxSize);
    this.type = message.type;
    this.masked = message.masked;
    this.compress = message.compress;
    this.#body = new MessageBody(message.bytes);
    return bytes.taken;
  }

  /**
   * Writes the message as one frame, masked and compressed as it says. All of `body` is sent, whatever has been read of it.
   *
   * @param target A Writable, or an object with `write(bytes)`.
   * @returns Fulfils when the stream has taken it.
   * @throws {UsageError} when `type` is none that can be sent, text is not UTF-8, or a control frame is longer than 125 bytes.
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
    constructor(
      type: number = BINARY,
      masked: boolean = true,
      compress: boolean = false,
      maxSize: number = DEFAULT_MAXIMUM_PAYLOAD,
    ) {
      checkLimit('maxSize', maxSize);
      super(binding, { type, masked, compress, maxSize });
    }
  };
}
