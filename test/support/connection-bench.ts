// A connection by itself: the test plays the peer, frame by frame.

import type { PeerError } from '../../src/base/errors.ts';
import type { Role } from '../../src/platform.ts';
import { Connection, type ConnectionOptions, type ConnectionSink } from '../../src/protocol/connection.ts';
import { parseFrames } from './bytes.ts';
import { concat, frame, hex, toHex, type FrameOptions } from './frames.ts';
import { ManualPlatform } from './platform.ts';

/** The masking key of RFC 6455 section 5.7. */
export const KEY = hex('37 fa 21 3d');

export interface Message {
  bytes: Uint8Array;
  kind: number;
}

/** Writes down what it hears. */
export class Recorder implements ConnectionSink {
  readonly messages: Message[] = [];
  /** Types of the events, and short payloads as text. */
  readonly log: string[] = [];
  violation: PeerError | undefined;
  onEvent: (event: string) => void = () => {};

  onMessage(source: Uint8Array, start: number, end: number, kind: number): void {
    this.messages.push({ bytes: source.slice(start, end), kind });
    this.#hear(`message ${textOf(source.subarray(start, end))}`);
  }
  onPing(payload: Uint8Array): void {
    this.#hear(`ping ${textOf(payload)}`);
  }
  onPong(payload: Uint8Array): void {
    this.#hear(`pong ${textOf(payload)}`);
  }
  onCloseFrame(): void {
    this.#hear('close');
  }
  onBlocked(): void {}
  onOutput(): void {}
  onOutputFailure(): void {}
  onFail(error: PeerError): void {
    this.violation = error;
    this.#hear(`fail ${error.closeCode} ${error.code}`);
  }
  #hear(event: string): void {
    this.log.push(event);
    this.onEvent(event);
  }
}

export function textOf(bytes: Uint8Array): string {
  return bytes.length > 40 ? `(${bytes.length})` : new TextDecoder().decode(bytes);
}

/** A connection whose peer is the test. */
export class Bench {
  readonly platform: ManualPlatform;
  readonly sink: Recorder = new Recorder();
  readonly connection: Connection;
  readonly role: Role;

  constructor(options: ConnectionOptions, platform: ManualPlatform = new ManualPlatform()) {
    this.role = options.role;
    this.platform = platform;
    this.connection = new Connection(platform, this.sink, options);
  }

  /** A frame as this connection's peer would send it. */
  frame(options: FrameOptions): Uint8Array<ArrayBuffer> {
    return frame(this.role === 'server' ? { key: KEY, ...options } : options);
  }

  receive(...frames: (FrameOptions | Uint8Array)[]): this {
    this.connection.receive(concat(...frames.map((each) => (each instanceof Uint8Array ? each : this.frame(each)))));
    return this;
  }

  /** Frames queued since the last call. */
  sent(): { first: number; masked: boolean; payload: Uint8Array }[] {
    const { chunks, slots } = this.connection.outbox.take();
    const frames = parseFrames(concat(...chunks));
    for (const slot of slots) this.platform.codec.releaseSlot(slot);
    return frames;
  }

  sentHex(): string[] {
    return this.sent().map(({ first, payload }) => toHex(concat(Uint8Array.of(first), payload)));
  }
}
