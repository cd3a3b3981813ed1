// The logic of the playground: explains bytes as WebSocket frames (RFC 6455 section 5.2), with the library's own codec. The header fields are
// read here, for show; payloads, order of frames and violations come from the WebAssembly module.

import {
  INPUT,
  RECORD_ADDRESS,
  RECORD_FLAGS,
  RECORD_FRAME_END,
  RECORD_LENGTH,
  RECORD_OPCODE,
  RECORD_WORDS,
  STATUS_MORE,
  STATUS_OK,
} from '../../../assembly/layout.ts';
import { Codec, DecoderState } from '../../../src/codec/codec.ts';
import { headerLength, writeHeader } from '../../../src/codec/header.ts';
import { loadKernel } from '../../../src/codec/load.ts';
import { Deflater, Inflater } from '../../../src/deflate/index.ts';
import { violationOfStatus } from '../../../src/protocol/violations.ts';

/** Most bytes that the page takes. */
export const MOST_BYTES = 65_536;
const MOST_INFLATED = 1_048_576;

/** A part of a frame header. */
export interface Field {
  readonly name: string;
  /** Bits or bytes as they stand on the wire. */
  readonly wire: string;
  readonly meaning: string;
}

export interface Frame {
  readonly kind: string;
  readonly header: readonly Field[];
  /** Hexadecimal, as on the wire and unmasked. Equal for a frame without a mask. */
  readonly masked: string;
  readonly payload: string;
}

export interface Message {
  readonly kind: 'text' | 'binary' | 'Close' | 'Ping' | 'Pong';
  /** Text; hexadecimal for bytes. */
  readonly content: string;
  /** Bytes of the payloads on the wire, where the message was compressed. */
  readonly compressedBytes?: number;
  readonly bytes: number;
}

export interface Explanation {
  readonly kernel: string;
  readonly frames: readonly Frame[];
  readonly messages: readonly Message[];
  /** Bytes at the end that begin a frame, or are the first part of its payload. */
  readonly missing: boolean;
  /** The violation, with the code of the Close frame that answers it. */
  readonly violation?: { readonly message: string; readonly code: string; readonly closeCode: number };
}

export interface Settings {
  /** Whether a client has sent the bytes, so that they must be masked. */
  readonly fromClient: boolean;
  /** Whether permessage-deflate was negotiated. */
  readonly deflates: boolean;
}

const OPCODES: Readonly<Record<number, string>> = {
  0: 'continuation',
  1: 'text',
  2: 'binary',
  8: 'Close',
  9: 'Ping',
  10: 'Pong',
};

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** @throws {SyntaxError} for what is no hexadecimal, {@link RangeError} for too many bytes. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/0x|[\s,:]/gi, '');
  if (/[^0-9a-f]/i.test(digits)) throw new SyntaxError('Only the digits 0 to 9 and a to f are hexadecimal');
  if (digits.length % 2 === 1) throw new SyntaxError('The last byte has one digit');
  if (digits.length > 2 * MOST_BYTES) throw new RangeError(`This page takes ${MOST_BYTES} bytes at most`);
  return Uint8Array.from({ length: digits.length / 2 }, (_none, index) =>
    Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16),
  );
}

/** Encodes a text message as one frame. @param key Masking key. */
export function frameOf(text: string, { fromClient, deflates }: Settings, key: number): Uint8Array {
  const plain = new TextEncoder().encode(text);
  const payload = deflates ? new Deflater().deflate(plain) : plain;
  if (payload.length > MOST_BYTES - 14) throw new RangeError(`This page takes ${MOST_BYTES} bytes at most`);
  const frame = new Uint8Array(14 + payload.length);
  const start = writeHeader(frame, 0, deflates ? 0xc1 : 0x81, payload.length, fromClient, key);
  frame.set(payload, start);
  if (fromClient) codec().maskBytes(frame, start, start + payload.length, key);
  return frame.slice(0, start + payload.length);
}

let shared: Codec | undefined;

function codec(): Codec {
  return (shared ??= new Codec(loadKernel()));
}

/** Explains `bytes`, the first that one side has sent after the opening handshake. */
export function explain(bytes: Uint8Array, settings: Settings): Explanation {
  const { frames, violationAt, missing } = decode(bytes, settings);
  const messages: Message[] = [];
  let violation = violationAt;
  try {
    new Assembler(settings, messages).addAll(frames);
  } catch (error) {
    const { message, code, closeCode } = error as Failure;
    violation = { message, code, closeCode };
  }
  return {
    kernel: codec().kernel.name,
    frames: frames.map(({ frame }) => frame),
    messages,
    missing,
    ...(violation === undefined ? {} : { violation }),
  };
}

interface Decoded {
  readonly frame: Frame;
  readonly first: number;
  readonly payload: Uint8Array;
}

type Violation = NonNullable<Explanation['violation']>;

/** One frame at a time, so that each shows what the codec has made of it. */
function decode(
  bytes: Uint8Array,
  { fromClient, deflates }: Settings,
): { frames: Decoded[]; violationAt: Violation | undefined; missing: boolean } {
  const { memory, kernel } = codec();
  const state = new DecoderState({ expectMask: fromClient, allowRsv1: deflates });
  const frames: Decoded[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = frameLength(bytes.subarray(at));
    const chunk = bytes.slice(at, length === undefined ? bytes.length : at + length);
    memory.set(chunk, INPUT);
    const count = codec().decode(state, INPUT, chunk.length);
    const { status } = codec();
    if (status !== STATUS_OK && status !== STATUS_MORE) {
      const { message, code, closeCode } = violationOfStatus(status, chunk[0], chunk[1] ?? 0);
      return { frames, violationAt: { message, code, closeCode }, missing: false };
    }
    const { records } = codec();
    const parts: Uint8Array[] = [];
    let isWhole = false;
    for (let index = 0; index < count; index++) {
      const record = index * RECORD_WORDS;
      const start = records[record + RECORD_ADDRESS];
      parts.push(new Uint8Array(kernel.memory).slice(start, start + records[record + RECORD_LENGTH]));
      isWhole = (records[record + RECORD_FLAGS] & RECORD_FRAME_END) !== 0;
    }
    if (!isWhole) return { frames, violationAt: undefined, missing: true };
    const payload = Uint8Array.from(parts.flatMap((part) => [...part]));
    frames.push({ frame: show(chunk, payload), first: chunk[0], payload });
    at += chunk.length;
  }
  return { frames, violationAt: undefined, missing: false };
}

/** Bytes of the frame that `bytes` begin with; undefined if they do not hold its length, or it is too long to be here. */
function frameLength(bytes: Uint8Array): number | undefined {
  const header = headerLength(bytes);
  if (header === 0 || bytes.length < header) return undefined;
  const total = header + payloadLength(bytes);
  return total <= bytes.length ? total : undefined;
}

function payloadLength(bytes: Uint8Array): number {
  const short = bytes[1] & 0x7f;
  if (short < 126) return short;
  return bytes.subarray(2, short === 126 ? 4 : 10).reduce((sum, byte) => sum * 256 + byte, 0);
}

function show(chunk: Uint8Array, payload: Uint8Array): Frame {
  const [first, second] = chunk;
  const bit = (byte: number, mask: number): string => ((byte & mask) === 0 ? '0' : '1');
  const opcode = first & RECORD_OPCODE;
  const header: Field[] = [
    { name: 'FIN', wire: bit(first, 0x80), meaning: first & 0x80 ? 'the last frame of its message' : 'more frames follow' },
    { name: 'RSV1', wire: bit(first, 0x40), meaning: first & 0x40 ? 'compressed (RFC 7692 section 6)' : 'not compressed' },
    { name: 'RSV2, RSV3', wire: bit(first, 0x20) + bit(first, 0x10), meaning: 'not in use' },
    { name: 'opcode', wire: opcode.toString(2).padStart(4, '0'), meaning: OPCODES[opcode] ?? 'reserved' },
    { name: 'MASK', wire: bit(second, 0x80), meaning: second & 0x80 ? 'a masking key follows' : 'no mask' },
    { name: 'length', wire: (second & 0x7f).toString(2).padStart(7, '0'), meaning: lengthMeaning(second & 0x7f) },
  ];
  const end = headerLength(chunk);
  const keyAt = second & 0x80 ? end - 4 : end;
  if (keyAt > 2) {
    header.push({ name: 'extended length', wire: toHex(chunk.subarray(2, keyAt)), meaning: `${payload.length} bytes` });
  }
  if (keyAt < end)
    header.push({ name: 'masking key', wire: toHex(chunk.subarray(keyAt, end)), meaning: 'XORed with the payload' });
  return { kind: OPCODES[opcode], header, masked: toHex(chunk.subarray(end)), payload: toHex(payload) };
}

function lengthMeaning(length: number): string {
  if (length === 126) return 'the next 2 bytes are the length';
  if (length === 127) return 'the next 8 bytes are the length';
  return `${length} ${length === 1 ? 'byte' : 'bytes'}`;
}

/** What ends a connection. */
class Failure extends Error {
  readonly code: string;
  readonly closeCode: number;

  constructor(message: string, code: string, closeCode: number) {
    super(message);
    this.code = code;
    this.closeCode = closeCode;
  }
}

/** Puts frames together to messages. */
class Assembler {
  readonly #inflater: Inflater | undefined;
  readonly #messages: Message[];
  #parts: Uint8Array[] = [];
  #isText = false;
  #isCompressed = false;

  constructor({ deflates }: Settings, messages: Message[]) {
    if (deflates) this.#inflater = new Inflater({ maxLength: MOST_INFLATED });
    this.#messages = messages;
  }

  addAll(frames: readonly Decoded[]): void {
    for (const { first, payload } of frames) {
      const opcode = first & RECORD_OPCODE;
      if (opcode >= 8) this.#addControl(opcode, payload);
      else this.#addData(first, opcode, payload);
    }
  }

  #addControl(opcode: number, payload: Uint8Array): void {
    const kind = OPCODES[opcode] as Message['kind'];
    let content = toHex(payload);
    if (kind === 'Close' && payload.length >= 2)
      content = `${payload[0] * 256 + payload[1]} ${textOf(payload.subarray(2))}`.trimEnd();
    if (kind === 'Close' && payload.length === 1)
      throw new Failure('Invalid WebSocket frame: invalid payload length 1', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 1002);
    this.#messages.push({ kind, content, bytes: payload.length });
  }

  #addData(first: number, opcode: number, payload: Uint8Array): void {
    if (opcode !== 0) {
      this.#isText = opcode === 1;
      this.#isCompressed = (first & 0x40) !== 0;
      this.#parts = [];
    }
    this.#parts.push(payload);
    if ((first & 0x80) === 0) return;
    const wire = Uint8Array.from(this.#parts.flatMap((part) => [...part]));
    const bytes = this.#isCompressed ? this.#inflate(wire) : wire;
    this.#messages.push({
      kind: this.#isText ? 'text' : 'binary',
      content: this.#isText ? textOf(bytes) : toHex(bytes),
      bytes: bytes.length,
      ...(this.#isCompressed ? { compressedBytes: wire.length } : {}),
    });
  }

  #inflate(wire: Uint8Array): Uint8Array {
    try {
      return this.#inflater!.inflate(wire);
    } catch (error) {
      const { code, message } = error as Error & { code: string };
      throw new Failure(message, code, code === 'ERR_INFLATE_LENGTH' ? 1009 : 1007);
    }
  }
}

/** @throws {Failure} if it is no UTF-8. */
function textOf(bytes: Uint8Array): string {
  if (!codec().isUtf8(bytes)) throw new Failure('Invalid WebSocket frame: invalid UTF-8 sequence', 'WS_ERR_INVALID_UTF8', 1007);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}
