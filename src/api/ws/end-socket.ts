// End of the connection of a client whose request did not become a WebSocket.

import type { Duplex } from 'node:stream';
import type { Pass } from '../../admission/gate-core.ts';
import { clearTimer, ownTimer } from '../../clock.ts';

/** How long a peer that has been answered may take to read that and to end, in milliseconds: as long as nginx's `lingering_timeout`. */
export const LINGER = 5000;

/** Sends `answer`, and FIN. Drops the connection if it is not over in time: a peer that reads nothing would keep it, and its place among the limits of the server. */
export function endSocket(socket: Duplex, answer: string): void {
  const timer = ownTimer(() => socket.destroy(), LINGER);
  socket.once('close', () => clearTimer(timer));
  socket.end(answer);
}

/** As {@link endSocket}, but destroys the socket once the system has the answer: the client may keep its side open. */
export function answerAndDestroy(socket: Duplex, answer: string): void {
  socket.once('finish', () => socket.destroy());
  endSocket(socket, answer);
}

/**
 * Keeps the pass of a request that is not answered yet, or was refused, until its socket is closed.
 *
 * @param refuse Refuses the request because the server shuts down.
 */
export function holdPass<Socket extends Duplex>(pass: Pass, socket: Socket, refuse: (socket: Socket) => void): void {
  pass.hold({
    close() {
      if (socket.writable) refuse(socket);
    },
    terminate() {
      socket.destroy();
      // A program may have removed the listener below.
      pass.leave();
    },
  });
  if (socket.destroyed) pass.leave();
  else socket.once('close', () => pass.leave());
}
