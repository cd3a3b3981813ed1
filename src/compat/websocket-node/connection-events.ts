// What a connection emits, and the states it goes through.

import type { Buffer } from 'node:buffer';
import type { WebSocketFrame } from './frame.ts';
import type { Message } from './types.ts';

/** Arguments of the events of a connection. */
export interface ConnectionEvents {
  /** A message, unless `assembleFragments` is off. */
  message: [data: Message];
  /** A frame of any kind, if `assembleFragments` is off. */
  frame: [frame: WebSocketFrame];
  /** The connection is over. Once. */
  close: [code: number, description: string];
  /** The socket failed; 'close' follows. */
  error: [error: Error];
  /** A Ping arrived; it is answered unless `cancel` is called before the listener returns. */
  ping: [cancel: () => void, payload: Buffer];
  pong: [payload: Buffer];
  /** What had waited for the peer is sent. */
  drain: [];
  pause: [];
  resume: [];
}

export type ConnectionState = 'open' | 'peer_requested_close' | 'ending' | 'closed';
