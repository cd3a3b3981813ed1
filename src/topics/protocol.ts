// The subprotocol `wasock.topics.v1`: JSON messages between a TopicClient and `serve()`.

import type { Position } from './messages.ts';

/** Name of the subprotocol. */
export const TOPICS_PROTOCOL = 'wasock.topics.v1';

/** Data of a message: text, or bytes in base64. */
export type WireData = { readonly text: string } | { readonly base64: string };

/** From the client, which adds an `id`. It comes back in the reply. */
export type ClientRequest =
  | { readonly type: 'subscribe'; readonly topic: string; readonly since?: Position }
  | { readonly type: 'unsubscribe' | 'presence'; readonly topic: string }
  | ({ readonly type: 'publish'; readonly topic: string } & WireData);

/** Reasons of an `error`. */
export type ErrorReason = 'forbidden' | 'invalid' | 'limit' | 'failed';

const reasons = new WeakMap<object, ErrorReason>();

/** Marks an error that a client has caused: it may know the reason and the text. */
export function refusal<Kind extends Error>(reason: ErrorReason, error: Kind): Kind {
  reasons.set(error, reason);
  return error;
}

/** `'failed'` for all other errors: those of the program and of the bus, of any class. */
export function reasonOf(error: unknown): ErrorReason {
  return reasons.get(Object(error) as object) ?? 'failed';
}

/** From the server. */
export type ServerMessage =
  | { readonly type: 'subscribed'; readonly id: number; readonly recovered: boolean; readonly position?: Position }
  | { readonly type: 'unsubscribed'; readonly id: number }
  | { readonly type: 'published'; readonly id: number; readonly offset?: number }
  | { readonly type: 'presence'; readonly id: number; readonly count: number; readonly ids: readonly string[] }
  | { readonly type: 'error'; readonly id: number; readonly reason: ErrorReason; readonly message: string }
  | ({ readonly type: 'message'; readonly topic: string; readonly position?: Position } & WireData)
  | { readonly type: 'gap'; readonly topic: string };

export function toWire(data: string | Uint8Array): WireData {
  return typeof data === 'string' ? { text: data } : { base64: encodeBase64(data) };
}

/** @throws {TypeError} for an object without data. @throws {Error} for base64 that is none. */
export function fromWire({
  text,
  base64,
}: {
  readonly text?: unknown;
  readonly base64?: unknown;
}): string | Uint8Array<ArrayBuffer> {
  if (typeof text === 'string') return text;
  if (typeof base64 !== 'string') throw new TypeError('A message needs "text" or "base64"');
  return decodeBase64(base64);
}

/** Bytes converted at a time: as many arguments as every runtime takes. */
const PIECE = 8192;

export function encodeBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += PIECE) {
    binary += String.fromCharCode(...bytes.subarray(start, start + PIECE));
  }
  return btoa(binary);
}

export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** A value of JSON with string keys, or undefined. */
export function parseObject(text: unknown): Record<string, unknown> | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A position of a peer, or undefined if it is none. */
export function parsePosition(value: unknown): Position | undefined {
  const { epoch, offset } = Object(value) as Record<string, unknown>;
  if (typeof epoch !== 'string' || !Number.isSafeInteger(offset) || (offset as number) < 0) return undefined;
  return { epoch, offset: offset as number };
}
