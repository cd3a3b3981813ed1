// The channels of a bus over PostgreSQL. There are 256, so that a process gets few messages without subscribers, and yet listens to few channels.
//
// PostgreSQL compares each notification with all channels of a connection, so a channel for each topic would be slow. The first token of a topic chooses one of 16
// groups, the whole topic one of 16 channels of the group. So a process listens to 1 channel for a topic, 16 for a pattern that begins with a token, 256 for one
// that begins with a wildcard.

import { Buffer } from 'node:buffer';

const GROUPS = 16;
/** Channels of a group. */
const GROUP_SIZE = 16;
/** Bytes: PostgreSQL takes no longer names. */
const LONGEST_CHANNEL = 63;
/** Bytes of a colon and the longest number. */
const LONGEST_SUFFIX = 4;

/** FNV-1a of 32 bits, with the upper half mixed in, since few of the lower bits are used. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value ^ (value >>> 16)) >>> 0;
}

/** The channels of a bus begin with this. @param name Its tables' schema and names: those of a length that a channel cannot have are hashed. */
export function channelPrefix(name: string): string {
  return Buffer.byteLength(name) <= LONGEST_CHANNEL - LONGEST_SUFFIX ? `${name}:` : `wasock-${hash(name).toString(36)}:`;
}

/** The channel of a topic. */
export function channelNumber(topic: string): number {
  return (hash(topic.split('.', 1)[0]) % GROUPS) * GROUP_SIZE + (hash(topic) % GROUP_SIZE);
}

/** The channels of a topic or a pattern. */
export function numbersOf(name: string, isPattern: boolean): number[] {
  if (!isPattern) return [channelNumber(name)];
  const [first] = name.split('.', 1);
  const isAny = first === '*' || name === '>';
  const start = isAny ? 0 : (hash(first) % GROUPS) * GROUP_SIZE;
  return Array.from({ length: isAny ? GROUPS * GROUP_SIZE : GROUP_SIZE }, (_, index) => start + index);
}
