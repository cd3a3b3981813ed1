// Sends in the order of the calls although a Blob has to be read first, and sums up what has not left yet:
// https://websockets.spec.whatwg.org/#dom-websocket-bufferedamount.

import type { Platform, Session } from '../../platform.ts';
import { bodyLength, type Body } from './body.ts';
import { toError } from '../../base/realms.ts';

interface QueuedBody {
  readonly body: Body;
  readonly length: number;
}

interface QueuedClose {
  readonly code: number | undefined;
  readonly reason: Uint8Array;
}

/** Queue between `send()` and a session. Messages wait in it only while a Blob is being read. */
export class SendQueue {
  readonly #platform: Platform;
  readonly #onBlobError: (error: Error) => void;
  #session: Session | null = null;
  #waiting: QueuedBody[] = [];
  #close: QueuedClose | null = null;
  /** Bytes in `#waiting`, and bytes that will never leave. */
  #kept = 0;

  /** @param onBlobError Called when a Blob could not be read. Nothing that was queued behind it is sent. */
  constructor(platform: Platform, onBlobError: (error: Error) => void) {
    this.#platform = platform;
    this.#onBlobError = onBlobError;
  }

  /** Payload bytes queued and not yet handed to the operating system. Bytes that can no longer be sent stay in it. */
  get bufferedAmount(): number {
    return this.#kept + (this.#session?.bufferedAmount ?? 0);
  }

  /** Names the session to send through. */
  open(session: Session): void {
    this.#session = session;
  }

  /** The closing handshake began: what still waits for a Blob will never leave. */
  stop(): void {
    this.#waiting = [];
    this.#close = null;
  }

  /** The session is over: waiting messages are dropped. */
  end(): void {
    this.#kept = this.bufferedAmount;
    this.#session = null;
    this.stop();
  }

  /** Counts what was given to `send()` when it was too late. */
  discard(body: Body): void {
    this.#kept += bodyLength(body, this.#platform);
  }

  /** Sends one message. Bytes are copied. */
  send(body: Body): void {
    const session = this.#session;
    if (session === null) return this.discard(body);
    if (this.#waiting.length === 0 && (typeof body === 'string' || body instanceof Uint8Array))
      return this.#pass(session, body);
    const length = bodyLength(body, this.#platform);
    this.#kept += length;
    this.#waiting.push({ body: body instanceof Uint8Array ? this.#platform.copy(body, 0, length) : body, length });
    if (this.#waiting.length === 1) this.#read();
  }

  /** Starts the closing handshake once everything before it has been sent. */
  close(code: number | undefined, reason: Uint8Array): void {
    if (this.#waiting.length === 0) this.#session?.close(code, reason);
    else this.#close = { code, reason };
  }

  #pass(session: Session, body: string | Uint8Array): void {
    if (typeof body === 'string') session.sendText(body);
    else session.sendBytes(body, false);
  }

  /** Reads the Blob at the head, sends it, and whatever comes before the next Blob. */
  #read(): void {
    const [{ body }] = this.#waiting;
    (body as Blob).arrayBuffer().then(
      (buffer) => this.#advance(new Uint8Array(buffer)),
      (error: unknown) => {
        if (this.#waiting.length > 0) this.#onBlobError(toError(error));
      },
    );
  }

  #advance(bytes: Uint8Array): void {
    const session = this.#session;
    if (session === null) return;
    let body: Body | undefined = this.#waiting.length > 0 ? bytes : undefined;
    while (typeof body === 'string' || body instanceof Uint8Array) {
      this.#kept -= (this.#waiting.shift() as QueuedBody).length;
      this.#pass(session, body);
      body = this.#waiting[0]?.body;
    }
    if (body !== undefined) this.#read();
    else if (this.#close !== null) session.close(this.#close.code, this.#close.reason);
  }
}
