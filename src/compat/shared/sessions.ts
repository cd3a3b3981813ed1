// Sessions of the facades: their start, and messages in the form that programs get.

import type { Buffer } from 'node:buffer';
import { ownBuffer } from '../../api/ws/data.ts';
import { nextTick } from '../../clock.ts';
import { MESSAGE_ASCII, MESSAGE_OWNED, MESSAGE_TEXT, type Platform, type Session } from '../../platform.ts';

/** A connection that a server has accepted. The constructor of a facade's WebSocket takes it in place of an address. */
export class Accepted<Connection> {
  readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }
}

/** Starts a session after all promises that waited for the connection. Their reactions may add listeners. */
export function startLater(platform: Platform, session: Session, head: Uint8Array | undefined): void {
  platform.defer(() => nextTick(() => session.start(head)));
}

/** A message of a sink's `onMessage`: a string for text, else a Buffer that the program may keep. */
export function contentOf(
  platform: Platform,
  session: Session,
  source: Uint8Array,
  start: number,
  end: number,
  kind: number,
): string | Buffer {
  if ((kind & MESSAGE_TEXT) !== 0) return platform.decodeText(source, start, end, (kind & MESSAGE_ASCII) !== 0);
  return (kind & MESSAGE_OWNED) !== 0 ? ownBuffer(source, start, end) : (session.copyMessage(source, start, end) as Buffer);
}
