// Base64 of bytes, RFC 4648 section 4.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** `bytes` as base64, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  for (; at + 2 < bytes.length; at += 3) {
    const group = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    text += ALPHABET[group >> 18] + ALPHABET[(group >> 12) & 63] + ALPHABET[(group >> 6) & 63] + ALPHABET[group & 63];
  }
  if (at + 1 === bytes.length) {
    text += `${ALPHABET[bytes[at] >> 2]}${ALPHABET[(bytes[at] & 3) << 4]}==`;
  } else if (at < bytes.length) {
    const group = (bytes[at] << 8) | bytes[at + 1];
    text += `${ALPHABET[group >> 10]}${ALPHABET[(group >> 4) & 63]}${ALPHABET[(group & 15) << 2]}=`;
  }
  return text;
}

/** The six bits that a base64 character stands for; -1 when it is none. */
export function base64Value(character: string): number {
  return character.length === 1 ? ALPHABET.indexOf(character) : -1;
}
