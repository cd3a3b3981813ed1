// The WebSocket of Deno.upgradeWebSocket, with the behaviour of a WHATWG WebSocket, which src/native expects, and with a way to close TCP.

import { CLOSE_ABNORMAL } from '../../src/base/close-codes.ts';
import type { NativeSocket } from '../../src/native/session.ts';
import { deno } from './deno.ts';

const LOST = { code: CLOSE_ABNORMAL, reason: '', wasClean: false };

/** The interface for Deno's own modules, as far as we use it. */
interface Core {
  /** Closes the resource of that number; does nothing when it is gone. */
  tryClose?(resource: number): void;
}

export class ServedSocket implements NativeSocket {
  readonly #socket: NativeSocket;
  /** Bytes that waited when TCP was closed. Deno 2.9 ends the process if its `bufferedAmount` is read after that. */
  #lost: number | undefined;

  constructor(socket: NativeSocket) {
    this.#socket = socket;
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  get bufferedAmount(): number {
    return this.#lost ?? this.#socket.bufferedAmount;
  }

  get binaryType(): string {
    return this.#socket.binaryType;
  }

  set binaryType(type: string) {
    this.#socket.binaryType = type;
  }

  send(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  addEventListener: NativeSocket['addEventListener'] = (type, listener) => {
    if (type !== 'close') return this.#socket.addEventListener(type, listener);
    const tell = listener as (event: typeof LOST) => void;
    // A peer that does not answer Pings is 1001 here, with a reason of Deno's. No Close frame came, so it is 1006 (RFC 6455 section 7.1.5).
    this.#socket.addEventListener('close', (event) => tell(event.wasClean ? event : LOST));
  };

  /**
   * Closes TCP. Deno's interface has `close()` only, which waits for the peer's Close frame for ever (Deno 2.9); its own modules close the
   * resource below. If that interface is missing, the peer gets a Close frame.
   */
  terminate(): void {
    if (this.#lost !== undefined) return;
    const waiting = this.#socket.bufferedAmount;
    if (cut(this.#socket)) this.#lost = waiting;
    else this.#socket.close();
  }
}

/** @returns Whether that was possible. */
function cut(socket: object): boolean {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === '[[rid]]');
  const resource = key === undefined ? undefined : (socket as Record<symbol, unknown>)[key];
  const core = (deno as unknown as Record<symbol, { readonly core?: Core } | undefined>)[deno.internal ?? Symbol('none')]?.core;
  if (typeof resource !== 'number' || typeof core?.tryClose !== 'function') return false;
  core.tryClose(resource);
  return true;
}
