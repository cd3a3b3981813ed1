// Random ids, of 16 characters each.

/** Bytes of an id. */
const LENGTH = 12;
/** One call for many ids: a call takes 300 ns or more, whatever its length. */
const pool = new Uint8Array(128 * LENGTH);
let at = pool.length;

/** 96 random bits, as base64url. */
export function randomId(): string {
  if (at === pool.length) {
    crypto.getRandomValues(pool);
    at = 0;
  }
  const bytes = pool.subarray(at, (at += LENGTH));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}
