// What every facade does with an upgrade request: find its path, and refuse it.

import type { Duplex } from 'node:stream';
import { refusalHead, type Refusal } from '../../handshake/refusal.ts';

/** The path of a request target, without its query. Never throws: what is no URL counts as a path. */
export function pathOf(target: string): string {
  if (!target.startsWith('/') && URL.canParse(target)) return new URL(target).pathname;
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/** How a request is refused. */
interface Answer {
  readonly status: number;
  readonly reason?: string | undefined;
  readonly headers?: Refusal['headers'] | undefined;
}

/** Header fields of an answer whose body is its reason: plain text, since a peer may have a hand in it. */
export function refusalFields({ headers }: Answer): Readonly<Record<string, string>> {
  return { 'Content-Type': 'text/plain; charset=utf-8', ...headers };
}

/** Writes an answer to the socket of an 'upgrade' event, and closes it. */
export function refuseUpgrade(socket: Duplex, answer: Answer): void {
  // The HTTP server has let go of the socket: nobody else would hear its errors, or end our side.
  socket.on('error', () => void socket.destroy());
  socket.once('finish', () => void socket.destroy());
  socket.end(refusalHead({ ...answer, headers: refusalFields(answer) }));
}
