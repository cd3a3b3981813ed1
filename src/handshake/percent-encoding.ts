// Percent-encoding of URLs, RFC 3986 section 2.1.

/**
 * Undoes percent-encoding byte by byte, as HTTP clients do; bytes that are not UTF-8 become U+FFFD.
 *
 * @param text A part of a URL, so ASCII.
 */
export function percentDecode(text: string): string {
  const bytes = text.replace(/%([\da-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}
