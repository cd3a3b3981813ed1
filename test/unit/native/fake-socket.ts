// A runtime's own WebSocket whose events are the test's to fire.

import type { NativeSocket } from '../../../src/native/session.ts';
import type { SessionSink } from '../../../src/platform.ts';

type Listener = (event: never) => void;

export class FakeNativeSocket implements NativeSocket {
  binaryType = 'blob';
  readyState: number;
  bufferedAmount = 0;
  /** What was sent, and `close` calls. */
  readonly calls: unknown[] = [];
  readonly #listeners = new Map<string, Listener[]>();

  constructor(readyState = 1) {
    this.readyState = readyState;
  }

  send(data: string | Uint8Array): void {
    this.calls.push(typeof data === 'string' ? data : [...data]);
  }

  close(code?: number, reason?: string): void {
    this.readyState = 2;
    this.calls.push({ code, reason });
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  /** Fires an event. */
  fire(type: 'open' | 'message' | 'error' | 'close', event: object = {}): void {
    if (type === 'open') this.readyState = 1;
    if (type === 'close') this.readyState = 3;
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

/** Writes down what a session reports, with bytes as Latin-1. */
export class RecordingSink implements SessionSink {
  readonly events: unknown[][] = [];
  onEvent: (name: string) => void = () => {};

  onMessage(source: Uint8Array, start: number, end: number, kind: number): void {
    this.#add('message', latin1(source.subarray(start, end)), kind);
  }

  onPing(): void {
    this.#add('ping');
  }

  onPong(): void {
    this.#add('pong');
  }

  onClosing(): void {
    this.#add('closing');
  }

  onError(error: Error): void {
    this.#add('error', error.message);
  }

  onDrain(): void {
    this.#add('drain');
  }

  onEnd(code: number, reason: Uint8Array, wasClean: boolean): void {
    this.#add('end', code, latin1(reason), wasClean);
  }

  #add(...event: [string, ...unknown[]]): void {
    this.events.push(event);
    this.onEvent(event[0]);
  }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
