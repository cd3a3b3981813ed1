// Text to bytes, by the functions of a Platform.

import type { Platform } from '../platform.ts';

/** `text` as UTF-8. */
export function encodeUtf8(platform: Platform, text: string): Uint8Array {
  const bytes = platform.allocate(platform.byteLength(text));
  platform.writeText(text, bytes, 0);
  return bytes;
}

/** `text` as Latin-1, which is how heads are read: each character is the byte of that number. */
export function encodeLatin1(platform: Platform, text: string): Uint8Array {
  const bytes = platform.allocate(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
