// permessage-deflate on one connection, RFC 7692 section 6: contexts that are made when first needed, and the order of messages
// while one of them takes more than a turn.

import { DEFAULT_WINDOW_BITS, type DeflateAgreement } from '../deflate/parameters.ts';
import type { ContextOptions, DeflateEngine, DeflateJob, Deflator, Inflator } from '../deflate/engine.ts';
import type { Platform, Role, SharedMessage } from '../platform.ts';
import type { CompressedMessage, CompressibleMessage, Form } from './shared-compression.ts';
import { countedLength } from './turn.ts';

/** Compression settings of a connection. */
export interface CompressionOptions {
  readonly engine: DeflateEngine;
  readonly agreement: DeflateAgreement;
  /** Largest window of our messages, 8 to 15; 0: no window. Default 12, and never more than the agreement. */
  readonly windowBits?: number | undefined;
  /** Smallest message that is compressed when each starts afresh, in bytes. Default 1,024, as in ws. */
  readonly threshold?: number | undefined;
  /** Passed on to zlib. */
  readonly zlibDeflateOptions?: Readonly<Record<string, unknown>> | undefined;
  /** Passed on to zlib. */
  readonly zlibInflateOptions?: Readonly<Record<string, unknown>> | undefined;
}

const DEFAULT_THRESHOLD = 1024;

/** Receives a finished job. `isOwned`: whether the bytes may be kept. */
export type JobDone = (bytes: Uint8Array, isOwned: boolean) => void;

export class Compression {
  readonly #platform: Platform;
  readonly #role: Role;
  readonly #options: CompressionOptions;
  #deflator: Deflator | null = null;
  #inflator: Inflator | null = null;
  /** Bytes of messages for many connections that it has compressed by itself, since the last message of its own. */
  #commonBytes = 0;
  isClosed: boolean = false;
  /** Jobs that wait for another turn: one a direction. */
  #waiting: Set<DeflateJob> | null = null;

  constructor(platform: Platform, role: Role, options: CompressionOptions) {
    this.#platform = platform;
    this.#role = role;
    this.#options = options;
  }

  /**
   * Whether to compress a message. With a kept context even a short message is compressed, because it resembles the earlier ones.
   *
   * @param length Bytes of its first frame.
   */
  isWorthwhile(length: number): boolean {
    return !this.#sendsAfresh || length >= (this.#options.threshold ?? DEFAULT_THRESHOLD);
  }

  /**
   * Compresses the payload of one frame.
   *
   * @param failed Called with any exception, also of making the context: memory may be short, or WebAssembly forbidden.
   * @param isBorrowed Whether `data` is copied if this does not finish at once; otherwise it is kept. Default true.
   * @returns Whether it is done already; otherwise `done` comes in a later turn, and no other call may be made before.
   */
  deflate(
    data: Uint8Array,
    isFinal: boolean,
    done: JobDone,
    failed: (error: unknown) => void,
    isBorrowed: boolean = true,
  ): boolean {
    if (this.isClosed) return false;
    let job: DeflateJob;
    try {
      job = (this.#deflator ??= this.#options.engine.createDeflator(this.#deflateOptions())).deflate(data, isFinal);
    } catch (error) {
      failed(error);
      return true;
    }
    return this.#run(job, countedLength(data), done, failed, isBorrowed);
  }

  /**
   * Whether another connection may have an equal context: {@link deflateShared} saves nothing otherwise. A message of its own makes the context
   * different, until messages for many connections have pushed that message out of the window.
   */
  get isShareable(): boolean {
    const deflator = this.#deflator;
    return deflator === null || deflator.sharedWindow !== null || this.#commonBytes >= 2 ** this.#windowBits;
  }

  /** A message is compressed by {@link deflate}. @param isCommon Whether other connections send it too. */
  countOwn(length: number, isCommon: boolean): void {
    this.#commonBytes = isCommon ? this.#commonBytes + length : 0;
  }

  /**
   * Compresses a message that other connections send too, once for all whose contexts are equal.
   *
   * @param payload Must not change.
   * @param done Told the message, which others read as well.
   * @returns As {@link deflate} does.
   */
  deflateShared(
    shared: SharedMessage,
    payload: Uint8Array,
    isText: boolean,
    done: (message: CompressedMessage) => void,
    failed: (error: unknown) => void,
  ): boolean {
    if (this.isClosed) return false;
    const { engine } = this.#options;
    const options = this.#deflateOptions();
    let deflator: Deflator;
    let form: Form;
    try {
      deflator = this.#deflator ??= engine.createDeflator(options);
      const context = { engine, options, window: deflator.takeWindow() };
      form = (shared as CompressibleMessage).formFor(this.#platform, payload, isText, context);
    } catch (error) {
      failed(error);
      return true;
    }
    const finish = (message: CompressedMessage, next: Uint8Array): void => {
      deflator.adoptWindow(next);
      done(message);
    };
    return form.add({ connection: this, finish, fail: failed });
  }

  get #windowBits(): number {
    const { agreement, windowBits } = this.#options;
    const agreed = this.#role === 'server' ? agreement.serverMaxWindowBits : agreement.clientMaxWindowBits;
    return Math.min(agreed, windowBits || DEFAULT_WINDOW_BITS);
  }

  #deflateOptions(): ContextOptions {
    return {
      windowBits: this.#windowBits,
      noContextTakeover: this.#sendsAfresh,
      zlib:
        this.#options.windowBits === 0 && !this.#isAgreedAfresh ? this.#withoutDictionary : this.#options.zlibDeflateOptions,
    };
  }

  /** The peer keeps its window, in which the dictionary does not stay where it is for us. */
  get #withoutDictionary(): CompressionOptions['zlibDeflateOptions'] {
    const { zlibDeflateOptions } = this.#options;
    return zlibDeflateOptions && { ...zlibDeflateOptions, dictionary: undefined };
  }

  /**
   * Decompresses a message, or the next part of one.
   *
   * @param data Kept until `done` or `failed`.
   * @param limit Most bytes of output; 0 for no limit.
   * @param isFinal Whether it ends the message.
   * @returns As {@link deflate} does.
   */
  inflate(data: Uint8Array, limit: number, done: JobDone, failed: (error: unknown) => void, isFinal: boolean = true): boolean {
    if (this.isClosed) return false;
    let job: DeflateJob;
    try {
      job = (this.#inflator ??= this.#createInflator()).inflate(data, limit, isFinal);
    } catch (error) {
      failed(error);
      return true;
    }
    return this.#run(job, data.length + (this.#options.engine.inflateCost ?? 0), done, failed);
  }

  /** Frees both contexts. Running and later jobs are dropped. */
  close(): void {
    this.isClosed = true;
    this.#deflator?.close();
    this.#inflator?.close();
    this.#deflator = this.#inflator = null;
    for (const job of this.#waiting ?? []) this.#platform.turn.forget(job);
    this.#waiting = null;
  }

  #createInflator(): Inflator {
    const { agreement, engine, zlibInflateOptions } = this.#options;
    const isServer = this.#role === 'server';
    return engine.createInflator({
      windowBits: isServer ? agreement.clientMaxWindowBits : agreement.serverMaxWindowBits,
      noContextTakeover: isServer ? agreement.clientNoContextTakeover : agreement.serverNoContextTakeover,
      zlib: zlibInflateOptions,
    });
  }

  get #sendsAfresh(): boolean {
    return this.#options.windowBits === 0 || this.#isAgreedAfresh;
  }

  get #isAgreedAfresh(): boolean {
    const { agreement } = this.#options;
    return this.#role === 'server' ? agreement.serverNoContextTakeover : agreement.clientNoContextTakeover;
  }

  #run(job: DeflateJob, length: number, done: JobDone, failed: (error: unknown) => void, isBorrowed: boolean = false): boolean {
    let bytes: Uint8Array | null;
    try {
      bytes = this.#platform.turn.step(job, length);
      if (bytes === null && isBorrowed) job.detach?.(this.#platform.copy);
    } catch (error) {
      failed(error);
      return true;
    }
    if (bytes !== null) {
      done(bytes, job.isOwned);
      return true;
    }
    const waiting = (this.#waiting ??= new Set()).add(job);
    this.#platform.turn.later(job, () => {
      waiting.delete(job);
      if (!this.isClosed) this.#run(job, length, done, failed);
    });
    return false;
  }
}
