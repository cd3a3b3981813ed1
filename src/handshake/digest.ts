// SHA-1 of a text, as base64. A file of its own, because a bundle for one runtime may have a function for it.
//
// Not `crypto.hash` on Node.js: in a loop it takes a third of the time, but between two reads of a server it takes 1.5 times as long, because
// OpenSSL's part has left the caches by then (Node 24, shares of a profile: 4.4 % of a handshake against 3.0 %).

import { encodeBase64 } from './base64.ts';
import { sha1 } from './sha1.ts';

/** SHA-1 of `text`, which is ASCII, as base64. */
export function digest(text: string): string {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return encodeBase64(sha1(bytes));
}
