// The texts that servers and load generator agree on. All of one length, without characters that JSON escapes.

/** The topic of all messages. */
export const TOPIC = 'all';

/** @param {number} size @returns {string} The first message of each connection: it is subscribed. */
export function makeReady(size) {
  return 'r'.repeat(size);
}

/** @param {number} size @returns {string} Random letters and digits. */
export function makePayload(size) {
  let text = '';
  while (text.length < size) text += Math.random().toString(36).slice(2);
  return `m${text}`.slice(0, size);
}
