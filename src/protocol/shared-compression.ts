// One message for many connections, compressed once for all of them whose contexts are equal. RFC 7692 section 7.1.1.
//
// Deflators with the same options and the same window write the same bytes, and have the same window afterwards. So are those that start
// each message afresh, those that have sent nothing, and those whose last messages were the same, as far as the window reaches: the subscribers
// of a channel, for example. They share the memory of that window too.

import { FIN_BIT, OPCODE_BINARY, OPCODE_TEXT, RSV1_BIT } from '../base/opcodes.ts';
import type { ContextOptions, DeflateEngine, DeflateJob, Deflator } from '../deflate/engine.ts';
import { haveSameBytes } from '../deflate/messages.ts';
import type { Platform, SharedFrame, SharedMessage } from '../platform.ts';
import { LONGEST_SHARED, shareFrame } from './shared-frames.ts';
import { countedLength } from './turn.ts';

/** A compressed message. Many connections read it, so it must not change. */
export interface CompressedMessage {
  /** Without the four bytes of the flush (RFC 7692 section 7.2.1). */
  readonly bytes: Uint8Array;
  /** It as an unmasked frame; undefined when it is too long for a shared one. */
  readonly frame: SharedFrame | undefined;
}

/** A connection that sends the message. */
export interface Sharer {
  readonly connection: { readonly isClosed: boolean };
  /** Told in the end. @param window That of its context from now on. Not to be changed. */
  finish(message: CompressedMessage, window: Uint8Array): void;
  fail(error: unknown): void;
}

/** The window and the options that bytes were made with. */
export interface SharedContext {
  readonly engine: DeflateEngine;
  readonly options: ContextOptions;
  readonly window: Uint8Array;
}

const isOpen = ({ connection }: Sharer): boolean => !connection.isClosed;

interface Result {
  readonly message: CompressedMessage;
  /** That of the context behind it. */
  readonly window: Uint8Array;
}

/** The message, compressed for one context. */
export class Form {
  readonly #platform: Platform;
  readonly #context: SharedContext;
  readonly #isText: boolean;
  readonly #deflator: Deflator;
  readonly #job: DeflateJob;
  readonly #length: number;
  readonly #sharers: Sharer[] = [];
  #result: Result | null = null;
  /** Whether there will be no result. */
  isLost: boolean = false;

  constructor(platform: Platform, context: SharedContext, payload: Uint8Array, isText: boolean) {
    this.#platform = platform;
    this.#context = context;
    this.#isText = isText;
    this.#deflator = context.engine.createDeflator(context.options);
    this.#deflator.adoptWindow(context.window);
    this.#job = this.#deflator.deflate(payload, true);
    this.#length = countedLength(payload);
  }

  fits({ engine, options, window }: SharedContext): boolean {
    const own = this.#context;
    if (this.isLost || own.engine !== engine || !areEqual(own.options, options)) return false;
    return own.window === window || haveSameBytes(own.window, window);
  }

  /** Compresses for one more. @returns Whether it was told at once; otherwise it is told in a later turn. */
  add(sharer: Sharer): boolean {
    const result = this.#result;
    if (result !== null) sharer.finish(result.message, result.window);
    else if (this.#sharers.push(sharer) === 1) this.#run();
    return this.#result !== null || this.isLost;
  }

  #run(): void {
    try {
      if (!this.#sharers.some(isOpen)) return void this.#lose();
      const bytes = this.#platform.turn.step(this.#job, this.#length);
      if (bytes === null) return this.#platform.turn.later(this.#job, () => this.#run());
      this.#result = this.#keep(bytes);
    } catch (error) {
      for (const sharer of this.#lose()) sharer.fail(error);
      return;
    }
    const { message, window } = this.#result;
    for (const sharer of this.#sharers.splice(0)) if (isOpen(sharer)) sharer.finish(message, window);
  }

  #keep(bytes: Uint8Array): Result {
    const first = FIN_BIT | RSV1_BIT | (this.#isText ? OPCODE_TEXT : OPCODE_BINARY);
    const { length } = bytes;
    const frame = length > LONGEST_SHARED ? undefined : shareFrame(bytes, first);
    let own = frame?.region.bytes.subarray(frame.end - length, frame.end);
    own ??= this.#job.isOwned ? bytes : this.#platform.copy(bytes, 0, length);
    const window = this.#deflator.takeWindow();
    this.#deflator.close();
    return { message: { bytes: own, frame }, window };
  }

  #lose(): Sharer[] {
    this.isLost = true;
    this.#deflator.close();
    return this.#sharers.splice(0);
  }
}

/** A message with its compressed forms. `shared` of SendOptions is one, wherever a session of ours may compress it. */
export class CompressibleMessage implements SharedMessage {
  readonly frame: SharedFrame | undefined;
  /** By {@link keyOf} the window before them. */
  readonly #forms = new Map<number, Form[]>();

  constructor(frame: SharedFrame | undefined) {
    this.frame = frame;
  }

  /**
   * The form for a connection with this context: that of another one, or a new one.
   *
   * @param payload The message. Not to be changed.
   */
  formFor(platform: Platform, payload: Uint8Array, isText: boolean, context: SharedContext): Form {
    const key = keyOf(context.window);
    let known = this.#forms.get(key);
    if (known === undefined) this.#forms.set(key, (known = []));
    let form = known.find((one) => one.fits(context));
    if (form === undefined) known.push((form = new Form(platform, context, payload, isText)));
    return form;
  }
}

/** A hash of some bytes of a window: windows whose messages differ have different ones, as a rule. */
function keyOf(window: Uint8Array): number {
  const { length } = window;
  const step = Math.max(1, length >>> 4);
  let key = length;
  for (let at = 0; at < length; at += step) key = (Math.imul(key, 31) + window[at]) | 0;
  return key;
}

function areEqual(one: ContextOptions, other: ContextOptions): boolean {
  if (one.windowBits !== other.windowBits || one.noContextTakeover !== other.noContextTakeover) return false;
  const [first, second] = [one.zlib ?? {}, other.zlib ?? {}];
  const names = Object.keys(first);
  return names.length === Object.keys(second).length && names.every((name) => first[name] === second[name]);
}
