// Messages of `broadcast` and of topics on their way to WebSockets of Bun.serve. Each WebSocket sends those of a turn in one write.
//
// Bun writes what a handler sends to its own socket when the handler returns, but each message to another socket at once. A write costs about 6 µs
// of CPU time, all the rest of a message of 64 bytes 0.3 µs (Bun 1.4.5). Microtasks run after each message of a read, so they cannot gather: only
// setImmediate runs after all of them.

import { guard } from '../../src/base/guard.ts';
import { immediate } from '../../src/clock.ts';
import type { SharedMessage } from '../../src/platform.ts';
import { platform } from './platform.ts';

/** Most payload bytes that wait for one WebSocket: as many as Bun gathers. */
export const MOST_GATHERED = 16_384;

/** A message that many WebSockets send. */
export interface GatheredMessage {
  /** Undefined for a binary message. */
  readonly text: string | undefined;
  readonly bytes: Uint8Array;
  readonly compress: boolean;
}

/** The part of a session that is called at the end of the turn. */
interface Sender {
  onTurnEnd(): void;
}

let senders: Sender[] = [];
let isHooked = false;
let lastShared: SharedMessage | undefined;
let lastMessage: GatheredMessage | undefined;

/** The message for all sessions that send `shared`: text becomes a string once. */
export function gatheredOf(shared: SharedMessage, bytes: Uint8Array, isText: boolean, compress: boolean): GatheredMessage {
  if (shared === lastShared) return lastMessage!;
  lastShared = shared;
  const text = isText ? platform.decodeText(bytes, 0, bytes.length, false) : undefined;
  return (lastMessage = { text, bytes, compress });
}

/** Calls `sender` at the end of the turn, or when the process ends before that. */
export function sendLater(sender: Sender): void {
  if (senders.push(sender) > 1) return;
  if (!isHooked) process.on('exit', sendAll);
  isHooked = true;
  immediate(sendAll);
}

function sendAll(): void {
  const due = senders;
  senders = [];
  lastShared = lastMessage = undefined;
  for (const sender of due) guard(platform, () => sender.onTurnEnd());
}
