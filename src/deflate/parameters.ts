// Parameters of permessage-deflate, RFC 7692 sections 5 and 7.1: the offers of a client, the offer that a server takes, and the agreement that both
// then hold each other to.

/** The name in Sec-WebSocket-Extensions. */
export const PERMESSAGE_DEFLATE = 'permessage-deflate';

/** One element of a Sec-WebSocket-Extensions header; as `Extension` of the handshake has it. */
export interface DeflateElement {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly value?: string }[];
}

/** Options of permessage-deflate. Names and defaults are those of ws 8. */
export interface DeflateOptions {
  /** Whether the server starts each message afresh. True demands it (a client) or does it (a server); false refuses it. */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** The same for the client. */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** Base-two logarithm of the server's LZ77 window, 8 to 15. `false`: a server refuses to be asked. */
  readonly serverMaxWindowBits?: number | false | undefined;
  /** The same for the client. `true`: a client says that it may be asked, its default. */
  readonly clientMaxWindowBits?: number | boolean | undefined;
  /**
   * Bytes that a connection may keep for compression while it is idle: the windows of both directions. Default 8,192, so 12 bits for each.
   * A server asks clients for a window that fits, if they can be asked. If they cannot, it keeps 32 KiB for them. If the option is set, it
   * asks them to start each message afresh instead. A client asks its server for a window only if the option is set.
   */
  readonly maxMemoryPerConnection?: number | undefined;
}

/** Default of {@link DeflateOptions.maxMemoryPerConnection}, and the window that fits it. docs/performance.md has costs and savings of other sizes. */
export const DEFAULT_WINDOW_MEMORY = 8192;
export const DEFAULT_WINDOW_BITS = 12;

/** Window bits for each direction that fit so many bytes; 0 when none do. */
export function windowBitsWithin(memory: number): number {
  const bits = Math.min(MAXIMUM_WINDOW_BITS, Math.floor(Math.log2(memory / 2)));
  return bits >= MINIMUM_WINDOW_BITS ? bits : 0;
}

/** The largest window that a side's own compressor uses: the one that its options name, else the largest one that fits the memory. 0: none. */
export function ownWindowBits(options: DeflateOptions, role: 'server' | 'client'): number {
  const named = role === 'server' ? options.serverMaxWindowBits : options.clientMaxWindowBits;
  return typeof named === 'number' ? named : windowBitsWithin(options.maxMemoryPerConnection ?? DEFAULT_WINDOW_MEMORY);
}

/** The agreement of both sides. */
export interface DeflateAgreement {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
}

/** Largest window, and the one without a parameter (RFC 7692 section 7.1.2). */
export const MAXIMUM_WINDOW_BITS = 15;
export const MINIMUM_WINDOW_BITS = 8;

/** A peer's parameters, checked by themselves. */
interface Parameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | undefined;
  clientMaxWindowBits: number | true | undefined;
}

/** `client_max_window_bits` may stand without a value in an offer only (section 7.1.2.2). */
function readWindowBits(name: string, value: string | undefined, mayBeEmpty: boolean): number | true {
  if (value === undefined && mayBeEmpty) return true;
  // A decimal integer from 8 to 15 without leading zeroes (section 7.1.2).
  if (!/^([89]|1[0-5])$/.test(String(value))) {
    throw new TypeError(`Invalid value for parameter "${name}": ${String(value ?? true)}`);
  }
  return Number(value);
}

/** Each parameter and its option, in the order in which parameters are written. */
const NAMES = [
  ['server_no_context_takeover', 'serverNoContextTakeover'],
  ['client_no_context_takeover', 'clientNoContextTakeover'],
  ['server_max_window_bits', 'serverMaxWindowBits'],
  ['client_max_window_bits', 'clientMaxWindowBits'],
] as const;

/** By option. `true`: a parameter without a value. */
type Values = Readonly<Partial<Record<(typeof NAMES)[number][1], number | boolean | undefined>>>;

/** @throws {Error} for a parameter that is unknown, comes twice, or has a value that it cannot have. */
function readParameters(element: DeflateElement, isOffer: boolean): Parameters {
  const result = { __proto__: null, serverNoContextTakeover: false, clientNoContextTakeover: false } as {
    -readonly [Key in keyof Values]: Values[Key];
  };
  for (const { name, value } of element.parameters) {
    const key = NAMES.find(([known]) => known === name)?.[1];
    if (key === undefined) throw new Error(`Unknown parameter "${name}"`);
    if (result[key]) throw new Error(`Parameter "${name}" must have only a single value`);
    if (key === 'serverMaxWindowBits' || key === 'clientMaxWindowBits') {
      result[key] = readWindowBits(name, value, isOffer && key === 'clientMaxWindowBits');
    } else {
      if (value !== undefined) throw new TypeError(`Invalid value for parameter "${name}": ${value}`);
      result[key] = true;
    }
  }
  return result as Parameters;
}

function elementOf(values: Values): DeflateElement {
  const parameters = NAMES.flatMap(([name, key]) => {
    const value = values[key];
    if (!value) return [];
    return value === true ? { name } : { name, value: String(value) };
  });
  return { name: PERMESSAGE_DEFLATE, parameters };
}

/** The client's offer (RFC 7692 section 7.1). */
export function offerDeflate(options: DeflateOptions): DeflateElement {
  const { clientMaxWindowBits = true } = options;
  return elementOf({ __proto__: null, ...options, ...askedOfServer(options), clientMaxWindowBits } as Values);
}

/** The demands of a client on its server: the parameters of the options, or those for the memory of the options. */
function askedOfServer(options: DeflateOptions): Values {
  const { serverMaxWindowBits: named, maxMemoryPerConnection = Infinity } = options;
  if (typeof named === 'number') return options;
  const bits = windowBitsWithin(maxMemoryPerConnection);
  const serverNoContextTakeover = options.serverNoContextTakeover ?? bits === 0;
  // Of a server that starts afresh we keep no window: a smaller one would only make its messages longer.
  const isAsked = !serverNoContextTakeover && bits < MAXIMUM_WINDOW_BITS;
  return { serverNoContextTakeover, serverMaxWindowBits: isAsked && (bits || MINIMUM_WINDOW_BITS) };
}

/** The server's side of a negotiation. */
export interface DeflateAnswer {
  readonly agreement: DeflateAgreement;
  /** The value for the response. */
  readonly element: DeflateElement;
}

/**
 * Takes the first acceptable offer (RFC 7692 section 5.1). An offer that is malformed, or has a parameter that `options` refuse, is declined.
 *
 * @returns Undefined if no offer is acceptable: the connection goes on without compression.
 */
export function answerDeflate(offers: readonly DeflateElement[], options: DeflateOptions): DeflateAnswer | undefined {
  for (const offer of offers) {
    if (offer.name !== PERMESSAGE_DEFLATE) continue;
    const answer = answerOffer(offer, options);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function answerOffer(offer: DeflateElement, options: DeflateOptions): DeflateAnswer | undefined {
  let asked: Parameters;
  try {
    asked = readParameters(offer, true);
  } catch {
    return undefined;
  }
  const { serverMaxWindowBits: ownServerBits, clientMaxWindowBits: ownClientBits, maxMemoryPerConnection: memory } = options;
  if (options.serverNoContextTakeover === false && asked.serverNoContextTakeover) return undefined;
  if (asked.serverMaxWindowBits !== undefined) {
    if (ownServerBits === false) return undefined;
    if (typeof ownServerBits === 'number' && ownServerBits > asked.serverMaxWindowBits) return undefined;
  }
  // A client that does not say client_max_window_bits cannot be asked to keep to a smaller window, and one that names a size
  // cannot be given a larger one (section 7.1.2.2).
  if (typeof ownClientBits === 'number') {
    const { clientMaxWindowBits } = asked;
    if (clientMaxWindowBits === undefined || (clientMaxWindowBits !== true && ownClientBits > clientMaxWindowBits))
      return undefined;
  }

  const serverMaxWindowBits = typeof ownServerBits === 'number' ? ownServerBits : asked.serverMaxWindowBits;
  const clientMaxWindowBits = typeof ownClientBits === 'number' ? ownClientBits : clientBitsFor(asked, options);
  const values = {
    serverNoContextTakeover: asked.serverNoContextTakeover || options.serverNoContextTakeover === true,
    clientNoContextTakeover:
      asked.clientNoContextTakeover ||
      options.clientNoContextTakeover === true ||
      // A client's window is larger than the program has allowed.
      (options.clientNoContextTakeover !== false &&
        memory !== undefined &&
        (clientMaxWindowBits ?? MAXIMUM_WINDOW_BITS) > windowBitsWithin(memory)),
    serverMaxWindowBits,
    clientMaxWindowBits,
  };
  return {
    agreement: {
      ...values,
      serverMaxWindowBits: serverMaxWindowBits ?? MAXIMUM_WINDOW_BITS,
      clientMaxWindowBits: clientMaxWindowBits ?? MAXIMUM_WINDOW_BITS,
    },
    element: elementOf(values),
  };
}

/** The window to ask a client for: the largest that fits the memory, if the client can be asked and a window is kept. */
function clientBitsFor(offer: Parameters, options: DeflateOptions): number | undefined {
  const { clientMaxWindowBits: asked } = offer;
  if (asked === undefined || options.clientMaxWindowBits === false) return undefined;
  const fitting = windowBitsWithin(options.maxMemoryPerConnection ?? DEFAULT_WINDOW_MEMORY);
  const isAfresh = offer.clientNoContextTakeover || (options.clientNoContextTakeover ?? fitting === 0);
  const most = isAfresh ? MAXIMUM_WINDOW_BITS : fitting || MINIMUM_WINDOW_BITS;
  if (asked !== true) return Math.min(asked, most);
  return most < MAXIMUM_WINDOW_BITS ? most : undefined;
}

/**
 * Checks a server's answer to {@link offerDeflate} with the same options.
 *
 * @throws {Error} when it has a parameter that it may not have: the client fails the connection (RFC 7692 section 7.1).
 */
export function agreeToDeflate(answer: DeflateElement, options: DeflateOptions): DeflateAgreement {
  const given = readParameters(answer, false);
  const { clientMaxWindowBits = true } = options;
  const asked = askedOfServer(options);
  if (options.clientNoContextTakeover === false && given.clientNoContextTakeover) {
    throw new Error('Unexpected parameter "client_no_context_takeover"');
  }
  const clientBits = given.clientMaxWindowBits as number | undefined;
  const mostBits = typeof clientMaxWindowBits === 'number' ? clientMaxWindowBits : MAXIMUM_WINDOW_BITS;
  if (clientBits !== undefined && (clientMaxWindowBits === false || clientBits > mostBits)) {
    throw new Error('Unexpected or invalid parameter "client_max_window_bits"');
  }
  // A server may choose a smaller window than it was asked for, never a larger one, and must not ignore the demand (section 7.1.2.1).
  const serverBits = given.serverMaxWindowBits ?? MAXIMUM_WINDOW_BITS;
  if (serverBits > ((asked.serverMaxWindowBits as number) || MAXIMUM_WINDOW_BITS)) {
    throw new Error('Missing or invalid parameter "server_max_window_bits"');
  }
  if (asked.serverNoContextTakeover === true && !given.serverNoContextTakeover) {
    throw new Error('Missing parameter "server_no_context_takeover"');
  }
  return {
    serverNoContextTakeover: given.serverNoContextTakeover,
    clientNoContextTakeover: given.clientNoContextTakeover || options.clientNoContextTakeover === true,
    serverMaxWindowBits: serverBits,
    clientMaxWindowBits: clientBits ?? mostBits,
  };
}
