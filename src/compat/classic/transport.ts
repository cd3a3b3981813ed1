// The transport below the facade's WebSocket: counts received bytes, and translates for clients of hixie-76.

import type { Duplex } from 'node:stream';
import { DEFAULT_MAX_PAYLOAD } from '../../base/options.ts';
import { platform } from '../../nodejs/platform.ts';
import { NodeTransport } from '../../nodejs/transport.ts';
import type { Role, Session, TransportEvents } from '../../platform.ts';
import { Connection } from '../../protocol/connection.ts';
import { HixieDecoder, HixieEncoder } from './hixie-76-frames.ts';
import type { Limits, ProtocolVersion } from './types.ts';

export class ClassicTransport extends NodeTransport {
  /** Bytes received since the opening handshake, frame headers included. */
  bytesReceived: number = 0;
  readonly #decoder: HixieDecoder | undefined;
  readonly #encoder: HixieEncoder | undefined;

  constructor(socket: Duplex, version: ProtocolVersion, maxPayload: number = DEFAULT_MAX_PAYLOAD) {
    super(socket);
    if (version !== 'hixie-76') return;
    this.#decoder = new HixieDecoder(maxPayload);
    this.#encoder = new HixieEncoder();
  }

  override attach(session: TransportEvents): void {
    super.attach({
      receive: (chunk) => session.receive(this.accept(chunk)),
      receiveInput: (length) => {
        if (this.#decoder !== undefined) return session.receive(this.accept(platform.codec.input.subarray(0, length)));
        this.bytesReceived += length;
        session.receiveInput(length);
      },
      receiveEnd: () => session.receiveEnd(),
      closed: (error) => session.closed(error),
    });
  }

  /** Counts bytes of the peer. @returns The bytes that the session reads in their place. */
  accept(bytes: Uint8Array): Uint8Array {
    this.bytesReceived += bytes.length;
    return this.#decoder?.decode(bytes) ?? bytes;
  }

  override write(chunks: readonly Uint8Array[], onWritten: () => void): boolean {
    const bytes = this.#encoder?.encode(chunks);
    if (bytes === undefined) return super.write(chunks, onWritten);
    return bytes.length === 0 || super.write([bytes], onWritten);
  }
}

/** Joins the transport of a socket, whose opening handshake is done, to a session. */
export function createSession(transport: ClassicTransport, role: Role, limits: Limits): Session {
  const { maxPayload, maxBufferedAmount, closeTimeout } = limits;
  const session = new Connection(platform, transport, {
    role,
    ...(maxPayload !== undefined && { maxPayload }),
    ...(maxBufferedAmount !== undefined && { maxBufferedAmount }),
    ...(closeTimeout !== undefined && { closeTimeout }),
  });
  transport.attach(session);
  return session;
}
