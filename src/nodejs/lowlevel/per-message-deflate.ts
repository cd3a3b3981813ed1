// The PerMessageDeflate export of ws 8: permessage-deflate (RFC 7692) as an object that programs use for the negotiation, and
// then pass to a Receiver and a Sender or call themselves.

import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { compressionSettings } from '../../api/ws/options.ts';
import type { PerMessageDeflateOptions } from '../../api/ws/types.ts';
import { keepCore, markCores, requireCore } from '../../base/core.ts';
import { messageTooLarge } from '../../base/errors.ts';
import { readOptions } from '../../base/options.ts';
import { InflateError } from '../../deflate/engine.ts';
import {
  agreeToDeflate,
  answerDeflate,
  offerDeflate,
  PERMESSAGE_DEFLATE,
  type DeflateAgreement,
  type DeflateElement,
} from '../../deflate/parameters.ts';
import { checkDeflateOptions } from '../../deflate/settings.ts';
import { Compression, type JobDone } from '../../protocol/compression.ts';
import { copyToOwn } from '../buffers.ts';
import { deflateEngine, platform } from './binding.ts';

/** Options of `new PerMessageDeflate()`. */
export interface PerMessageDeflateSettings extends PerMessageDeflateOptions {
  /** Which side this is. Default false: a client. */
  isServer?: boolean | undefined;
  /** Most bytes that a message, or with `decompress` one call, may inflate to; 0, the default, for no limit. */
  maxPayload?: number | undefined;
}

/** An offer or an answer as `extension.parse` returns it: each parameter with its values, `true` if it has none. */
export type ParsedParameters = Record<string, readonly (string | true)[]>;
/** The parameters of an offer, or those agreed on, by name: `true` for one without a value, window bits as numbers. */
export type DeflateParameters = Record<string, number | true>;
/** Gets the result of `compress` and `decompress`, which belongs to the callback. */
export type DeflateCallback = (error: Error | null, data?: Buffer) => void;

const CLIENT_BITS = 'client_max_window_bits';
/** Two of the largest windows. */
const ALL_MEMORY = 65536;

/** One call of `compress` or `decompress`. */
interface Job {
  run(context: Compression, done: JobDone, failed: (error: unknown) => void): void;
  readonly callback: DeflateCallback;
}

/** One direction: its context, and the calls that use it one after the other, each in a separate turn. */
class Lane {
  readonly #create: () => Compression;
  #context: Compression | null = null;
  /** The first call is running. */
  readonly #jobs: Job[] = [];

  constructor(create: () => Compression) {
    this.#create = create;
  }

  add(job: Job): void {
    // First of all, because the options may be refused.
    const context = (this.#context ??= this.#create());
    if (this.#jobs.push(job) === 1) this.#plan(context);
  }

  /** Frees the context. @returns The callbacks that will not be called. */
  clear(): DeflateCallback[] {
    this.#context?.close();
    this.#context = null;
    return this.#jobs.splice(0).map(({ callback }) => callback);
  }

  #plan(context: Compression): void {
    platform.nextTurn(() => {
      if (context === this.#context) this.#runFirst(context);
    });
  }

  #runFirst(context: Compression): void {
    const job = this.#jobs[0];
    const end = (error: unknown, output?: Buffer): void => {
      this.#jobs.shift();
      if (error !== null) {
        context.close();
        this.#context = null;
      }
      if (this.#jobs.length > 0) this.#plan((this.#context ??= this.#create()));
      job.callback(error as Error | null, output);
    };
    job.run(
      context,
      (bytes, isOwned) => end(null, isOwned ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : copyToOwn(bytes)),
      end,
    );
  }
}

/** @throws {Error} for a parameter that is unknown, comes twice, or has a value that it cannot have in an offer, or in an answer. */
function readElement(parsed: ParsedParameters, isOffer: boolean): DeflateElement {
  const parameters = Object.entries(parsed).map(([name, values]) => {
    if (values.length > 1) throw new Error(`Parameter "${name}" must have only a single value`);
    const parameter = values[0] === true ? { name } : { name, value: values[0] };
    // In an offer client_max_window_bits may stand without a value (RFC 7692 section 7.1.2.2); but for that, both read alike.
    if (!isOffer || name !== CLIENT_BITS || values[0] !== true) {
      agreeToDeflate({ name: PERMESSAGE_DEFLATE, parameters: [parameter] }, {});
    }
    return parameter;
  });
  return { name: PERMESSAGE_DEFLATE, parameters };
}

function parametersOf({ parameters }: DeflateElement): DeflateParameters {
  // Without a prototype, as the objects of `extension.parse`.
  const named = Object.create(null) as Record<string, number | true>;
  for (const { name, value } of parameters) named[name] = value === undefined ? true : Number(value);
  return named;
}

function elementOf(parameters: DeflateParameters): DeflateElement {
  const list = Object.entries(parameters).map(([name, value]) => (value === true ? { name } : { name, value: String(value) }));
  return { name: PERMESSAGE_DEFLATE, parameters: list };
}

/** @throws {TypeError} if the data is neither text nor a view of memory. */
function bytesOf(data: unknown): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError('The data must be a string or a Buffer');
}

/** Binds `callback` to the current asynchronous context (AsyncLocalStorage). */
function bind(callback: DeflateCallback): DeflateCallback {
  const context = new AsyncResource('PerMessageDeflate');
  return (...values) => context.runInAsyncScope(callback, undefined, ...values);
}

/** The state of a {@link PerMessageDeflate}. */
export class DeflateCore {
  readonly #settings: PerMessageDeflateSettings;
  #agreement: DeflateAgreement | null = null;
  readonly #deflating: Lane = new Lane(() => this.#createContext());
  /** Our engine, also with `engine: 'zlib'`: it inflates a part of a message at once, as ws does, while zlib's functions need all parts. */
  readonly #inflating: Lane = new Lane(() => this.#createContext('wasm'));
  #shared: Compression | null = null;

  constructor(settings: PerMessageDeflateSettings | null | undefined) {
    // Negotiates as ws does unless the program names a memory.
    this.#settings = { maxMemoryPerConnection: ALL_MEMORY, ...readOptions(settings) };
  }

  offer(): DeflateParameters {
    return parametersOf(offerDeflate(this.#settings));
  }

  get isServer(): boolean {
    return this.#settings.isServer ?? false;
  }

  normalize(configurations: readonly ParsedParameters[]): DeflateParameters[] {
    return configurations.map((parsed) => parametersOf(readElement(parsed, this.isServer)));
  }

  acceptOffer(offers: readonly DeflateParameters[]): DeflateParameters {
    const answer = answerDeflate(offers.map(elementOf), this.#settings);
    if (answer === undefined) throw new Error('None of the extension offers can be accepted');
    this.#agreement = answer.agreement;
    return parametersOf(answer.element);
  }

  acceptAnswer(answers: readonly DeflateParameters[]): DeflateParameters {
    const answer = elementOf(answers[0] ?? {});
    this.#agreement = agreeToDeflate(answer, this.#settings);
    const { clientMaxWindowBits } = this.#settings;
    const parameters = parametersOf(answer);
    if (typeof clientMaxWindowBits === 'number') parameters[CLIENT_BITS] ??= clientMaxWindowBits;
    return parameters;
  }

  compress(given: Uint8Array | string, fin: boolean, callback: DeflateCallback): void {
    const data = bytesOf(given);
    this.#deflating.add({
      run: (context, done, failed) => context.deflate(data, fin, done, failed, false),
      callback: bind(callback),
    });
  }

  decompress(given: Uint8Array, fin: boolean, callback: DeflateCallback): void {
    const data = bytesOf(given);
    this.#inflating.add({
      run: (context, done, failed) => context.inflate(data, this.limit, done, (error) => failed(faultOf(error as Error)), fin),
      callback: bind(callback),
    });
  }

  cleanup(): void {
    this.#shared?.close();
    this.#shared = null;
    const clear = (lane: Lane, verb: string): void => {
      for (const callback of lane.clear()) {
        callback(new Error(`The ${verb} stream was closed while data was being processed`), undefined);
      }
    };
    clear(this.#inflating, 'inflate');
    clear(this.#deflating, 'deflate');
  }

  /** Most bytes that a message may inflate to; 0 for no limit. */
  get limit(): number {
    return this.#settings.maxPayload ?? 0;
  }

  /** The contexts of a Receiver, which does not wait for a turn. New ones are made after `cleanup`. */
  get compression(): Compression {
    return (this.#shared ??= this.#createContext());
  }

  /** @param engine The one of the options, unless it is named. */
  #createContext(engine?: 'wasm'): Compression {
    if (this.#agreement === null) throw new TypeError('Call accept() first: there is no agreement yet');
    const role = this.isServer ? 'server' : 'client';
    const options = this.#settings;
    checkDeflateOptions(options);
    const chosen = deflateEngine(engine ? { engine } : options);
    return new Compression(platform, role, compressionSettings(options, this.#agreement, chosen, role));
  }
}
markCores(DeflateCore, 'DeflateCore');

/** The core of `deflate`, for Receiver and Sender, which use more of it than programs. */
export function deflateCoreOf(deflate: PerMessageDeflate): DeflateCore {
  return requireCore(deflate) as DeflateCore;
}

/** permessage-deflate on one side of one connection. */
export class PerMessageDeflate {
  /** The agreement; null before {@link accept}. */
  params: DeflateParameters | null = null;

  constructor(settings?: PerMessageDeflateSettings | null) {
    keepCore(this, new DeflateCore(settings));
  }

  /** `permessage-deflate`: its key in `extensions`. */
  static get extensionName(): 'permessage-deflate' {
    return PERMESSAGE_DEFLATE;
  }

  /** The offer of a client, for `extension.format`. */
  offer(): DeflateParameters {
    return deflateCoreOf(this).offer();
  }

  /**
   * Takes the first acceptable offer (a server), or the answer to the offer (a client).
   *
   * @param configurations As `extension.parse` gives them. Not changed.
   * @returns The agreement, for `extension.format`.
   * @throws {Error} when a parameter is malformed, no offer is acceptable, or the answer does not fit the offer.
   */
  accept(configurations: readonly ParsedParameters[]): DeflateParameters {
    const parameters = this.normalizeParams(configurations);
    return (this.params = deflateCoreOf(this).isServer ? this.acceptAsServer(parameters) : this.acceptAsClient(parameters));
  }

  /**
   * Takes the first acceptable offer.
   *
   * @throws {Error} if no offer is acceptable.
   */
  acceptAsServer(offers: readonly DeflateParameters[]): DeflateParameters {
    return deflateCoreOf(this).acceptOffer(offers);
  }

  /**
   * Takes a server's answer, the first of `answers`.
   *
   * @throws {Error} when it does not fit the offer.
   */
  acceptAsClient(answers: readonly DeflateParameters[]): DeflateParameters {
    return deflateCoreOf(this).acceptAnswer(answers);
  }

  /**
   * Reads offers, or an answer, as `extension.parse` gives them.
   *
   * @throws {Error} for a parameter that is unknown, comes twice, or has a value that it cannot have.
   */
  normalizeParams(configurations: readonly ParsedParameters[]): DeflateParameters[] {
    return deflateCoreOf(this).normalize(configurations);
  }

  /**
   * Compresses the payload of one frame.
   *
   * @param data Kept until `callback`. Text is encoded as UTF-8.
   * @param fin Whether it ends the message: then the four bytes of the flush are left out (RFC 7692 section 7.2.1).
   */
  compress(data: Uint8Array | string, fin: boolean, callback: DeflateCallback): void {
    deflateCoreOf(this).compress(data, fin, callback);
  }

  /**
   * Decompresses the payload of one frame.
   *
   * @param data Kept until `callback`.
   * @param fin Whether it ends the message.
   */
  decompress(data: Uint8Array, fin: boolean, callback: DeflateCallback): void {
    deflateCoreOf(this).decompress(data, fin, callback);
  }

  /** Frees the contexts. Running and waiting calls get an error. */
  cleanup(): void {
    deflateCoreOf(this).cleanup();
  }
}

/** The engine's error is passed on with zlib's code, as ws does; the limit is our fault's. */
function faultOf(error: Error): Error {
  return error instanceof InflateError && error.isTooLong ? messageTooLarge() : error;
}
