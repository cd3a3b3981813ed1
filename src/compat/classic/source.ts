// Reads the data of one message from a readable stream, chunk by chunk, as fast as the chunks are sent.

/** The part of a readable stream that is used. Streams of 2013 have it as well. */
export interface Source {
  readonly destroyed?: boolean;
  readonly readableEnded?: boolean;
  on(event: string, listener: (value: unknown) => void): unknown;
  removeListener(event: string, listener: (value: unknown) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy?(): unknown;
}

/** Whether `data` is a readable stream. */
export function isSource(data: unknown): data is Source {
  if (typeof data !== 'object' || data === null) return false;
  const { on, removeListener, pause, resume } = data as Partial<Source>;
  return [on, removeListener, pause, resume].every((member) => typeof member === 'function');
}

/** Events of a pump. `onEnd` or `onError` is the last one. */
export interface PumpEvents {
  /** The next chunk comes after {@link SourcePump.continue}. */
  onChunk(chunk: unknown): void;
  onEnd(): void;
  onError(error: Error): void;
}

export class SourcePump {
  readonly #source: Source;
  #events: PumpEvents | null = null;
  /** The error of a source that failed before `start`. */
  #earlyError: Error | null = null;
  #isOver = false;

  /** Listens to errors of `source` at once, because an error without a listener ends the process. Reads from `start` on. */
  constructor(source: Source) {
    this.#source = source;
    source.on('error', this.#fail);
    source.on('close', this.#close);
  }

  start(events: PumpEvents): void {
    const source = this.#source;
    this.#events = events;
    if (source.readableEnded) return this.#end();
    if (source.destroyed) this.#earlyError ??= prematureClose();
    if (this.#earlyError !== null) return this.#fail(this.#earlyError);
    source.on('data', this.#read);
    source.on('end', this.#end);
    source.resume();
  }

  continue(): void {
    if (!this.#isOver) this.#source.resume();
  }

  /** Destroys the source. No event follows. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const source = this.#source;
    for (const [event, listener] of [
      ['data', this.#read],
      ['end', this.#end],
      ['close', this.#close],
    ] as const) {
      source.removeListener(event, listener);
    }
    // The listener of errors stays, because the source may still fail.
    source.destroy?.();
  }

  readonly #read = (chunk: unknown): void => {
    this.#source.pause();
    this.#events!.onChunk(chunk);
  };

  readonly #end = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events!.onEnd();
  };

  readonly #close = (): void => {
    // After 'end' the source is complete. `start` reads that from the property, since it listens to 'end' only then.
    if (!this.#source.readableEnded) this.#fail(prematureClose());
  };

  readonly #fail = (error: unknown): void => {
    if (this.#isOver) return;
    if (this.#events === null) {
      this.#earlyError ??= error as Error;
      return;
    }
    this.stop();
    this.#events.onError(error as Error);
  };
}

function prematureClose(): Error {
  return new Error('The readable stream closed before its end');
}
