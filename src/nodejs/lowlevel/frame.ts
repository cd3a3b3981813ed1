// One frame as programs that write frames themselves want it, RFC 6455 section 5.2: header and payload, in two pieces or one.

import { Buffer } from 'node:buffer';
import { FIN_BIT, RSV1_BIT } from '../../base/opcodes.ts';
import { writeHeader } from '../../codec/header.ts';
import { copyToOwn } from '../buffers.ts';
import { platform } from './binding.ts';

/** Fills a 4-byte masking key. */
export type GenerateMask = (mask: Buffer) => void;

/** The header of a frame. Flags are false by default. */
export interface FrameOptions {
  /** Whether the frame ends its message. */
  fin?: boolean | undefined;
  /** Makes the masking key. Default: unpredictable bytes, as RFC 6455 section 10.3 demands. */
  generateMask?: GenerateMask | undefined;
  /** Whether to mask, as a client must. */
  mask?: boolean | undefined;
  /** Where `generateMask` puts the key. */
  maskBuffer?: Buffer | undefined;
  /** 0 to 15. */
  opcode?: number | undefined;
  /** Whether the payload must not be changed: then a masked one is copied, otherwise it is masked in place. */
  readOnly?: boolean | undefined;
  /** Whether RSV1 is set: the payload is compressed (RFC 7692 section 6). */
  rsv1?: boolean | undefined;
}

/** 2 + 8 bytes and a masking key. */
const MAXIMUM_HEADER = 14;

function keyOf({ generateMask, maskBuffer }: FrameOptions): number {
  if (generateMask === undefined) return platform.maskingKey();
  const mask = maskBuffer ?? Buffer.alloc(4);
  generateMask(mask);
  return mask.readInt32LE();
}

/**
 * Makes a frame.
 *
 * @param data Text is encoded as UTF-8. Bytes are kept: masked in place, or passed on, unless `readOnly` and `mask` ask for a copy.
 * @returns The chunks to write: the header and the payload, or both in one.
 */
export function makeFrame(data: Buffer | string, options: FrameOptions): Buffer[] {
  const { fin = false, mask = false, opcode = 0, readOnly = false, rsv1 = false } = options;
  const payload = typeof data === 'string' ? copyToOwn(Buffer.from(data)) : data;
  const first = (fin ? FIN_BIT : 0) | (rsv1 ? RSV1_BIT : 0) | opcode;
  const key = mask ? keyOf(options) : 0;
  const header = Buffer.alloc(MAXIMUM_HEADER);
  const end = writeHeader(header, 0, first, payload.length, mask, key);
  const head = header.subarray(0, end);
  if (payload.length === 0) return [head];
  if (!mask) return [head, payload];
  if (!readOnly || typeof data === 'string') {
    platform.codec.maskBytes(payload, 0, payload.length, key);
    return [head, payload];
  }
  const whole = Buffer.alloc(end + payload.length);
  whole.set(head);
  whole.set(payload, end);
  platform.codec.maskBytes(whole, end, whole.length, key);
  return [whole];
}
