// Sec-WebSocket-Key and the Sec-WebSocket-Accept that answers it, RFC 6455 sections 4.2.1, 4.2.2 and 11.3.

import { digest } from './digest.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Bytes of the nonce that a Sec-WebSocket-Key encodes. */
export const NONCE_BYTES = 16;
/** 22 characters of base64 and two signs of padding. */
const KEY = /^[A-Za-z\d+/]{22}==$/;

/** Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2, step 5.4). `key` is ASCII. */
export function acceptKey(key: string): string {
  return digest(key + GUID);
}

/**
 * Whether `key` decodes to 16 bytes (RFC 6455 section 4.2.1): 22 characters of base64 and two signs of padding. The last character
 * may have bits that encode nothing: simple clients make the key up from characters (RFC 4648 section 3.5 lets a decoder choose).
 */
export function isValidKey(key: string): boolean {
  return KEY.test(key);
}
