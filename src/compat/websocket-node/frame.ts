// A single frame, which is parsed from a queue of bytes or written to bytes. RFC 6455 section 5.2. It is the argument of 'frame' events and
// of `sendFrame`, and a parser for the bytes of a program. Connections do not use it for messages.

import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import { MAXIMUM_CONTROL_PAYLOAD, OPCODE_CLOSE } from '../../base/opcodes.ts';
import { writeHeader } from '../../codec/header.ts';
import { platform } from '../../nodejs/platform.ts';
import { copyToOwn } from '../../nodejs/buffers.ts';
import type { IBufferList, IConfig } from './types.ts';
import { isUint8Array } from '../../base/realms.ts';

const DECODE_HEADER = 1;
const WAITING_FOR_16_BIT_LENGTH = 2;
const WAITING_FOR_64_BIT_LENGTH = 3;
const WAITING_FOR_MASK_KEY = 4;
const WAITING_FOR_PAYLOAD = 5;
const COMPLETE = 6;

const EMPTY: Buffer = Buffer.alloc(0);
const LONGEST_HEADER = 14;

/** Queue for bytes that were passed to `addData` without a queue. */
class Chunks implements IBufferList {
  #bytes: Buffer = EMPTY;

  get length(): number {
    return this.#bytes.length;
  }

  push(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  joinInto(target: Buffer, offset: number, start: number, end: number): void {
    this.#bytes.copy(target, offset, start, end);
  }

  advance(count: number): void {
    this.#bytes = this.#bytes.subarray(count);
  }

  take(count: number): Buffer {
    return this.#bytes.subarray(0, count);
  }
}

export class WebSocketFrame {
  maskBytes: Buffer;
  frameHeader: Buffer;
  config: IConfig;
  maxReceivedFrameSize: number;
  /** Whether the frame breaks the protocol; `dropReason` says how. */
  protocolError: boolean = false;
  /** Whether the frame is longer than `maxReceivedFrameSize`. */
  frameTooLarge: boolean = false;
  /** Whether it is a Close frame with a payload of one byte. */
  invalidCloseFrameLength: boolean = false;
  parseState: number = DECODE_HEADER;
  /** Status code of a Close frame; -1 for none. */
  closeStatus: number = -1;
  declare fin: boolean;
  declare rsv1: boolean;
  declare rsv2: boolean;
  declare rsv3: boolean;
  declare mask: boolean | number;
  declare opcode: number;
  /** Bytes of the payload, a Close frame's status code included. */
  declare length: number;
  /** The payload, without a Close frame's status code. */
  declare binaryPayload: Buffer;
  declare dropReason: string;
  #own: Chunks | undefined;

  /**
   * @param maskBytes Room for a masking key, 4 bytes; overwritten.
   * @param frameHeader Room for a header, 10 bytes; overwritten.
   * @param config `maxReceivedFrameSize` is read; without it there is no limit.
   */
  constructor(maskBytes: Buffer = Buffer.alloc(4), frameHeader: Buffer = Buffer.alloc(10), config: IConfig = {}) {
    this.maskBytes = maskBytes;
    this.frameHeader = frameHeader;
    this.config = config;
    this.maxReceivedFrameSize = config.maxReceivedFrameSize as number;
  }

  /**
   * Parses the next bytes.
   *
   * @param data A queue, from which only the bytes of the frame are taken; or bytes, which are copied and continue those of the last call.
   * @returns Whether parsing is over: the frame is complete, or `protocolError` or `frameTooLarge` is set.
   */
  addData(data: IBufferList | Uint8Array): boolean {
    const list = this.#listOf(data);
    if (this.parseState === DECODE_HEADER && list.length >= 2 && this.#readStart(list)) return true;
    if (this.parseState === WAITING_FOR_16_BIT_LENGTH && list.length >= 2) {
      list.joinInto(this.frameHeader, 2, 0, 2);
      list.advance(2);
      this.length = this.frameHeader.readUInt16BE(2);
      this.parseState = WAITING_FOR_MASK_KEY;
    } else if (this.parseState === WAITING_FOR_64_BIT_LENGTH && list.length >= 8) {
      list.joinInto(this.frameHeader, 2, 0, 8);
      list.advance(8);
      if (this.frameHeader.readUInt32BE(2) !== 0) return this.#refuse('Unsupported 64-bit length frame received');
      this.length = this.frameHeader.readUInt32BE(6);
      this.parseState = WAITING_FOR_MASK_KEY;
    }
    if (this.parseState === WAITING_FOR_MASK_KEY) this.#readMask(list);
    if (this.parseState !== WAITING_FOR_PAYLOAD) return false;
    if (this.length > this.maxReceivedFrameSize) {
      this.frameTooLarge = true;
      this.dropReason = `Frame size of ${this.length} bytes exceeds maximum accepted frame size`;
      return true;
    }
    return this.#readPayload(list);
  }

  /** Skips the payload of the frame, once all of it has arrived. @returns Whether it did. */
  throwAwayPayload(data: IBufferList | Uint8Array): boolean {
    const list = this.#listOf(data);
    if (list.length < this.length) return false;
    list.advance(this.length);
    this.parseState = COMPLETE;
    return true;
  }

  /**
   * Writes the frame to bytes. Sets `length`.
   *
   * @param nullMask Whether the masking key is zero, so that the payload stays readable: for tests.
   * @throws {RangeError} for a Close frame without a `closeStatus`.
   * @throws {TypeError} for a payload that is not a Buffer.
   */
  toBuffer(nullMask?: boolean): Buffer {
    const { fin, rsv1, rsv2, rsv3, mask, opcode } = this;
    const payload = this.#payload();
    this.length = payload.length;
    const first = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | (rsv2 ? 0x20 : 0) | (rsv3 ? 0x10 : 0) | (opcode & 0x0f);
    const key = nullMask ? 0 : mask ? randomFillSync(this.maskBytes).readInt32LE() : 0;
    if (nullMask && mask) this.maskBytes.fill(0);
    const frame = Buffer.alloc(LONGEST_HEADER + payload.length);
    const start = writeHeader(frame, 0, first, payload.length, Boolean(mask), key);
    frame.set(payload, start);
    const end = start + payload.length;
    if (mask && !nullMask) platform.codec.maskBytes(frame, start, end, key);
    return frame.subarray(0, end);
  }

  toString(): string {
    return `Opcode: ${this.opcode}, fin: ${this.fin}, length: ${this.length}, hasPayload: ${Boolean(this.binaryPayload)}, masked: ${this.mask}`;
  }

  #listOf(data: IBufferList | Uint8Array): IBufferList {
    if (!isUint8Array(data)) return data;
    this.#own ??= new Chunks();
    this.#own.push(data);
    return this.#own;
  }

  /** @returns Whether the frame is refused. */
  #readStart(list: IBufferList): boolean {
    list.joinInto(this.frameHeader, 0, 0, 2);
    list.advance(2);
    const [first, second] = this.frameHeader;
    this.fin = (first & 0x80) !== 0;
    this.rsv1 = (first & 0x40) !== 0;
    this.rsv2 = (first & 0x20) !== 0;
    this.rsv3 = (first & 0x10) !== 0;
    this.mask = (second & 0x80) !== 0;
    this.opcode = first & 0x0f;
    this.length = second & 0x7f;
    if (this.opcode >= OPCODE_CLOSE) {
      if (this.length > MAXIMUM_CONTROL_PAYLOAD) return this.#refuse('Illegal control frame longer than 125 bytes.');
      if (!this.fin) return this.#refuse('Control frames must not be fragmented.');
    }
    if (this.length === 126) this.parseState = WAITING_FOR_16_BIT_LENGTH;
    else if (this.length === 127) this.parseState = WAITING_FOR_64_BIT_LENGTH;
    else this.parseState = WAITING_FOR_MASK_KEY;
    return false;
  }

  #readMask(list: IBufferList): void {
    if (this.mask) {
      if (list.length < 4) return;
      list.joinInto(this.maskBytes, 0, 0, 4);
      list.advance(4);
    }
    this.parseState = WAITING_FOR_PAYLOAD;
  }

  #readPayload(list: IBufferList): boolean {
    const { length } = this;
    if (length > 0 && list.length < length) return false;
    let payload: Buffer = Buffer.alloc(0);
    if (length > 0) {
      // Copied, because the bytes belong to the list and unmasking changes them.
      payload = copyToOwn(list.take(length) as Uint8Array);
      list.advance(length);
    }
    if (this.mask) platform.codec.maskBytes(payload, 0, length, this.maskBytes.readInt32LE());
    if (this.opcode === OPCODE_CLOSE) {
      this.invalidCloseFrameLength = length === 1;
      if (length >= 2) this.closeStatus = payload.readUInt16BE();
      payload = payload.subarray(Math.min(length, 2));
    }
    this.binaryPayload = payload;
    this.parseState = COMPLETE;
    return true;
  }

  #refuse(reason: string): true {
    this.protocolError = true;
    this.dropReason = reason;
    return true;
  }

  #payload(): Uint8Array {
    const payload: unknown = this.binaryPayload ?? EMPTY;
    if (!isUint8Array(payload)) throw new TypeError('binaryPayload must be a Buffer');
    if (this.opcode !== OPCODE_CLOSE) return payload;
    const status = Buffer.alloc(2);
    status.writeUInt16BE(this.closeStatus);
    return Buffer.concat([status, payload]);
  }
}

/** Argument of {@link receivedFrame}. */
export interface ReceivedFrame {
  /** First header byte: FIN, RSV bits, opcode. */
  readonly first: number;
  readonly isMasked: boolean;
  readonly payload: Buffer;
  /** Status code of a Close frame; left out for none. */
  readonly closeStatus?: number;
  /** Room that the frames of a connection share. */
  readonly maskBytes: Buffer;
  readonly frameHeader: Buffer;
}

/** Makes the frame that a connection has received, in the state in which `addData` would have left it. */
export function receivedFrame(config: IConfig, received: ReceivedFrame): WebSocketFrame {
  const { first, payload, closeStatus = -1 } = received;
  const frame = new WebSocketFrame(received.maskBytes, received.frameHeader, config);
  return Object.assign(frame, {
    fin: (first & 0x80) !== 0,
    rsv1: (first & 0x40) !== 0,
    rsv2: false,
    rsv3: false,
    mask: received.isMasked,
    opcode: first & 0x0f,
    length: payload.length + (closeStatus === -1 ? 0 : 2),
    binaryPayload: payload,
    closeStatus,
    parseState: COMPLETE,
  });
}
