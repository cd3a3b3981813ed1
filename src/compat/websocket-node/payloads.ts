// What programs send, as bytes that a session may keep; and what it receives, as Buffers.

import { Buffer } from 'node:buffer';
import type { IStringified } from './types.ts';

/** Longest payload of `ping` and `pong`; WebSocket-Node cuts there, one byte below what RFC 6455 section 5.5 allows. */
const LONGEST_PING = 124;

/** Whether `data` is a Buffer. Narrows, where `Buffer.isBuffer` would leave `never` behind. */
export function isBuffer(data: unknown): data is Buffer {
  return Buffer.isBuffer(data);
}

/** The payload of a Ping or Pong. */
export function controlPayload(data: Buffer | IStringified): Buffer {
  const bytes = isBuffer(data) ? data : Buffer.from(String(data));
  return bytes.subarray(0, LONGEST_PING);
}
