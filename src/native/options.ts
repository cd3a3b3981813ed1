// Checks the options of `upgrade` before the runtime does anything. An option without effect is an error that names the alternative.

import { ADMISSION_OPTIONS } from '../admission/options.ts';
import { readOptions } from '../base/options.ts';
import type { GateOptions } from './gated.ts';
import type { ProtocolChoice } from './upgrade.ts';

/** Options of `upgrade` on every runtime. */
export interface CommonUpgradeOptions extends ProtocolChoice, GateOptions {
  /**
   * More header fields for the response. Sec-WebSocket-Protocol among them counts as `protocol`; those of the handshake itself are the
   * runtime's to set.
   */
  readonly headers?: ConstructorParameters<typeof Headers>[0];
  /**
   * Largest message in bytes; 0, the default, for the runtime's own limit. The runtime has read a message by the time that it is measured. The
   * peer gets a Close frame with 1009.
   */
  readonly maxPayload?: number | undefined;
  /** Milliseconds that the closing handshake may take; 0 for no limit. Default 30,000. */
  readonly closeTimeout?: number | undefined;
  /** Milliseconds that the opening handshake may take; 0 for no limit. Default 30,000. */
  readonly handshakeTimeout?: number | undefined;
}

const COMMON = [
  'protocol',
  'handleProtocols',
  'headers',
  'maxPayload',
  'closeTimeout',
  'handshakeTimeout',
  'gate',
  'remoteAddress',
];

/** Options with values that describe the behaviour of every runtime's WebSocket. They are accepted. */
const GIVEN: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['autoPong', true],
  ['borrowMessages', false],
  ['heartbeat', false],
  ['maxBufferedChunks', 0],
  ['maxFragments', 0],
  ['perMessageDeflate', false],
  ['skipUTF8Validation', false],
]);

const LOOK_FIRST = 'look at the request before you call upgrade(), and answer with a Response of your own';
/** Alternatives to options that only our own sockets have. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ...ADMISSION_OPTIONS.map((name) => [name, 'give it to a Gate, and that to upgrade() as "gate"'] as const),
  ['allowedOrigins', `compare request.headers.get("origin"): ${LOOK_FIRST}`],
  ['allowSynchronousEvents', 'the runtime decides how many events come in a turn'],
  ['autoPong', 'the runtime answers Pings by itself'],
  ['borrowMessages', 'the runtime makes memory for each message: leave it out, or use WebSocketServer'],
  ['generateMask', 'servers do not mask'],
  ['maxBufferedChunks', 'the runtime joins frames by itself'],
  ['maxFragments', 'the runtime joins fragments by itself: use maxPayload'],
  ['path', LOOK_FIRST],
  ['shouldHandle', LOOK_FIRST],
  ['skipUTF8Validation', 'the runtime checks text by itself'],
  ['verifyClient', LOOK_FIRST],
]);

/** How `upgrade` of a runtime treats its options. */
export interface OptionRules {
  /** Options beyond {@link CommonUpgradeOptions} that have an effect. */
  readonly names: readonly string[];
  /** For the others: the remedy. */
  readonly advice: Readonly<Record<string, string>>;
}

/**
 * The options that a program gave to `upgrade`: own properties, their names and values checked.
 *
 * @throws {TypeError} for an option that has no effect, and says what to do.
 * @throws {RangeError} for a limit or a time that is not a number of 0 or more.
 */
export function readUpgradeOptions<Options extends object>(
  given: Options | null | undefined,
  { names, advice }: OptionRules,
): Options {
  const options = readOptions(given);
  const own = new Map(Object.entries(advice));
  for (const [name, value] of Object.entries(options)) {
    if (GIVEN.has(name) && GIVEN.get(name) === value) continue;
    if (!COMMON.includes(name) && !names.includes(name)) {
      throw new TypeError(`${name}: ${own.get(name) ?? ADVICE.get(name) ?? 'upgrade() has no such option'}`);
    }
  }
  return options;
}
