// The messages between a hub and the buses that are connected to it, inside one machine.

import type { HistoryLimits } from './history.ts';
import type { Position } from './messages.ts';
import { decodeBase64, encodeBase64 } from './protocol.ts';

/** Bytes; in base64 where a channel carries JSON. */
export type WireBytes = Uint8Array | string;

/** A request of a bus. */
export type HubRequest =
  /** Connects, for the first time or again. Replied with {@link Welcome}. */
  | { readonly type: 'hello' }
  | { readonly type: 'bye' }
  | { readonly type: 'ping' }
  | {
      readonly type: 'publish';
      readonly topic: string;
      readonly envelope: WireBytes;
      readonly limits: HistoryLimits | undefined;
    }
  | { readonly type: 'subscribe'; readonly name: string }
  | { readonly type: 'unsubscribe'; readonly name: string }
  | {
      readonly type: 'history';
      readonly topic: string;
      readonly since: Position | undefined;
      readonly limits: HistoryLimits;
    }
  | { readonly type: 'announce'; readonly name: string; readonly ids: readonly string[]; readonly ttl: number }
  | { readonly type: 'others'; readonly name: string };

/** Reply to `hello`. */
export interface Welcome {
  /** Whether the channel carries bytes as they are. */
  readonly isBinary: boolean;
}

/** Reply to `history`. */
export interface WireRecovery {
  readonly envelopes: readonly { readonly envelope: WireBytes; readonly position: Position }[] | undefined;
  readonly position: Position;
}

/** From the hub. */
export type HubMessage =
  | { readonly type: 'reply'; readonly call: number; readonly value: unknown }
  /** The hub does not know the bus, or not any more: it has to connect again. */
  | { readonly type: 'unknown' }
  | { readonly type: 'closed' }
  | {
      readonly type: 'message';
      readonly topic: string;
      readonly envelope: WireBytes;
      readonly position: Position | undefined;
    };

/** Requests of a turn, from a bus. */
export interface RequestBatch {
  /** The name of the hub, so that other messages on the channel are told apart. */
  readonly wasock: string;
  readonly from: string;
  readonly requests: readonly { readonly call: number; readonly request: HubRequest }[];
}

/** Messages of a turn, from the hub, each for some of the buses on the channel. */
export interface MessageBatch {
  readonly wasock: string;
  readonly messages: readonly { readonly to: readonly string[]; readonly message: HubMessage }[];
}

export function isRequestBatch(value: unknown, name: string): value is RequestBatch {
  const { wasock, requests } = Object(value) as Partial<RequestBatch>;
  return wasock === name && Array.isArray(requests);
}

export function isMessageBatch(value: unknown, name: string): value is MessageBatch {
  const { wasock, messages } = Object(value) as Partial<MessageBatch>;
  return wasock === name && Array.isArray(messages);
}

export function packBytes(bytes: Uint8Array, isBinary: boolean): WireBytes {
  return isBinary ? bytes : encodeBase64(bytes);
}

export function unpackBytes(bytes: WireBytes): Uint8Array {
  if (typeof bytes === 'string') return decodeBase64(bytes);
  // A channel may give a view of a larger buffer, which a history would keep.
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
