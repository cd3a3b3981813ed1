// Makes the module of fibjs for a runtime.

import type { FibjsBinding } from './binding.ts';
import * as constants from './constants.ts';
import { createMessageClass, type MessageConstructor } from './message.ts';
import { TruncatedMessageError } from './message-io.ts';
import { createSocketClass, type SocketConstructor } from './socket.ts';
import { createUpgrade, route, type Upgrading } from './upgrade.ts';

/** fibjs's module `ws`, and `route`, which replaces the path table of its HTTP server. */
export interface Fibjs extends Upgrading, Readonly<typeof constants> {
  readonly Message: MessageConstructor;
  readonly Socket: SocketConstructor;
  readonly route: typeof route;
}

/** Makes the module. @param binding Makes its connections. */
export function createFibjs(binding: FibjsBinding): Fibjs {
  const Socket = createSocketClass(binding);
  return { Message: createMessageClass(binding), Socket, upgrade: createUpgrade(binding, Socket), route, ...constants };
}

/** The default export of an entry point, without the bindings of its runtime. */
export interface Entry extends Fibjs {
  readonly createFibjs: typeof createFibjs;
  readonly TruncatedMessageError: typeof TruncatedMessageError;
}

export function createEntry<Bindings extends object>(binding: FibjsBinding, bindings: Bindings): Entry & Bindings {
  return { ...createFibjs(binding), createFibjs, TruncatedMessageError, ...bindings };
}
