// Frames that a client sends in draft-hixie-thewebsocketprotocol-76, section 5.3. Obsolete: no masking, no fragments, no Pings.
// Sans-I/O, and bounded: whatever arrives, at most `maxPayload` bytes of one message are held.

import { CapacityError, type PeerError } from '../../base/errors.ts';
import { platform } from '../../nodejs/platform.ts';
import { MessageAssembler } from '../../protocol/assembler.ts';
import { messageTooLarge } from '../../protocol/violations.ts';

/** First byte of a text frame. */
export const TEXT_START = 0x00;
/** Last byte of a text frame; as a first byte, with the length 0, the closing handshake. */
export const TEXT_END = 0xff;
const CLOSING_FRAME = 0xff;
/** First bytes from here on announce a length. */
const LENGTH_BIT = 0x80;
/** Most bytes that spell a length, seven bits each: any number of leading zeroes would be legal. */
const MAXIMUM_LENGTH_BYTES = 7;

/** What a decoder tells its owner. */
export interface HixieFrames {
  /** The bytes of a text message, not checked to be UTF-8; the receiver's to keep. */
  onText(bytes: Uint8Array): void;
  /** The closing handshake arrived. Nothing follows. */
  onClose(): void;
  /** A limit was exceeded. Nothing follows. */
  onViolation(error: PeerError): void;
}

type State = 'type' | 'text' | 'ignored text' | 'length' | 'ignored bytes';

/** Takes a client's byte stream apart, cut anywhere. */
export class HixieDecoder {
  readonly #owner: HixieFrames;
  readonly #maxPayload: number;
  readonly #message = new MessageAssembler(platform);
  #state: State = 'type';
  #type = 0;
  /** Bytes of the frame at hand: the announced ones that are still to be skipped, or those of ignored text so far. */
  #length = 0;
  #lengthBytes = 0;
  #isDeaf = false;

  /** @param maxPayload Longest frame, in bytes, be it kept or skipped; 0 for no limit. */
  constructor(owner: HixieFrames, maxPayload: number) {
    this.#owner = owner;
    this.#maxPayload = maxPayload === 0 ? Number.MAX_SAFE_INTEGER : maxPayload;
  }

  /** Whether input is ignored: after the closing handshake, a violation, or {@link stop}. */
  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** Ignores whatever comes, and drops what is held. */
  stop(): void {
    this.#isDeaf = true;
    this.#message.clear();
  }

  /** @param chunk Borrowed; must not change during the call. */
  receive(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#isDeaf) at = this.#step(chunk, at);
  }

  /** Takes the bytes from `at` on that belong together. @returns Where the next ones are. */
  #step(chunk: Uint8Array, at: number): number {
    switch (this.#state) {
      case 'type':
        this.#type = chunk[at];
        this.#length = this.#lengthBytes = 0;
        this.#state = this.#type >= LENGTH_BIT ? 'length' : this.#type === TEXT_START ? 'text' : 'ignored text';
        return at + 1;
      case 'length':
        this.#addLengthByte(chunk[at]);
        return at + 1;
      case 'ignored bytes': {
        const end = Math.min(chunk.length, at + this.#length);
        this.#length -= end - at;
        if (this.#length === 0) this.#state = 'type';
        return end;
      }
      default:
        return this.#takeText(chunk, at);
    }
  }

  #addLengthByte(byte: number): void {
    this.#length = this.#length * 128 + (byte & 0x7f);
    if (++this.#lengthBytes > MAXIMUM_LENGTH_BYTES || this.#length > this.#maxPayload) return this.#fail(messageTooLarge());
    if (byte >= LENGTH_BIT) return;
    if (this.#type === CLOSING_FRAME && this.#length === 0) {
      this.stop();
      this.#owner.onClose();
    } else {
      this.#state = this.#length === 0 ? 'type' : 'ignored bytes';
    }
  }

  #takeText(chunk: Uint8Array, at: number): number {
    const found = chunk.indexOf(TEXT_END, at);
    const end = found === -1 ? chunk.length : found;
    this.#length += end - at;
    if (this.#length > this.#maxPayload) {
      this.#fail(messageTooLarge());
      return end;
    }
    const isKept = this.#state === 'text';
    if (isKept && end > at) this.#message.append(chunk, at, end, 0, false);
    if (found === -1) return end;
    this.#state = 'type';
    if (isKept) this.#owner.onText(this.#message.take().subarray(0, this.#length));
    return end + 1;
  }

  #fail(error: CapacityError): void {
    this.stop();
    this.#owner.onViolation(error);
  }
}
