// Translates between the frames of draft-hixie-thewebsocketprotocol-76, section 5.3, and those of RFC 6455, on a server's side.
// Obsolete: the draft has text only, without masking, fragments, Pings and close codes. The connection behind it is the usual one, so
// limits, deadlines and the check for UTF-8 are the usual ones as well.

import { Buffer } from 'node:buffer';
import { FIN_BIT, OPCODE_CLOSE, OPCODE_CONTINUATION, OPCODE_TEXT } from '../../base/opcodes.ts';
import { headerLength, writeHeader } from '../../codec/header.ts';

/** First byte of a text frame. */
const TEXT_START = 0x00;
/** Last byte of a text frame. UTF-8 has no such byte. */
export const TEXT_END = 0xff;
/** The closing handshake: a frame of this type and of the length 0. */
const CLOSING_FRAME = 0xff;
/** First bytes from here on announce a length. */
const LENGTH_BIT = 0x80;
/** Most bytes that spell a length, seven bits each. The draft allows any number of leading zeroes. */
const MAXIMUM_LENGTH_BYTES = 7;
const LONGEST_HEADER = 14;

/** A frame as a client of RFC 6455 sends it. Its masking key is zero, so the payload stays as it is. */
function maskedFrame(first: number, payload: Uint8Array, length: number = payload.length): Uint8Array {
  const frame = new Uint8Array(LONGEST_HEADER + payload.length);
  const start = writeHeader(frame, 0, first, length, true, 0);
  frame.set(payload, start);
  return frame.subarray(0, start + payload.length);
}

type State = 'type' | 'text' | 'ignored text' | 'length' | 'ignored bytes' | 'over';

/** Translates the bytes of a client, cut anywhere. Holds no payload: a part of a message becomes a fragment. */
export class HixieDecoder {
  readonly #maxPayload: number;
  #state: State = 'type';
  #type = 0;
  /** Announced bytes that are still to be skipped, or bytes of ignored text so far. */
  #length = 0;
  #lengthBytes = 0;
  /** Whether the text frame at hand has a fragment already. */
  #isContinued = false;

  /** @param maxPayload Longest frame that is skipped, in bytes; 0 for no limit. The connection limits text. */
  constructor(maxPayload: number) {
    this.#maxPayload = maxPayload === 0 ? Number.MAX_SAFE_INTEGER : maxPayload;
  }

  /** @param chunk Borrowed. @returns Whole frames of RFC 6455, in memory of their own. */
  decode(chunk: Uint8Array): Uint8Array {
    const frames: Uint8Array[] = [];
    for (let at = 0; at < chunk.length && this.#state !== 'over';) at = this.#step(chunk, at, frames);
    return frames.length === 1 ? frames[0] : Buffer.concat(frames);
  }

  /** Takes the bytes from `at` on that belong together. @returns Where the next ones are. */
  #step(chunk: Uint8Array, at: number, frames: Uint8Array[]): number {
    switch (this.#state) {
      case 'type':
        this.#type = chunk[at];
        this.#length = this.#lengthBytes = 0;
        this.#isContinued = false;
        this.#state = this.#type >= LENGTH_BIT ? 'length' : this.#type === TEXT_START ? 'text' : 'ignored text';
        return at + 1;
      case 'length':
        this.#addLengthByte(chunk[at], frames);
        return at + 1;
      case 'ignored bytes': {
        const end = Math.min(chunk.length, at + this.#length);
        this.#length -= end - at;
        if (this.#length === 0) this.#state = 'type';
        return end;
      }
      default:
        return this.#takeText(chunk, at, frames);
    }
  }

  #addLengthByte(byte: number, frames: Uint8Array[]): void {
    this.#length = this.#length * 128 + (byte & 0x7f);
    if (++this.#lengthBytes > MAXIMUM_LENGTH_BYTES || this.#length > this.#maxPayload) return this.#refuse(frames);
    if (byte >= LENGTH_BIT) return;
    if (this.#type === CLOSING_FRAME && this.#length === 0) {
      this.#state = 'over';
      frames.push(maskedFrame(FIN_BIT | OPCODE_CLOSE, new Uint8Array(0)));
    } else {
      this.#state = this.#length === 0 ? 'type' : 'ignored bytes';
    }
  }

  #takeText(chunk: Uint8Array, at: number, frames: Uint8Array[]): number {
    const found = chunk.indexOf(TEXT_END, at);
    const end = found === -1 ? chunk.length : found;
    if (this.#state === 'text') {
      const opcode = this.#isContinued ? OPCODE_CONTINUATION : OPCODE_TEXT;
      frames.push(maskedFrame((found === -1 ? 0 : FIN_BIT) | opcode, chunk.subarray(at, end)));
      this.#isContinued = true;
    } else {
      this.#length += end - at;
      if (this.#length > this.#maxPayload) this.#refuse(frames);
    }
    if (found === -1 || this.#state === 'over') return end;
    this.#state = 'type';
    return end + 1;
  }

  /** Ends with the header of a frame that is longer than the connection allows. The connection reports it as such. */
  #refuse(frames: Uint8Array[]): void {
    this.#state = 'over';
    // Without a limit of messages, the codec's own limit of 2^53 - 1 bytes holds.
    const isUnlimited = this.#maxPayload === Number.MAX_SAFE_INTEGER;
    const length = Number.MAX_SAFE_INTEGER + (isUnlimited ? 1 : 0);
    frames.push(maskedFrame(FIN_BIT | OPCODE_TEXT, new Uint8Array(0), length));
  }
}

/** Translates the bytes of a server's connection. */
export class HixieEncoder {
  #isFragmentOpen = false;

  /** @param chunks Whole frames, without masks. @returns Frames of the draft, in memory of their own; empty for control frames other than Close. */
  encode(chunks: readonly Uint8Array[]): Buffer {
    const bytes = Buffer.concat(chunks);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const header = headerLength(bytes.subarray(at));
      const length =
        header === 2 ? bytes[at + 1] : header === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      this.#add(bytes[at], bytes.subarray(at + header, at + header + length), pieces);
      at += header + length;
    }
    return Buffer.concat(pieces);
  }

  #add(first: number, payload: Uint8Array, pieces: Uint8Array[]): void {
    const opcode = first & 0x0f;
    if (opcode === OPCODE_CLOSE) {
      // A message that is not finished would contain the closing handshake.
      pieces.push(Uint8Array.from(this.#isFragmentOpen ? [TEXT_END, CLOSING_FRAME, 0] : [CLOSING_FRAME, 0]));
    } else if (opcode === OPCODE_TEXT || opcode === OPCODE_CONTINUATION) {
      const isFinal = (first & FIN_BIT) !== 0;
      if (!this.#isFragmentOpen) pieces.push(Uint8Array.of(TEXT_START));
      pieces.push(payload);
      if (isFinal) pieces.push(Uint8Array.of(TEXT_END));
      this.#isFragmentOpen = !isFinal;
    }
  }
}
