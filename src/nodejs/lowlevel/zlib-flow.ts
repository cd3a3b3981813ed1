// One direction of a zlib context that programs drive fragment by fragment (RFC 7692 section 7.2), over node:zlib's public streams.
// Connections do not come here: they use src/deflate, which works on whole messages.

import { Buffer } from 'node:buffer';
import type { DeflateRaw, InflateRaw } from 'node:zlib';
import { InflateError } from '../../deflate/engine.ts';
import { copyToOwn } from '../views.ts';

const Z_SYNC_FLUSH = 2;

/** Receives the output of one job, which is its own to keep, or why there is none. */
export type FlowDone = (error: Error | null, output?: Buffer) => void;

export class ZlibFlow {
  readonly #stream: DeflateRaw | InflateRaw;
  readonly #limit: number;
  #output: Buffer[] = [];
  #length = 0;
  #done: FlowDone | null = null;
  /** Whether the context is of no use any more: after an error, the end of its stream (BFINAL), or {@link close}. */
  isOver: boolean = false;

  /**
   * @param stream Kept, and closed in the end.
   * @param limit Most bytes of output of one job; 0 for no limit.
   */
  constructor(stream: DeflateRaw | InflateRaw, limit: number) {
    this.#stream = stream;
    this.#limit = limit;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('error', (error: Error) => this.#fail(error));
    stream.on('end', () => {
      this.isOver = true;
    });
  }

  /**
   * Feeds `parts`, flushes, and gives all that came out. One job at a time.
   *
   * @param parts Kept until `done`.
   */
  run(parts: readonly (Uint8Array | string)[], done: FlowDone): void {
    this.#done = done;
    for (const part of parts) this.#stream.write(part);
    this.#stream.flush(Z_SYNC_FLUSH, () => this.#finish());
  }

  /** Starts the next message afresh (RFC 7692 section 7.1.1). */
  reset(): void {
    this.#stream.reset();
  }

  /** Frees the context. The job under way is dropped. */
  close(): void {
    this.#done = null;
    this.#output = [];
    this.isOver = true;
    this.#stream.destroy();
  }

  /** The limit is checked while output comes: a bomb costs no more than that. */
  #take(chunk: Buffer): void {
    if (this.#done === null) return;
    this.#length += chunk.length;
    if (this.#limit === 0 || this.#length <= this.#limit) this.#output.push(chunk);
    else this.#fail(new InflateError({ message: 'Max payload size exceeded', isTooLong: true }));
  }

  #finish(): void {
    const done = this.#done;
    // Deno calls back a flush before it emits the error of the write.
    if (done === null || this.#stream.errored) return;
    // zlib's chunks are longer than their output, and what is behind it may be anybody's.
    const output = copyToOwn(this.#output.length === 1 ? this.#output[0] : Buffer.concat(this.#output, this.#length));
    this.#done = null;
    this.#output = [];
    this.#length = 0;
    if (this.isOver) this.#stream.destroy();
    done(null, output);
  }

  #fail(error: Error): void {
    const done = this.#done;
    this.close();
    done?.(error);
  }
}
