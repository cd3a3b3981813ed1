// Output at the end of a process: messages of the turn that ends it, by process.exit() or an uncaught exception, are handed to the
// system on 'exit'. ws hands them over within `send`.

import { exit, runDeferred } from '../clock.ts';
import { flushReceiving } from '../protocol/session.ts';

/** Hands over the messages of this turn. */
export function flush(): void {
  flushReceiving();
  runDeferred();
}

/** Called once by a module that provides sockets. */
export function flushOnExit(): void {
  process.on('exit', () => {
    flushReceiving();
    exit();
  });
}
