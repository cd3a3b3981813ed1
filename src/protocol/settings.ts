// Options of a connection, and the complete settings that are made of them. Connections of one server share an object of settings.

import type { PeerError } from '../base/errors.ts';
import {
  DEFAULT_CLOSE_TIMEOUT,
  DEFAULT_MAX_BUFFERED_AMOUNT,
  DEFAULT_MAX_PAYLOAD,
  ownOption,
  type BorrowMode,
  type BufferPolicy,
} from '../base/options.ts';
import type { Role } from '../platform.ts';
import type { CompressionOptions } from './compression.ts';
import type { HeartbeatSettings } from './heartbeat.ts';

/** Limits for a peer's messages, and the form in which they are passed on. */
export interface InboundLimits {
  /** Largest message, in bytes, before and after decompression; 0 for none. Default 100 MiB. */
  readonly maxPayload?: number;
  /** Largest payload of one data frame, in bytes; 0 for none, the default. */
  readonly maxFramePayload?: number;
  /**
   * Whether data frames are passed on one by one, to `onFrame`, and messages are not. `maxPayload` then holds for a frame. Does not work
   * with compression: payloads are passed on as they arrived. Default false.
   */
  readonly deliverFrames?: boolean;
  /** Most fragments of one message; 0 for none, the default: the size of a message is bounded in bytes. */
  readonly maxFragments?: number;
  /** Most reads that one unfinished frame may take; 0 for no limit, the default: the size of a frame is bounded in bytes. */
  readonly maxBufferedChunks?: number;
  /** Whether text is passed on unchecked. Default false. */
  readonly skipUtf8Validation?: boolean;
}

/** Limits and other options of a connection. Inherited properties and null count as left out. */
export interface ConnectionOptions extends InboundLimits {
  readonly role: Role;
  /** Whether a Ping is answered at once. Default true. */
  readonly autoPong?: boolean;
  /** Decides whether a Ping is answered. `payload` belongs to it. Default: every Ping is. */
  readonly acceptsPing?: ((payload: Uint8Array) => boolean) | undefined;
  /** The close reason for a violation: UTF-8, at most 123 bytes. Default: empty. */
  readonly describeViolation?: ((error: PeerError) => Uint8Array) | undefined;
  /** permessage-deflate, as it was negotiated. Default: none. */
  readonly compression?: CompressionOptions | undefined;
  /** Milliseconds for the closing handshake and the end of TCP together. Then the transport is destroyed. Default 30,000. */
  readonly closeTimeout?: number;
  /**
   * Most payload bytes that may wait for the peer when another message is sent; 0 for no limit. Default 1 GiB. A program that checks
   * `bufferedAmount` stays far below.
   */
  readonly maxBufferedAmount?: number;
  /** Default `'close'`: the connection is dropped. `'drop'` gives the callback an error, `'throw'` throws it. */
  readonly bufferPolicy?: BufferPolicy;
  /** Whether the program borrows long messages instead of copies. For platforms that can. Default false. */
  readonly borrowMessages?: BorrowMode | undefined;
  /** Sends Pings to a silent peer, and drops the connection if the peer stays silent. Default: none. */
  readonly heartbeat?: HeartbeatSettings | undefined;
}

/** Options with their defaults. Immutable, because connections share them: copies took 130 bytes a connection and 3 µs of its handshake. */
export class ConnectionSettings implements Record<keyof ConnectionOptions, unknown> {
  readonly role: Role = 'server';
  readonly autoPong: boolean = true;
  readonly acceptsPing: ConnectionOptions['acceptsPing'];
  readonly describeViolation: ConnectionOptions['describeViolation'];
  readonly compression: CompressionOptions | undefined;
  readonly closeTimeout: number = DEFAULT_CLOSE_TIMEOUT;
  /** Infinity for no limit. */
  readonly maxBufferedAmount: number = DEFAULT_MAX_BUFFERED_AMOUNT;
  readonly bufferPolicy: BufferPolicy = 'close';
  readonly borrowMessages: BorrowMode = false;
  readonly heartbeat: HeartbeatSettings | undefined;
  readonly maxPayload: number = DEFAULT_MAX_PAYLOAD;
  readonly maxFramePayload: number = 0;
  readonly deliverFrames: boolean = false;
  readonly maxFragments: number = 0;
  readonly maxBufferedChunks: number = 0;
  readonly skipUtf8Validation: boolean = false;

  constructor(given: ConnectionOptions) {
    const settings = this as Record<string, unknown>;
    for (const name in settings) settings[name] = ownOption(given, name as keyof ConnectionOptions) ?? settings[name];
    this.maxBufferedAmount ||= Infinity;
  }
}

/** The settings of the last connection. */
let last: ConnectionSettings | undefined;

/** The settings for `given`: those of the last connection if they are the same, so that the connections of a server share them. */
export function connectionSettings(given: ConnectionOptions): ConnectionSettings {
  const settings = new ConnectionSettings(given);
  for (const name in settings) {
    const key = name as keyof ConnectionSettings;
    if (settings[key] !== last?.[key]) return (last = settings);
  }
  return last!;
}
