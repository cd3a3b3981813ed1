// The data that `send()` takes and that a message event has: https://websockets.spec.whatwg.org/#dom-websocket-send and
// https://websockets.spec.whatwg.org/#feedback-from-the-protocol.

import { MESSAGE_ASCII, MESSAGE_OWNED, MESSAGE_TEXT, type Platform } from '../../platform.ts';
import { toDomString } from './webidl.ts';
import { isArrayBuffer, isBlob } from '../../base/realms.ts';

/** The argument of `send()` after WebIDL conversion. Bytes are the caller's until they are copied. */
export type Body = string | Uint8Array | Blob;

/** How binary messages are handed over. */
export type BinaryType = 'blob' | 'arraybuffer';

/**
 * Converts `data` to `(BufferSource or Blob or USVString)`.
 *
 * @throws {TypeError} for a symbol, an object that cannot become a string, or a view of shared memory.
 */
export function toBody(data: unknown): Body {
  if (typeof data === 'string') return data;
  if (ArrayBuffer.isView(data)) return viewBytes(data);
  if (isArrayBuffer(data)) return data.byteLength === 0 ? new Uint8Array(0) : new Uint8Array(data);
  if (isBlob(data)) return data as Blob;
  return toDomString(data);
}

/** Payload bytes of `body`. */
export function bodyLength(body: Body, platform: Platform): number {
  if (typeof body === 'string') return platform.byteLength(body);
  return body instanceof Uint8Array ? body.byteLength : body.size;
}

/**
 * The `data` of a message event.
 *
 * @param source Borrowed, unless `kind` has MESSAGE_OWNED, as in SessionSink.
 */
export function toMessageData(
  platform: Platform,
  binaryType: BinaryType,
  source: Uint8Array,
  start: number,
  end: number,
  kind: number,
): string | Blob | ArrayBuffer {
  if ((kind & MESSAGE_TEXT) !== 0) return platform.decodeText(source, start, end, (kind & MESSAGE_ASCII) !== 0);
  // The Blob constructor copies.
  if (binaryType === 'blob') return new Blob([source.subarray(start, end) as Uint8Array<ArrayBuffer>]);
  const buffer = source.buffer as ArrayBuffer;
  const first = source.byteOffset + start;
  const last = source.byteOffset + end;
  if ((kind & MESSAGE_OWNED) !== 0 && first === 0 && last === buffer.byteLength) return buffer;
  return buffer.slice(first, last);
}

function viewBytes(view: ArrayBufferView): Uint8Array {
  const { buffer } = view;
  if (!isArrayBuffer(buffer)) throw new TypeError('A WebSocket cannot send shared memory');
  if (view instanceof Uint8Array) return view;
  return view.byteLength === 0 ? new Uint8Array(0) : new Uint8Array(buffer, view.byteOffset, view.byteLength);
}
