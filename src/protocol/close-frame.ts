// The payload of a Close frame: a status code and a reason, or nothing. RFC 6455 section 5.5.1.

import { CLOSE_NO_STATUS, isValidCloseCode } from '../base/close-codes.ts';
import { UsageError, Utf8Error, type PeerError } from '../base/errors.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../base/opcodes.ts';
import type { Platform } from '../platform.ts';
import { invalidCloseCode, invalidControlLength } from './violations.ts';

/** Contents of a Close frame. */
export interface ClosePayload {
  /** 1005 for a frame without a status code (RFC 6455 section 7.1.5). */
  readonly code: number;
  /** UTF-8. Belongs to the receiver. */
  readonly reason: Uint8Array;
}

/** Reads `source[start, end)`, which is borrowed. @returns The error for a payload that is a violation. */
export function readClose(platform: Platform, source: Uint8Array, start: number, end: number): ClosePayload | PeerError {
  if (end === start) return { code: CLOSE_NO_STATUS, reason: platform.copy(source, end, end) };
  if (end - start === 1) return invalidControlLength(1);
  const code = (source[start] << 8) | source[start + 1];
  if (!isValidCloseCode(code)) return invalidCloseCode(code);
  const reason = platform.copy(source, start + 2, end);
  return platform.codec.isUtf8(reason) ? { code, reason } : new Utf8Error();
}

/**
 * Makes the payload.
 *
 * @param code Left out: an empty payload.
 * @param reason UTF-8.
 * @throws {UsageError} if the code must not be sent, or the reason is longer than 123 bytes.
 */
export function makeClose(code: number | undefined, reason: Uint8Array): Uint8Array {
  if (code === undefined) return new Uint8Array(0);
  if (!isValidCloseCode(code)) throw new UsageError(`${code} must not be sent as a close code (RFC 6455 section 7.4)`);
  if (reason.length > MAXIMUM_CONTROL_PAYLOAD - 2) {
    throw new UsageError(`A close reason has at most 123 bytes; this one has ${reason.length}`);
  }
  const payload = new Uint8Array(2 + reason.length);
  payload[0] = code >>> 8;
  payload[1] = code;
  payload.set(reason, 2);
  return payload;
}
