// What the facade's WebSocket stands on: a session that counts what it receives.

import type { Duplex } from 'node:stream';
import { platform } from '../../nodejs/platform.ts';
import { NodeTransport } from '../../nodejs/transport.ts';
import type { Role, Session } from '../../platform.ts';
import { RawSession } from '../../protocol/session.ts';
import type { Limits } from './types.ts';

/** A session that counts bytes off the wire, frame headers included, from the end of the opening handshake on. */
export interface CountingSession extends Session {
  readonly bytesReceived: number;
}

class CountingRawSession extends RawSession implements CountingSession {
  bytesReceived: number = 0;

  override receive(chunk: Uint8Array): void {
    this.bytesReceived += chunk.length;
    super.receive(chunk);
  }

  override receiveInput(length: number): void {
    this.bytesReceived += length;
    super.receiveInput(length);
  }
}

/** Joins `socket`, whose opening handshake is done, to a connection that speaks version 8 or 13. */
export function createCountingSession(socket: Duplex, role: Role, limits: Limits): CountingSession {
  const { maxPayload, maxBufferedAmount, closeTimeout } = limits;
  const transport = new NodeTransport(socket);
  const session = new CountingRawSession(platform, transport, {
    role,
    ...(maxPayload !== undefined && { maxPayload }),
    ...(maxBufferedAmount !== undefined && { maxBufferedAmount }),
    ...(closeTimeout !== undefined && { closeTimeout }),
  });
  transport.attach(session);
  return session;
}
