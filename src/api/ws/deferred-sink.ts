// One event a turn, for `allowSynchronousEvents: false`. Reading stops while events wait, so the wait is bounded.

import { MESSAGE_BORROWED, MESSAGE_OWNED, type Session, type SessionSink } from '../../platform.ts';
import { immediate } from '../../clock.ts';

/** A sink that may be told where the fragments of a message end, as the session will have forgotten. */
export interface ShapingSink extends SessionSink {
  /** Whether the program itself has paused reading. */
  readonly isPaused: boolean;
  onMessage(source: Uint8Array, start: number, end: number, kind: number, fragmentEnds?: readonly number[]): boolean | void;
}

export class DeferredSink implements SessionSink {
  readonly #sink: ShapingSink;
  readonly #session: Session;
  #isDropped = false;
  readonly #tasks: (() => void)[] = [];
  #isRunning = false;

  constructor(sink: ShapingSink, session: Session) {
    this.#sink = sink;
    this.#session = session;
  }

  /** The program has dropped the connection: messages that wait are not delivered. */
  drop(): void {
    this.#isDropped = true;
  }

  onMessage(source: Uint8Array, start: number, end: number, kind: number): void {
    const isOwned = (kind & MESSAGE_OWNED) !== 0;
    const fragmentEnds = (isOwned && this.#session.fragmentEnds) || [];
    const bytes = isOwned ? source : this.#session.copyMessage(source, start, end);
    const [from, to] = isOwned ? [start, end] : [0, bytes.length];
    this.#defer(() => this.#sink.onMessage(bytes, from, to, (kind & ~MESSAGE_BORROWED) | MESSAGE_OWNED, fragmentEnds));
  }

  onPing(payload: Uint8Array): void {
    this.#defer(() => this.#sink.onPing(payload));
  }

  onPong(payload: Uint8Array): void {
    this.#defer(() => this.#sink.onPong(payload));
  }

  onClosing(): void {
    this.#inOrder(() => this.#sink.onClosing());
  }

  onError(error: Error): void {
    this.#inOrder(() => this.#sink.onError(error));
  }

  onDrain(): void {
    this.#sink.onDrain();
  }

  onEnd(code: number, reason: Uint8Array, wasClean: boolean): void {
    this.#inOrder(() => this.#sink.onEnd(code, reason, wasClean));
  }

  #inOrder(task: () => void): void {
    if (this.#isRunning) this.#tasks.push(task);
    else task();
  }

  #defer(deliver: () => void): void {
    this.#tasks.push(() => {
      if (!this.#isDropped) deliver();
    });
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#session.pause();
    immediate(this.#run);
  }

  readonly #run = (): void => {
    const task = this.#tasks.shift();
    if (task === undefined) {
      this.#isRunning = false;
      if (!this.#sink.isPaused) this.#session.resume();
      return;
    }
    try {
      task();
    } finally {
      // After the task, so an immediate that the task starts runs before the next event, as in ws.
      immediate(this.#run);
    }
  };
}
