// The three kernels of the codec, and a reader that feeds one a stream in chunks as a connection does.

import {
  INPUT,
  RECORD_ADDRESS,
  RECORD_ASCII,
  RECORD_CAPACITY,
  RECORD_FIN,
  RECORD_FLAGS,
  RECORD_FRAME_END,
  RECORD_FRAME_START,
  RECORD_LENGTH,
  RECORD_OPCODE,
  RECORD_RSV1,
  RECORD_WORDS,
  STATUS_INVALID_UTF8,
  STATUS_MORE,
  STATUS_OK,
} from '../../assembly/layout.ts';
import { Codec, DecoderState, type Kernel } from '../../src/codec/codec.ts';
import { SCALAR_MODULE, SIMD_MODULE } from '../../src/codec/embedded.ts';
import { createTypeScriptKernel } from '../../src/codec/scalar.ts';
import { decodeModule, kernelOfModule } from '../../src/codec/wasm.ts';

const simd = new WebAssembly.Module(decodeModule(SIMD_MODULE));
const scalar = new WebAssembly.Module(decodeModule(SCALAR_MODULE));

/** For `describe.each`: the name of a kernel and a way to make one. */
export const KERNELS: readonly { readonly name: Kernel['name']; readonly create: () => Kernel }[] = [
  { name: 'wasm-simd', create: () => kernelOfModule(simd, 'wasm-simd') },
  { name: 'wasm-scalar', create: () => kernelOfModule(scalar, 'wasm-scalar') },
  { name: 'typescript', create: createTypeScriptKernel },
];

/** One codec a kernel, each with a memory of its own. */
export function createCodecs(): Codec[] {
  return KERNELS.map(({ create }) => new Codec(create()));
}

export interface DecodedFrame {
  opcode: number;
  fin: boolean;
  rsv1: boolean;
  /** Every record of the frame has RECORD_ASCII. */
  ascii: boolean;
  payload: Uint8Array;
}

/** The result of reading a stream: the same however the stream was cut. */
export interface Reading {
  frames: DecodedFrame[];
  /** The data frame that is still incomplete; undefined too once the stream has failed, as its last records then depend on the cut. */
  unfinished: DecodedFrame | undefined;
  status: number;
  /** Bytes of an unfinished header or control frame. */
  leftover: Uint8Array;
  /** The state block words that mean something now. */
  state: { frame: number; remaining: number; key: number; message: number; utf8: number } | undefined;
}

/** Feeds a codec one stream. The chunk is placed `alignment` bytes into the input arena, an unfinished header right before it. */
export class StreamReader {
  readonly codec: Codec;
  readonly connection: DecoderState;
  readonly alignment: number;
  /** How often STATUS_MORE was met. */
  resumed: number = 0;
  readonly #frames: DecodedFrame[] = [];
  #open: (Omit<DecodedFrame, 'payload'> & { pieces: Uint8Array[] }) | undefined;
  #leftover: Uint8Array = new Uint8Array();
  #status: number = STATUS_OK;

  constructor(codec: Codec, options: ConstructorParameters<typeof DecoderState>[0], alignment: number = 0) {
    this.codec = codec;
    this.connection = new DecoderState(options);
    this.alignment = alignment;
  }

  read(chunk: Uint8Array): this {
    if (this.#status !== STATUS_OK) return this;
    const { codec } = this;
    let at = INPUT + this.alignment - this.#leftover.length;
    const end = INPUT + this.alignment + chunk.length;
    codec.memory.set(this.#leftover, at);
    codec.memory.set(chunk, end - chunk.length);
    for (;;) {
      const count = codec.decode(this.connection, at, end - at);
      this.#takeRecords(count, at, at + codec.consumed);
      at += codec.consumed;
      if (codec.status !== STATUS_MORE) break;
      if (count !== RECORD_CAPACITY || at >= end) throw new Error(`STATUS_MORE after ${count} records, ${end - at} bytes left`);
      this.resumed++;
    }
    this.#status = codec.status;
    this.#leftover = codec.memory.slice(at, end);
    if (this.#status === STATUS_OK && this.#leftover.length > 139) throw new Error(`${this.#leftover.length} bytes left over`);
    return this;
  }

  get result(): Reading {
    const { connection } = this;
    const hasFailed = this.#status !== STATUS_OK;
    const isOpen = connection.frame !== 0;
    return {
      frames: this.#frames,
      unfinished: this.#open && this.#status !== STATUS_INVALID_UTF8 ? joined(this.#open) : undefined,
      status: this.#status,
      leftover: hasFailed ? new Uint8Array() : this.#leftover,
      state: hasFailed
        ? undefined
        : {
            frame: connection.frame,
            remaining: connection.remaining,
            key: isOpen ? connection.key : 0,
            message: connection.message,
            utf8: connection.utf8,
          },
    };
  }

  /** Checks that the records lie in order in [start, end), and joins those of one frame. */
  #takeRecords(count: number, start: number, end: number): void {
    const { records, memory } = this.codec;
    let behind = start;
    for (let record = 0; record < count * RECORD_WORDS; record += RECORD_WORDS) {
      const flags = records[record + RECORD_FLAGS];
      const address = records[record + RECORD_ADDRESS];
      const length = records[record + RECORD_LENGTH];
      if (address < behind || address + length > end)
        throw new Error(`Record at ${address}+${length}, not in ${behind}–${end}`);
      behind = address + length;
      const opcode = flags & RECORD_OPCODE;
      const ascii = (flags & RECORD_ASCII) !== 0;
      if ((flags & RECORD_FRAME_START) !== 0) {
        if (this.#open) throw new Error('A frame starts in a frame');
        this.#open = { opcode, fin: (flags & RECORD_FIN) !== 0, rsv1: (flags & RECORD_RSV1) !== 0, ascii: true, pieces: [] };
      }
      const open = this.#open;
      if (open?.opcode !== opcode) throw new Error(`A record of opcode ${opcode} in a frame of opcode ${open?.opcode}`);
      open.ascii &&= ascii;
      open.pieces.push(memory.slice(address, address + length));
      if ((flags & RECORD_FRAME_END) !== 0) {
        this.#frames.push(joined(open));
        this.#open = undefined;
      }
    }
  }
}

function joined(open: Omit<DecodedFrame, 'payload'> & { pieces: Uint8Array[] }): DecodedFrame {
  const { pieces, ...rest } = open;
  if (pieces.length === 1) return { ...rest, payload: pieces[0] };
  const payload = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    payload.set(piece, at);
    at += piece.length;
  }
  return { ...rest, payload };
}
