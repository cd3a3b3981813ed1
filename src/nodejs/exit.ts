// Output at the end of a process: messages of the turn that ends it, by process.exit() or an uncaught exception, are handed to the
// system on 'exit'. ws hands them over within `send`.

import { exit, runDeferred } from '../clock.ts';
import { Connection } from '../protocol/connection.ts';

/** Hands over the messages of this turn. */
export function flush(): void {
  Connection.flushReceiving();
  runDeferred();
}

/** Called once by a module that provides sockets. */
export function flushOnExit(): void {
  process.on('exit', () => {
    Connection.flushReceiving();
    exit();
  });
}
