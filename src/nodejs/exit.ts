// The last words of a process: what was sent in the turn that ends it, by process.exit() or an uncaught exception, is handed to the
// system on 'exit', as ws has done within `send`.

import { exit, runDeferred } from '../clock.ts';
import { flushReceiving } from '../protocol/session.ts';

/** Hands over what this turn has sent so far. */
export function flush(): void {
  flushReceiving();
  runDeferred();
}

/** For a module that lends sockets; once. */
export function flushOnExit(): void {
  process.on('exit', () => {
    flushReceiving();
    exit();
  });
}
