// A connection by itself: the test plays the peer, frame by frame.

import type { PeerError } from '../../src/base/errors.ts';
import type { Role, SessionSink } from '../../src/platform.ts';
import { Connection } from '../../src/protocol/connection.ts';
import type { ConnectionOptions } from '../../src/protocol/settings.ts';
import { parseFrames } from './parse-frames.ts';
import { concat, frame, hex, toHex, type FrameOptions } from './frames.ts';
import { MemoryTransport } from './memory-pipe.ts';
import { ManualPlatform } from './platform.ts';

/** The masking key of RFC 6455 section 5.7. */
export const KEY = hex('37 fa 21 3d');

export interface Message {
  bytes: Uint8Array;
  kind: number;
}

/** Records its calls. */
export class Recorder implements SessionSink {
  readonly messages: Message[] = [];
  /** Types of the events, and short payloads as text. */
  readonly log: string[] = [];
  violation: PeerError | undefined;
  /** Code, reason and whether it was clean. */
  end: [code: number, reason: string, wasClean: boolean] | undefined;
  onEvent: (event: string) => void = () => {};

  onMessage(source: Uint8Array, start: number, end: number, kind: number): void {
    this.messages.push({ bytes: source.slice(start, end), kind });
    this.#note(`message ${textOf(source.subarray(start, end))}`);
  }
  onPing(payload: Uint8Array): void {
    this.#note(`ping ${textOf(payload)}`);
  }
  onPong(payload: Uint8Array): void {
    this.#note(`pong ${textOf(payload)}`);
  }
  onClosing(): void {}
  onCloseFrame(): void {
    this.#note('close');
  }
  onError(error: PeerError | Error): void {
    this.violation = error as PeerError;
    this.#note(`fail ${this.violation.closeCode} ${this.violation.code}`);
  }
  onDrain(): void {}
  onEnd(code: number, reason: Uint8Array, wasClean: boolean): void {
    this.end = [code, textOf(reason), wasClean];
  }
  #note(event: string): void {
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
  readonly transport: MemoryTransport;
  readonly connection: Connection;
  readonly role: Role;
  /** Writes that {@link sent} has returned. */
  #seen = 0;

  constructor(options: ConnectionOptions, platform: ManualPlatform = new ManualPlatform()) {
    this.role = options.role;
    this.platform = platform;
    this.transport = new MemoryTransport(platform);
    this.connection = new Connection(platform, this.transport, options);
    this.transport.attach(this.connection);
    this.connection.attach(this.sink);
    this.connection.start();
  }

  /** A frame as this connection's peer would send it. */
  frame(options: FrameOptions): Uint8Array<ArrayBuffer> {
    return frame(this.role === 'server' ? { key: KEY, ...options } : options);
  }

  receive(...frames: (FrameOptions | Uint8Array)[]): this {
    this.connection.receive(concat(...frames.map((each) => (each instanceof Uint8Array ? each : this.frame(each)))));
    return this;
  }

  /** Frames that left since the last call. Ends the turn. */
  sent(): { first: number; masked: boolean; payload: Uint8Array }[] {
    this.platform.runDeferred();
    const frames = parseFrames(concat(...this.transport.writes.slice(this.#seen)));
    this.#seen = this.transport.writes.length;
    return frames;
  }

  sentHex(): string[] {
    return this.sent().map(({ first, payload }) => toHex(concat(Uint8Array.of(first), payload)));
  }

  /** The transport ends. @returns The outcome: code, reason and whether it was clean. */
  end(): Recorder['end'] {
    this.transport.fail();
    return this.sink.end;
  }
}
