// The binding over Node.js's built-in modules, for all runtimes that have them.

import { DEFAULT_HANDSHAKE_TIMEOUT } from '../../base/options.ts';
import type { IncomingMessage } from 'node:http';
import { startOpening } from '../../nodejs/opening.ts';
import { deflateEngine } from '../../nodejs/deflate-engine.ts';
import { checkDispatcher } from '../../nodejs/dispatcher.ts';
import { platform } from '../../nodejs/platform.ts';
import { createSession } from '../../nodejs/session.ts';
import { openingEvents, type ConnectEvents, type ConnectPlan, type FibjsBinding } from './binding.ts';

function connect(plan: ConnectPlan, events: ConnectEvents): { abort(): void } {
  checkDispatcher(plan.dispatcher, {}, plan.target);
  const opening = startOpening(
    { ...plan, handshakeTimeout: DEFAULT_HANDSHAKE_TIMEOUT, options: { dispatcher: plan.dispatcher } },
    openingEvents(events, ({ headers }: IncomingMessage) => headers['set-cookie'] ?? [], createSession),
  );
  opening.request.on('socket', (socket) => events.onHolder(socket));
  opening.send();
  return opening;
}

/** Has no `upgradeRequest`: the bindings of other runtimes add it. */
export const nodeBinding: FibjsBinding = { platform, deflateEngine, connect, createSession };
