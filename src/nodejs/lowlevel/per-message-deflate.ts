// The PerMessageDeflate export of ws 8: permessage-deflate (RFC 7692) as an object that programs negotiate with, and hand to a
// Receiver and a Sender or drive themselves.

import { Buffer } from 'node:buffer';
import zlib, { type ZlibOptions } from 'node:zlib';
import type { PerMessageDeflateOptions } from '../../api/ws/types.ts';
import { InflateError } from '../../deflate/engine.ts';
import {
  agreeToDeflate,
  answerDeflate,
  offerDeflate,
  PERMESSAGE_DEFLATE,
  type DeflateAgreement,
  type DeflateElement,
} from '../../deflate/parameters.ts';
import { emptyMessage, TAIL } from '../../deflate/messages.ts';
import { Compression } from '../../protocol/compression.ts';
import { messageTooLarge } from '../../protocol/violations.ts';
import { copyToOwn } from '../views.ts';
import { deflateEngine, platform } from './lent.ts';
import { ZlibFlow, type FlowDone } from './zlib-flow.ts';
import { keepCore, markCores, requireCore } from '../../base/core.ts';
import { readOptions } from '../../base/options.ts';

/** Options of `new PerMessageDeflate()`. */
export interface PerMessageDeflateSettings extends Omit<
  PerMessageDeflateOptions,
  'clientMaxWindowBits' | 'serverMaxWindowBits'
> {
  /** 8 to 15. `false`: a server refuses to be asked. */
  serverMaxWindowBits?: number | false | undefined;
  /** 8 to 15. `true`, a client's default: the server may choose. `false`: it may not. */
  clientMaxWindowBits?: number | boolean | undefined;
  /** Which side this is. Default false: a client. */
  isServer?: boolean | undefined;
  /** Most bytes that a message, or with `decompress` one call, may inflate to; 0, the default, for no limit. */
  maxPayload?: number | undefined;
}

/** An offer or an answer as `extension.parse` gives it: each parameter with its values, `true` for none. */
export type ParsedParameters = Record<string, readonly (string | true)[]>;
/** The parameters of an offer, or those agreed on, by name: `true` for one without a value, window bits as numbers. */
export type DeflateParameters = Record<string, number | true>;
/** Receives what `compress` and `decompress` made, which is its own to keep. */
export type DeflateCallback = (error: Error | null, data?: Buffer) => void;

const CLIENT_BITS = 'client_max_window_bits';
const DEFAULT_THRESHOLD = 1024;
/** Two of the largest windows. */
const ALL_MEMORY = 65536;

/** What one call of `compress` or `decompress` asks for. */
interface Job {
  readonly parts: readonly (Uint8Array | string)[];
  readonly fin: boolean;
  readonly done: FlowDone;
}

/** One direction. */
interface Lane {
  readonly create: () => ZlibFlow;
  /** Says whether a message starts afresh. */
  readonly resets: (agreement: DeflateAgreement) => boolean;
  flow: ZlibFlow | null;
  /** The first is under way. */
  readonly jobs: Job[];
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

/** What a {@link PerMessageDeflate} works with. */
export class DeflateCore {
  readonly #settings: PerMessageDeflateSettings;
  #agreement: DeflateAgreement | null = null;
  readonly #deflating: Lane;
  readonly #inflating: Lane;
  #compression: Compression | null = null;

  constructor(settings: PerMessageDeflateSettings | null | undefined) {
    // Negotiates as ws does unless the program names a memory.
    this.#settings = { maxMemoryPerConnection: ALL_MEMORY, ...readOptions(settings) };
    const isServer = this.#settings.isServer ?? false;
    this.#deflating = {
      create: () => new ZlibFlow(zlib.createDeflateRaw(this.#zlibOptions(true)), 0),
      resets: (agreement) => (isServer ? agreement.serverNoContextTakeover : agreement.clientNoContextTakeover),
      flow: null,
      jobs: [],
    };
    this.#inflating = {
      create: () => new ZlibFlow(zlib.createInflateRaw(this.#zlibOptions(false)), this.limit),
      resets: (agreement) => (isServer ? agreement.clientNoContextTakeover : agreement.serverNoContextTakeover),
      flow: null,
      jobs: [],
    };
  }

  offer(): DeflateParameters {
    return parametersOf(offerDeflate(this.#settings));
  }

  accept(configurations: readonly ParsedParameters[]): DeflateParameters {
    const { isServer = false } = this.#settings;
    const elements = configurations.map((parsed) => readElement(parsed, isServer));
    if (!isServer) return this.#acceptAnswer(elements);
    const answer = answerDeflate(elements, this.#settings);
    if (answer === undefined) throw new Error('None of the extension offers can be accepted');
    this.#agreement = answer.agreement;
    return parametersOf(answer.element);
  }

  compress(data: Uint8Array | string, fin: boolean, callback: DeflateCallback): void {
    this.#enqueue(this.#deflating, {
      parts: [data],
      fin,
      done: (error, output) => callback(error, output && fin ? withoutTail(output) : output),
    });
  }

  decompress(data: Uint8Array, fin: boolean, callback: DeflateCallback): void {
    this.#enqueue(this.#inflating, {
      parts: fin ? [data, TAIL] : [data],
      fin,
      done: (error, output) => callback(error && faultOf(error), output),
    });
  }

  cleanup(): void {
    this.#compression?.close();
    this.#compression = null;
    this.#clear(this.#inflating, 'inflate');
    this.#clear(this.#deflating, 'deflate');
  }

  /** Most bytes that a message may inflate to; 0 for no limit. */
  get limit(): number {
    return this.#settings.maxPayload ?? 0;
  }

  #acceptAnswer(elements: readonly DeflateElement[]): DeflateParameters {
    const answer = elements[0] ?? { name: PERMESSAGE_DEFLATE, parameters: [] };
    this.#agreement = agreeToDeflate(answer, this.#settings);
    const { clientMaxWindowBits } = this.#settings;
    const parameters = parametersOf(answer);
    if (typeof clientMaxWindowBits === 'number') parameters[CLIENT_BITS] ??= clientMaxWindowBits;
    return parameters;
  }

  #agreed(): DeflateAgreement {
    if (this.#agreement === null) throw new TypeError('Call accept() first: nothing has been agreed on');
    return this.#agreement;
  }

  #zlibOptions(isOutput: boolean): ZlibOptions {
    const { isServer = false, zlibDeflateOptions, zlibInflateOptions } = this.#settings;
    const agreement = this.#agreed();
    const windowBits = isServer === isOutput ? agreement.serverMaxWindowBits : agreement.clientMaxWindowBits;
    // The types of ws allow what zlib then refuses, such as a list of dictionaries.
    return { ...((isOutput ? zlibDeflateOptions : zlibInflateOptions) as ZlibOptions | undefined), windowBits };
  }

  /** The contexts that a Receiver inflates with; made anew after `cleanup`. */
  get compression(): Compression {
    const { isServer, zlibInflateOptions } = this.#settings;
    return (this.#compression ??= new Compression(platform, isServer ? 'server' : 'client', {
      engine: deflateEngine(),
      agreement: this.#agreed(),
      zlibInflateOptions: { ...zlibInflateOptions },
    }));
  }

  /**
   * Whether a message whose first frame has `length` bytes is worth compressing. With a context that is kept, even a short one is: it
   * resembles those before it.
   */
  isWorthwhile(length: number): boolean {
    return !this.#deflating.resets(this.#agreed()) || length >= (this.#settings.threshold ?? DEFAULT_THRESHOLD);
  }

  #enqueue(lane: Lane, job: Job): void {
    // First of all, because zlib may refuse its options.
    lane.flow ??= lane.create();
    if (lane.jobs.push(job) === 1) this.#runFirst(lane);
  }

  #runFirst(lane: Lane): void {
    const job = lane.jobs.at(0);
    if (job === undefined) return;
    const flow = (lane.flow ??= lane.create());
    flow.run(job.parts, (error, output) => {
      lane.jobs.shift();
      if (flow.isOver) lane.flow = null;
      else if (job.fin && lane.resets(this.#agreed())) flow.reset();
      this.#runFirst(lane);
      job.done(error, output);
    });
  }

  #clear(lane: Lane, verb: string): void {
    const jobs = lane.jobs.splice(0);
    lane.flow?.close();
    lane.flow = null;
    for (const { done } of jobs) done(new Error(`The ${verb} stream was closed while data was being processed`));
  }
}
markCores(DeflateCore, 'DeflateCore');

/** The core of `deflate`, for Receiver and Sender, which may ask more than programs. */
export function deflateCoreOf(deflate: PerMessageDeflate): DeflateCore {
  return requireCore(deflate) as DeflateCore;
}

/** permessage-deflate on one side of one connection. */
export class PerMessageDeflate {
  /** What was agreed on; null before {@link accept}. */
  params: DeflateParameters | null = null;

  constructor(settings?: PerMessageDeflateSettings | null) {
    keepCore(this, new DeflateCore(settings));
  }

  /** `permessage-deflate`: its key in `extensions`. */
  static get extensionName(): 'permessage-deflate' {
    return PERMESSAGE_DEFLATE;
  }

  /** What a client offers, for `extension.format`. */
  offer(): DeflateParameters {
    return deflateCoreOf(this).offer();
  }

  /**
   * Takes the first acceptable offer (a server), or the answer to the offer (a client).
   *
   * @param configurations As `extension.parse` gives them. Not changed.
   * @returns What was agreed on, for `extension.format`.
   * @throws {Error} when a parameter is malformed, no offer is acceptable, or the answer does not fit the offer.
   */
  accept(configurations: readonly ParsedParameters[]): DeflateParameters {
    return (this.params = deflateCoreOf(this).accept(configurations));
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

  /** Frees the contexts. What is under way, or waits, gets an error. */
  cleanup(): void {
    deflateCoreOf(this).cleanup();
  }
}

/** A flush right after a flush gives nothing, but even an empty message needs a block (RFC 7692 section 7.2.3.6). */
function withoutTail(output: Buffer): Buffer {
  if (output.length < TAIL.length) return copyToOwn(emptyMessage());
  return output.subarray(0, output.length - TAIL.length);
}

/** zlib's own error is passed on, as ws does; the limit is our fault's. */
function faultOf(error: Error): Error {
  return error instanceof InflateError && error.isTooLong ? messageTooLarge() : error;
}
