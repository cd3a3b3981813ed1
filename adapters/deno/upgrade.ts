// WebSockets of the ws style inside of Deno.serve.

import { coreOf } from '../../src/api/ws/core.ts';
import { upgradeNatively, type Refused, type UpgradeOptions, type Upgraded } from './native.ts';
import { WebSocket } from './websocket.ts';
import { nextTick } from '../../src/clock.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * Accepts a WebSocket in a handler of `Deno.serve`. The protocol is done by Deno: no `ping`, no `pong`, no `pause` that reaches
 * TCP, no limits; where these count, listen with `WebSocketServer`.
 *
 * Deno ends its listener when a handler throws, or returns another response, after a request was upgraded: do what may throw before.
 *
 * @returns The response that the handler must return, and the WebSocket; null when the request is refused.
 * @throws {TypeError} for an option that has no effect here, which says what has, and when `handleProtocols` picks what was not offered.
 */
export function upgrade(request: Request, options?: UpgradeOptions): Upgraded<WebSocket> | Refused {
  const upgraded = upgradeNatively(request, options);
  if ('socket' in upgraded) return upgraded;
  const { response, protocol, open } = upgraded;
  const ws = new WebSocket(null);
  let isGivenUp = false;
  coreOf(ws).opening = { abort: () => void (isGivenUp = true) };
  open(
    (session) => {
      if (isGivenUp) return session.terminate();
      // Planned before the 'open' event, so that messages come before what a listener puts off.
      nextTick(() => coreOf(ws).start(NO_BYTES));
      coreOf(ws).open(ws, session, { socket: null, protocol, extensions: '' });
    },
    (error) => isGivenUp || coreOf(ws).fail(error),
  );
  return { response, socket: ws };
}
