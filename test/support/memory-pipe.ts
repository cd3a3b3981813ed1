// Two sessions joined in memory: bytes move when a test says so, cut as it says, and a write waits for as long as it says.

import {
  MESSAGE_OWNED,
  MESSAGE_TEXT,
  type Session,
  type SessionSink,
  type Transport,
  type TransportEvents,
} from '../../src/platform.ts';
import { Connection } from '../../src/protocol/connection.ts';
import type { ConnectionOptions } from '../../src/protocol/settings.ts';
import { concat } from './frames.ts';
import { ManualPlatform } from './platform.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** The calls of a sink. Bytes are copies made during the call. */
export type SessionEvent =
  | ['text', string]
  | ['binary', Uint8Array]
  | ['ping', Uint8Array]
  | ['pong', Uint8Array]
  | ['closing']
  | ['error', Error]
  | ['drain']
  | ['end', number, string, boolean];

/** Records its calls, then calls `onEvent`, which may act or throw. */
export class RecordingSink implements SessionSink {
  readonly events: SessionEvent[] = [];
  /** `kind` of each message. */
  readonly kinds: number[] = [];
  onEvent: (event: SessionEvent) => void = () => {};
  /** Gets a message where it is, valid until this returns. */
  onSource: (source: Uint8Array, isBinary: boolean) => void = () => {};
  session: Session | undefined;

  onMessage(source: Uint8Array, start: number, end: number, kind: number): void {
    this.kinds.push(kind);
    const isOwned = (kind & MESSAGE_OWNED) !== 0;
    const bytes =
      isOwned || !this.session ? new Uint8Array(source.subarray(start, end)) : this.session.copyMessage(source, start, end);
    this.onSource(source.subarray(start, end), (kind & MESSAGE_TEXT) === 0);
    this.#hear((kind & MESSAGE_TEXT) === 0 ? ['binary', bytes] : ['text', decoder.decode(bytes)]);
  }

  onPing(payload: Uint8Array): void {
    this.#hear(['ping', payload]);
  }

  onPong(payload: Uint8Array): void {
    this.#hear(['pong', payload]);
  }

  onClosing(): void {
    this.#hear(['closing']);
  }

  onError(error: Error): void {
    this.#hear(['error', error]);
  }

  onDrain(): void {
    this.#hear(['drain']);
  }

  onEnd(code: number, reason: Uint8Array, wasClean: boolean): void {
    this.#hear(['end', code, decoder.decode(reason), wasClean]);
  }

  /** Events of one type. */
  of<Type extends SessionEvent[0]>(type: Type): Extract<SessionEvent, [Type, ...unknown[]]>[] {
    return this.events.filter((event): event is Extract<SessionEvent, [Type, ...unknown[]]> => event[0] === type);
  }

  #hear(event: SessionEvent): void {
    this.events.push(event);
    this.onEvent(event);
  }
}

/** One end of a byte stream in memory. */
export class MemoryTransport implements Transport {
  /** Names of the calls, in order. */
  readonly calls: string[] = [];
  /** The bytes of each finished write. */
  readonly writes: Uint8Array[] = [];
  /** Whether writes wait for {@link release}. */
  isHeld: boolean = false;
  /** Whether bytes are delivered at once, in the middle of the write. */
  isImmediate: boolean = false;
  /** Whether chunks are read straight into the codec's input arena. */
  isDirect: boolean = false;
  /** How long the next chunk delivered to this end is at most. */
  chunkLength: () => number = () => Infinity;
  isDestroyed: boolean = false;
  readonly takesBorrowed: boolean;
  peer: MemoryTransport | undefined;
  readonly #platform: ManualPlatform;
  #events: TransportEvents | undefined;
  readonly #pending: { readonly chunks: readonly Uint8Array[]; readonly onWritten: () => void }[] = [];
  #incoming: Uint8Array = new Uint8Array();
  #isStarted = false;
  #isPaused = false;
  #isEndSent = false;
  #isEndWaiting = false;
  #isEndReceived = false;

  constructor(platform: ManualPlatform, takesBorrowed: boolean = false) {
    this.#platform = platform;
    this.takesBorrowed = takesBorrowed;
  }

  attach(events: TransportEvents): void {
    this.#events = events;
  }

  start(): void {
    this.calls.push('start');
    this.#isStarted = true;
  }

  write(chunks: readonly Uint8Array[], onWritten: () => void, borrowed?: Uint8Array): boolean {
    this.calls.push('write');
    if (borrowed !== undefined && !this.takesBorrowed) throw new Error('A borrowed chunk');
    if (this.#isEndSent) throw new Error('A write after the end');
    if (chunks.length === 0 || chunks.some((chunk) => chunk.length === 0)) throw new Error('An empty write');
    if (this.isDestroyed) return false;
    if (this.isHeld || this.#pending.length > 0) {
      const kept = borrowed === undefined ? chunks : [...chunks.slice(0, -1), new Uint8Array(borrowed)];
      this.#pending.push({ chunks: kept, onWritten });
      return false;
    }
    this.#take(chunks);
    return true;
  }

  end(): void {
    this.calls.push('end');
    if (this.#pending.length > 0) throw new Error('An end although the last write is not finished');
    this.#isEndSent = true;
    if (this.peer) this.peer.#isEndWaiting = true;
    this.#closeIfEnded();
  }

  destroy(): void {
    this.calls.push('destroy');
    this.fail();
    this.peer?.fail();
  }

  pause(): void {
    this.calls.push('pause');
    this.#isPaused = true;
  }

  resume(): void {
    this.calls.push('resume');
    this.#isPaused = false;
  }

  /** All that was written. */
  get bytes(): Uint8Array {
    return concat(...this.writes);
  }

  /** Finishes the write that waits. Its bytes are read only now, so that a change meanwhile is seen. @returns Whether one did. */
  release(): boolean {
    const pending = this.#pending.shift();
    if (!pending) return false;
    this.#take(pending.chunks);
    pending.onWritten();
    return true;
  }

  /** Bytes come in, without a peer. */
  receive(chunk: Uint8Array): void {
    this.#incoming = concat(this.#incoming, chunk);
    while (this.deliver());
  }

  /** Delivers the next chunk, or the end. @returns Whether there was anything. */
  deliver(): boolean {
    if (!this.#isStarted || this.#isPaused || this.isDestroyed) return false;
    const events = this.#events!;
    const length = Math.min(this.chunkLength(), this.#incoming.length);
    if (length > 0) {
      const chunk = this.#incoming.subarray(0, length);
      this.#incoming = this.#incoming.subarray(length);
      if (this.isDirect && length <= this.#platform.codec.input.length) {
        this.#platform.codec.input.set(chunk);
        events.receiveInput(length);
      } else {
        events.receive(chunk);
      }
      return true;
    }
    if (!this.#isEndWaiting || this.#isEndReceived) return false;
    this.#isEndReceived = true;
    events.receiveEnd();
    this.#closeIfEnded();
    return true;
  }

  /** The peer's FIN, without a peer. */
  receiveEnd(): void {
    this.#isEndWaiting = true;
    this.deliver();
  }

  /** The connection is reset. */
  fail(error?: Error): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#pending.length = 0;
    this.#events?.closed(error);
  }

  #take(chunks: readonly Uint8Array[]): void {
    const bytes = concat(...chunks);
    this.writes.push(bytes);
    const { peer } = this;
    if (!peer) return;
    peer.#incoming = concat(peer.#incoming, bytes);
    if (peer.isImmediate) while (peer.deliver());
  }

  #closeIfEnded(): void {
    if (this.#isEndSent && this.#isEndReceived && !this.isDestroyed) this.fail();
  }
}

/** One side of a {@link MemoryPipe}. */
export interface PipeEnd {
  readonly session: Connection;
  readonly transport: MemoryTransport;
  readonly sink: RecordingSink;
}

/** A session over a transport that leads nowhere: the test is the peer. */
export function createEnd(platform: ManualPlatform, options: ConnectionOptions, takesBorrowed: boolean = false): PipeEnd {
  const transport = new MemoryTransport(platform, takesBorrowed);
  const session = new Connection(platform, transport, options);
  transport.attach(session);
  const sink = new RecordingSink();
  sink.session = session;
  session.attach(sink);
  return { session, transport, sink };
}

/** A client and a server of one thread, so with one codec. */
export class MemoryPipe {
  readonly platform: ManualPlatform;
  readonly client: PipeEnd;
  readonly server: PipeEnd;

  constructor(
    options: { client?: Partial<ConnectionOptions>; server?: Partial<ConnectionOptions> } = {},
    platform: ManualPlatform = new ManualPlatform(),
  ) {
    this.platform = platform;
    this.client = createEnd(platform, { ...options.client, role: 'client' });
    this.server = createEnd(platform, { ...options.server, role: 'server' });
    this.client.transport.peer = this.server.transport;
    this.server.transport.peer = this.client.transport;
    this.client.session.start();
    this.server.session.start();
  }

  /** Lets everything happen that needs neither time nor a release. */
  run(): void {
    const { client, server, platform } = this;
    let isBusy = true;
    while (isBusy) {
      const hadTasks = platform.runDeferred();
      const hadBytes = client.transport.deliver() || server.transport.deliver();
      isBusy = hadTasks || hadBytes || platform.runTurn();
    }
  }
}
