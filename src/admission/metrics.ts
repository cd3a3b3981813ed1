// Metrics for programs: plain numbers of one server, or of the process, made of meters.

import {
  BUCKETS,
  BYTES_IN,
  BYTES_OUT,
  COMPRESSED_IN,
  COMPRESSED_OUT,
  DELIVERY_SUM,
  DELIVERY_TIME,
  CONNECTIONS_ENDED,
  HANDSHAKE_SUM,
  HANDSHAKE_TIME,
  Meter,
  OPENED,
  PAYLOAD_IN,
  PAYLOAD_OUT,
  type RefusalReason,
} from '../base/meter.ts';
import { elapsed } from '../clock.ts';
import { clientMeter, serverMeter } from './meters.ts';

/** A distribution. */
export interface Histogram {
  /** Upper bounds of the buckets, inclusive. One more bucket follows, without a bound. */
  readonly bounds: readonly number[];
  /** How many values are in each bucket. Not cumulative. */
  readonly counts: readonly number[];
  /** Of all values. */
  readonly sum: number;
  /** How many values there are. */
  readonly count: number;
}

/** Messages of permessage-deflate. */
export interface CompressionMetrics {
  readonly messages: number;
  /** Bytes on the way. */
  readonly compressedBytes: number;
  /** Bytes as programs have them. */
  readonly payloadBytes: number;
}

/** Numbers of connections since the start. `open`, `bufferedIn` and `bufferedOut` are those of now. */
export interface ConnectionMetrics {
  readonly open: number;
  readonly opened: number;
  /** Complete data messages, however many fragments they had. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Payload of these messages as programs have it, without frame headers, before compression and after decompression. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes a message. */
  readonly payloadIn: Histogram;
  readonly payloadOut: Histogram;
  /** Bytes that arrived and were not delivered. */
  readonly bufferedIn: number;
  /** Bytes that were sent and not handed to the operating system. */
  readonly bufferedOut: number;
  /** Only connections over byte streams tell; a WebSocket of the runtime does not. */
  readonly compressedIn: CompressionMetrics;
  readonly compressedOut: CompressionMetrics;
  /** Ends of connections, by close code as the 'close' event has it. */
  readonly closeCodes: Readonly<Record<string, number>>;
  /** Errors of connections, by their `code`; `other` for those without. */
  readonly errors: Readonly<Record<string, number>>;
  /** Milliseconds of the opening handshakes that succeeded, hooks included. */
  readonly handshakeTime: Histogram;
  /** Milliseconds for which the listeners of one read held up the event loop. Measured from the first time that metrics are asked for. */
  readonly deliveryTime: Histogram;
}

/** How often a limit has refused a request, or ended or held up a connection. By the name of the option. */
export interface AdmissionCounters {
  /** Requests that got a 503 because of a shutdown. */
  shutdown: number;
  maxConnections: number;
  maxConnectionsPerAddress: number;
  handshakeRate: number;
  maxHandshakesPending: number;
  /** Pauses, or connections that were closed. */
  messageRate: number;
  byteRate: number;
  /** Connections that were dropped. */
  maxTotalBuffered: number;
}

/** Numbers of a server, a gate, or all servers of the process. */
export interface ServerMetrics extends ConnectionMetrics {
  /** Requests that got no connection, by reason. */
  readonly refused: Readonly<Record<RefusalReason, number>>;
  /** Effects of limits on open connections: pauses, closed or dropped connections. By the name of the option. */
  readonly limited: Readonly<Record<(typeof LIMITS_OF_CONNECTIONS)[number], number>>;
}

/** Numbers of all clients of the process. */
export interface ClientMetrics extends ConnectionMetrics {
  /**
   * Opening handshakes that failed: by the status of the response, or the `code` of the error; `other` without either. Those that the program gave up do
   * not count.
   */
  readonly failed: Readonly<Record<string, number>>;
}

export interface ProcessMetrics {
  readonly client: ClientMetrics;
  readonly server: ServerMetrics;
}

const LIMITS_OF_REQUESTS = [
  'shutdown',
  'handshakeRate',
  'maxConnectionsPerAddress',
  'maxConnections',
  'maxHandshakesPending',
] as const;
const LIMITS_OF_CONNECTIONS = ['messageRate', 'byteRate', 'maxTotalBuffered'] as const;
const REASONS: readonly RefusalReason[] = [
  ...LIMITS_OF_REQUESTS,
  'request',
  'path',
  'origin',
  'verifyClient',
  'hook',
  'closed',
];
const INDEXES: readonly number[] = Array.from({ length: BUCKETS - 1 }, (_, index) => index);
/** Bytes. */
const LENGTHS: readonly number[] = INDEXES.map((index) => 4 ** index);
/** Milliseconds. */
const TIMES: readonly number[] = INDEXES.map((index) => 2 ** index / 16);

function histogram(meter: Meter, bounds: readonly number[], first: number, sum: number): Histogram {
  const counts = [...meter.counts.subarray(first, first + BUCKETS)];
  return { bounds, counts, sum: meter.counts[sum], count: counts.reduce((one, other) => one + other) };
}

function compression({ counts }: Meter, first: number): CompressionMetrics {
  return { messages: counts[first], compressedBytes: counts[first + 1], payloadBytes: counts[first + 2] };
}

/** The counts of a tally, with 0 for those among `names` that never occurred. */
function record(tally: ReadonlyMap<unknown, number>, names: readonly string[] = []): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = 0;
  for (const [name, count] of tally) counts[String(name)] = count;
  return counts;
}

function connectionMetrics(meter: Meter): ConnectionMetrics {
  const { counts, tallies } = meter;
  meter.watch.clock ??= elapsed;
  let bufferedIn = 0;
  let bufferedOut = 0;
  for (const { sessions } of [meter, ...meter.parts()]) {
    for (const session of sessions()) {
      bufferedIn += session.bufferedInput;
      bufferedOut += session.bufferedAmount;
    }
  }
  const payloadIn = histogram(meter, LENGTHS, PAYLOAD_IN, BYTES_IN);
  const payloadOut = histogram(meter, LENGTHS, PAYLOAD_OUT, BYTES_OUT);
  return {
    open: counts[OPENED] - counts[CONNECTIONS_ENDED],
    opened: counts[OPENED],
    messagesIn: payloadIn.count,
    messagesOut: payloadOut.count,
    bytesIn: payloadIn.sum,
    bytesOut: payloadOut.sum,
    payloadIn,
    payloadOut,
    bufferedIn,
    bufferedOut,
    compressedIn: compression(meter, COMPRESSED_IN),
    compressedOut: compression(meter, COMPRESSED_OUT),
    closeCodes: record(tallies.closeCodes),
    errors: record(tallies.errors),
    handshakeTime: histogram(meter, TIMES, HANDSHAKE_TIME, HANDSHAKE_SUM),
    deliveryTime: histogram(meter, TIMES, DELIVERY_TIME, DELIVERY_SUM),
  };
}

/** The numbers of a server. */
export function serverMetrics(meter: Meter): ServerMetrics {
  const { refused, limited } = meter.tallies;
  return {
    ...connectionMetrics(meter),
    refused: record(refused, REASONS) as ServerMetrics['refused'],
    limited: record(limited, LIMITS_OF_CONNECTIONS) as ServerMetrics['limited'],
  };
}

/** The numbers of limits alone. */
export function admissionCounters({ tallies: { refused, limited } }: Meter): AdmissionCounters {
  const names = [...LIMITS_OF_REQUESTS, ...LIMITS_OF_CONNECTIONS];
  const counters = Object.fromEntries(names.map((name) => [name, refused.get(name) ?? limited.get(name) ?? 0]));
  return counters as object as AdmissionCounters;
}

/** The numbers of all clients and of all servers of the process, since the library was loaded. */
export function metrics(): ProcessMetrics {
  Meter.passOn();
  return {
    client: { ...connectionMetrics(clientMeter), failed: record(clientMeter.tallies.failed) },
    server: serverMetrics(serverMeter),
  };
}
