// Base64 of bytes, RFC 4648 section 4.

/** `bytes` as base64, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at++) text += String.fromCharCode(bytes[at]);
  return btoa(text);
}
