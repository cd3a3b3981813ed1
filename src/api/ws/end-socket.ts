// End of the connection of a client that was answered.

import type { Duplex } from 'node:stream';
import { clearTimer, ownTimer } from '../../clock.ts';

/** How long a peer that has been answered may take to read that and to end, in milliseconds: as long as nginx's `lingering_timeout`. */
export const LINGER = 5000;

/** Sends `answer`, and FIN. Drops the connection if it is not over in time: a peer that reads nothing would keep it, and its place among the limits of the server. */
export function endSocket(socket: Duplex, answer: string): void {
  const timer = ownTimer(() => socket.destroy(), LINGER);
  socket.once('close', () => clearTimer(timer));
  socket.end(answer);
}
