// `send` of the ws-style WebSocket as a promise.

import { findCore } from './core.ts';
import type { Sendable } from './data.ts';
import type { MessageOptions } from './types.ts';
import type { WebSocketBase } from './websocket.ts';

const ignore = (): void => {};

/** `send` with a promise in the place of the callback. */
export function sendAsync(ws: WebSocketBase, data: Sendable, options: MessageOptions | undefined): Promise<void> {
  const promise = new Promise<void>((resolve, reject) => {
    ws.send(data, options, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  // As with `send` without a callback: a server may send without looking whether the peer is still there.
  if (findCore(ws)?.isServer === true) promise.catch(ignore);
  return promise;
}
