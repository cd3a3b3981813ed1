// Binds the module to a runtime.

import type { FibjsBinding } from './binding.ts';
import * as constants from './constants.ts';
import { createMessageClass, type MessageConstructor } from './message.ts';
import { createSocketClass, type SocketConstructor } from './socket.ts';
import { createUpgrade, route, type Upgrading } from './upgrade.ts';

/** fibjs's module `ws`, and `route`, which stands in for the path table of its HTTP server. */
export interface Fibjs extends Upgrading {
  readonly Message: MessageConstructor;
  readonly Socket: SocketConstructor;
  readonly route: typeof route;
  readonly CONTINUE: 0;
  readonly TEXT: 1;
  readonly BINARY: 2;
  readonly CLOSE: 8;
  readonly PING: 9;
  readonly PONG: 10;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
}

/** Makes the module. `binding` makes its connections. */
export function createFibjs(binding: FibjsBinding): Fibjs {
  const Socket = createSocketClass(binding);
  const { CONTINUE, TEXT, BINARY, CLOSE, PING, PONG, CONNECTING, OPEN, CLOSING, CLOSED } = constants;
  return {
    Message: createMessageClass(binding),
    Socket,
    upgrade: createUpgrade(binding, Socket),
    route,
    CONTINUE,
    TEXT,
    BINARY,
    CLOSE,
    PING,
    PONG,
    CONNECTING,
    OPEN,
    CLOSING,
    CLOSED,
  };
}
