// Members where programs look for them: on the class's own prototype, enumerable where they are in ws.

import { ListeningBase } from './event-target.ts';
import { WebSocketBase } from './websocket.ts';

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
const HIDDEN: ReadonlySet<string> = new Set([
  'close',
  'pause',
  'ping',
  'pong',
  'ready',
  'resume',
  'send',
  'sendAsync',
  'terminate',
]);

/** Copies the members of {@link WebSocketBase} to a class that derives from it: mocks and patches look at its own prototype. */
export function expose(constructor: { readonly prototype: WebSocketBase }): void {
  for (const [value, name] of STATES.entries()) {
    Object.defineProperty(constructor, name, { enumerable: true, value });
    Object.defineProperty(constructor.prototype, name, { enumerable: true, value });
  }
  for (const { prototype } of [WebSocketBase, ListeningBase]) {
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (name === 'constructor') continue;
      Object.defineProperty(constructor.prototype, name, { ...descriptor, enumerable: !HIDDEN.has(name) });
    }
  }
}
