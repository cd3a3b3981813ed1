// A worker's half of a WebSocketPair, with the behaviour of a WHATWG WebSocket, which src/native expects:
// https://developers.cloudflare.com/workers/runtime-apis/websockets/.

import { CLOSE_ABNORMAL, CLOSE_MESSAGE_TOO_BIG, CLOSE_NO_STATUS } from '../../src/base/close-codes.ts';
import { messageTooLarge } from '../../src/base/errors.ts';
import type { NativeSocket } from '../../src/native/session.ts';

/** The end of a connection, as in a close event. */
interface Closing {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  /** See NativeSocket. */
  readonly answer?: () => void;
}

/** The members of a WebSocket of workerd that we use. */
export interface WorkerSocket {
  readonly readyState: number;
  binaryType: string;
  accept(): void;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: never) => void): void;
}

const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
const LOST: Closing = { code: CLOSE_ABNORMAL, reason: '', wasClean: false };
const encoder = new TextEncoder();

export class PairSocket implements NativeSocket {
  /** Unknown: the runtime does not report it. */
  readonly bufferedAmount: number = 0;
  readonly #half: WorkerSocket;
  readonly #maxPayload: number;
  readonly #listeners: Record<string, ((event: unknown) => void)[]> = {};
  #isRefusing = false;
  #isCloseSent = false;
  #isOver = false;

  /** @param maxPayload Largest message that is passed on, in bytes; 0 for no limit. */
  constructor(half: WorkerSocket, maxPayload: number) {
    this.#half = half;
    this.#maxPayload = maxPayload;
    half.addEventListener('message', (event: { data: string | ArrayBuffer }) => this.#receive(event));
    // No close event follows.
    half.addEventListener('error', (event: object) => {
      this.#tell('error', event);
      this.#end(LOST);
    });
    half.addEventListener('close', (event: Closing) => this.#receiveClose(event));
    half.accept();
  }

  /** OPEN until our Close frame is sent: after the peer's Close frame the runtime still accepts messages, such as answers to earlier ones. */
  get readyState(): number {
    const { readyState } = this.#half;
    return readyState === CLOSING && !this.#isCloseSent ? OPEN : readyState;
  }

  get binaryType(): string {
    return this.#half.binaryType;
  }

  set binaryType(type: string) {
    this.#half.binaryType = type;
  }

  /** workerd would send a lone surrogate as it is, which is not UTF-8 (RFC 6455 section 8.1). */
  send(data: string | Uint8Array): void {
    this.#half.send(typeof data === 'string' ? wellFormed(data) : data);
  }

  /** Does nothing the second time, as in the standard; workerd would throw. */
  close(code?: number, reason?: string): void {
    if (this.#isCloseSent || this.#half.readyState === CLOSED) return;
    if (code === undefined) this.#half.close();
    else this.#half.close(code, reason);
    this.#isCloseSent = true;
  }

  addEventListener: NativeSocket['addEventListener'] = (type, listener) => {
    (this.#listeners[type] ??= []).push(listener as (event: unknown) => void);
  };

  #tell(type: string, event: unknown): void {
    if (this.#isOver) return;
    for (const listener of this.#listeners[type] ?? []) listener(event);
  }

  #receive(event: { data: string | ArrayBuffer }): void {
    if (this.#isRefusing) return;
    const limit = this.#maxPayload;
    if (limit === 0 || lengthOf(event.data) <= limit) return this.#tell('message', event);
    this.#isRefusing = true;
    this.#answer(CLOSE_MESSAGE_TOO_BIG, '');
    this.#tell('error', { error: messageTooLarge() });
  }

  /** The program has to answer a Close frame (RFC 6455 section 5.5.1). Without a frame, the reason is the runtime's own. */
  #receiveClose({ code, reason, wasClean }: Closing): void {
    const hasFrame = wasClean && code !== CLOSE_ABNORMAL;
    this.#end(hasFrame ? { code, reason, wasClean, answer: () => this.#answer(code, reason) } : LOST);
  }

  #answer(code: number, reason: string): void {
    try {
      this.close(code === CLOSE_NO_STATUS ? undefined : code, reason);
    } catch {
      // It is closed already, or the code is one that the runtime does not repeat.
    }
  }

  #end(closing: Closing): void {
    this.#tell('close', closing);
    this.#isOver = true;
  }
}

/** Bytes of a message. */
function lengthOf(data: string | ArrayBuffer): number {
  return typeof data === 'string' ? encoder.encode(data).length : data.byteLength;
}

/** `text` with U+FFFD in the place of each lone surrogate. */
function wellFormed(text: string): string {
  return (text as { toWellFormed?: () => string }).toWellFormed?.() ?? text;
}
