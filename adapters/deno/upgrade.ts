// WebSockets of the ws style inside of Deno.serve.

import { coreOf } from '../../src/api/ws/core.ts';
import { upgradeNatively, type Refused, type UpgradeOptions, type Upgraded } from './native.ts';
import { WebSocket } from '../../src/api/ws/classes.ts';
import { nextTick } from '../../src/clock.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * Accepts a WebSocket in a handler of `Deno.serve`. Deno implements the protocol: `ping` and `pong` do not exist, `pause` does not
 * reach TCP. If you need them, listen with `WebSocketServer`.
 *
 * Deno ends its listener when a handler throws, or returns another response, after a request was upgraded: finish everything that may throw before.
 *
 * @returns The response that the handler must return, and the WebSocket; null when the request is refused.
 * @throws {TypeError} for an option that has no effect here (the message names the alternative), and if `handleProtocols` picks a
 *   name that was not offered.
 */
export function upgrade(request: Request, options?: UpgradeOptions): Upgraded<WebSocket> | Refused {
  const upgraded = upgradeNatively(request, options);
  if ('socket' in upgraded) return upgraded;
  const { response, protocol, open, clientAddress } = upgraded;
  const ws = new WebSocket(null);
  let isGivenUp = false;
  coreOf(ws).opening = { abort: () => void (isGivenUp = true) };
  open(
    (session) => {
      if (isGivenUp) return session.terminate();
      // Scheduled before the 'open' event, so that messages come before tasks that a listener schedules.
      nextTick(() => coreOf(ws).start(NO_BYTES));
      coreOf(ws).open(ws, session, { socket: null, protocol, extensions: '' });
    },
    (error) => isGivenUp || coreOf(ws).fail(error),
  );
  return { response, socket: ws, clientAddress };
}
