// A message of a topic, and its place in the history.

import { isArrayBuffer } from '../base/realms.ts';

/** A place in the history of a topic. */
export interface Position {
  /** Names the history: another epoch means that offsets of before say nothing any more. */
  readonly epoch: string;
  /** Number of the last message; grows with each message of the topic, from 0 for none. */
  readonly offset: number;
}

/** A message of a topic. */
export interface TopicMessage {
  readonly topic: string;
  /** Text, or bytes that do not change. */
  readonly data: string | Uint8Array;
  /** Its place, if the topic has a history. */
  readonly position: Position | undefined;
  /** Id of a member that does not get it. */
  readonly except?: string | undefined;
}

/** Messages since a position, in order, and the position of the last one. Undefined instead of messages if any of them is gone. */
export interface Recovery {
  readonly messages: readonly TopicMessage[] | undefined;
  readonly position: Position;
}

/** Whether a message at `position` comes after `known`. True if it is of another epoch, or has no position. */
export function isAfter(position: Position | undefined, known: Position): boolean {
  return position?.epoch !== known.epoch || position.offset > known.offset;
}

/** Epochs of before that a history on an engine remembers. */
export const MOST_BEFORE = 8;

/** Whether a history goes on from a position. @param before The epochs of before, each with its last offset, with spaces between. */
export function goesOnFrom({ epoch, offset }: Position, now: Position, before: string): boolean {
  if (epoch === now.epoch) return offset <= now.offset;
  const words = before.split(' ');
  const index = words.indexOf(epoch);
  return index >= 0 && index % 2 === 0 && offset <= Number(words[index + 1]);
}

/** A view of binary data. @throws {TypeError} for anything else. */
export function bytesOf(data: unknown): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (isArrayBuffer(data)) return new Uint8Array(data);
  throw new TypeError('A message of a topic must be a string, an ArrayBuffer or a view');
}
