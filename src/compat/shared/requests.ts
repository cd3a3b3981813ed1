// What every facade does with an upgrade request: find its path, and refuse it.

import type { Duplex } from 'node:stream';
import { refusalHead, type Refusal } from '../../handshake/refusal.ts';

/** The path of a request target, without its query. Never throws: what is no URL counts as a path. */
export function pathOf(target: string): string {
  if (!target.startsWith('/') && URL.canParse(target)) return new URL(target).pathname;
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/** What answers a request, whoever writes it: the reason in plain text. */
export function refusalFields(refusal: Refusal): Readonly<Record<string, string>> {
  return { 'Content-Type': 'text/plain; charset=utf-8', ...refusal.headers };
}

/** Writes an answer to the socket of an 'upgrade' event, and closes it. */
export function refuseUpgrade(
  socket: Duplex,
  refusal: {
    readonly status: number;
    readonly reason?: string | undefined;
    readonly headers?: Readonly<Record<string, string>>;
  },
): void {
  // The HTTP server has let go of the socket: nobody else would hear its errors, or end our side.
  socket.on('error', () => void socket.destroy());
  socket.once('finish', () => void socket.destroy());
  socket.end(refusalHead(refusal));
}
