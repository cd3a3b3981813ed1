// The binding over Node.js's built-in modules, for all runtimes that have them.

import { DEFAULT_HANDSHAKE_TIMEOUT } from '../../base/options.ts';
import type { IncomingMessage } from 'node:http';
import { startOpening } from '../../nodejs/opening.ts';
import { deflateEngine } from '../../nodejs/deflate-engine.ts';
import { checkDispatcher } from '../../nodejs/dispatcher.ts';
import { platform } from '../../nodejs/platform.ts';
import { createSession } from '../../nodejs/session.ts';
import type { ConnectEvents, ConnectPlan, FibjsBinding } from './binding.ts';

function connect(plan: ConnectPlan, events: ConnectEvents): { abort(): void } {
  checkDispatcher(plan.dispatcher, {}, plan.target);
  const cookiesOf = ({ headers }: IncomingMessage): void => events.onCookies(headers['set-cookie'] ?? []);
  const opening = startOpening(
    { ...plan, handshakeTimeout: DEFAULT_HANDSHAKE_TIMEOUT, options: { dispatcher: plan.dispatcher } },
    {
      onUpgrade(response) {
        cookiesOf(response);
        return true;
      },
      onResponse(_request, response) {
        cookiesOf(response);
        return false;
      },
      onOpen: (socket, opened) => events.onOpen({ ...opened, createSession: (options) => createSession(socket, options) }),
      onFail: (error) => events.onFail(error),
    },
  );
  opening.request.on('socket', (socket) => events.onHolder(socket));
  opening.send();
  return opening;
}

/** Has no `upgradeRequest`: the bindings of other runtimes add it. */
export const nodeBinding: FibjsBinding = { platform, deflateEngine, connect, createSession };
