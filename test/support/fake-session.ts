// A session, a way to connect and a platform that do nothing by themselves: tests play the peer and read the calls.

import type { Meter } from '../../src/base/meter.ts';
import { createTurn } from '../../src/protocol/turn.ts';
import type { Connect, ConnectCallbacks, ConnectRequest } from '../../src/api/w3c/connect.ts';
import {
  LONGEST_STRING,
  MESSAGE_ASCII,
  MESSAGE_TEXT,
  type Platform,
  type Role,
  type SendCallback,
  type SendOptions,
  type Session,
  type SessionOwner,
  type SessionSink,
} from '../../src/platform.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Bytes of `text`. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Tasks of `nextTurn` that have not run. */
const turns: (() => unknown)[] = [];

function nextTurn(task: () => unknown): void {
  turns.push(task);
  setTimeout(() => turns.shift()?.(), 0);
}

/** Lets the turns that `fakePlatform` was asked for pass at once. */
export function passTurns(): void {
  for (let task = turns.shift(); task !== undefined; task = turns.shift()) task();
}

/** Encodes and copies; has no codec. */
export const fakePlatform: Platform = {
  get codec(): never {
    throw new Error('Nothing here needs a codec');
  },
  allocate: (length) => new Uint8Array(length),
  copy: (source, start, end) => source.slice(start, end),
  copyMessage(): never {
    throw new Error('Nothing here decodes');
  },
  view(): never {
    throw new Error('Nothing here encodes');
  },
  slab(): never {
    throw new Error('Nothing here encodes');
  },
  get blocks(): never {
    throw new Error('Nothing here encodes');
  },
  longestText: LONGEST_STRING,
  decodeText: (source, start, end) => decoder.decode(source.subarray(start, end)),
  byteLength: (text) => encoder.encode(text).length,
  writeText: (text, target, offset) => encoder.encodeInto(text, target.subarray(offset)).written,
  maskingKey: () => 0x01020304,
  bind: (callback) => callback,
  defer: (task) => queueMicrotask(task),
  nextTurn,
  turn: createTurn(nextTurn),
  setTimer: (task, milliseconds) => setTimeout(task, milliseconds),
  ownTimer: (task, milliseconds) => setTimeout(task, milliseconds),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
  elapsed: () => performance.now(),
};

/** A call of one of a session's methods. */
export type SessionCall =
  | ['attach']
  | ['start', string | undefined]
  | ['text', string]
  | ['bytes', readonly number[]]
  | ['ping', readonly number[]]
  | ['pong', readonly number[]]
  | ['close', number | undefined, string]
  | ['terminate']
  | ['pause']
  | ['resume'];

/** Records its calls. `bufferedAmount` grows with each message, and the test lowers it. */
export class FakeSession implements Session {
  readonly role: Role;
  bufferedAmount = 0;
  bufferedInput = 0;
  owner: SessionOwner | undefined;
  meter: Meter | null = null;
  readonly calls: SessionCall[] = [];
  /** The last bytes given to `sendBytes`, as they were given. */
  lastBytes: Uint8Array | undefined;
  /** Called in the middle of each method that sends, closes or drops, because a session may call its sink at once. */
  onCall: (name: string) => void = () => {};
  #sink: SessionSink | undefined;

  constructor(role: Role = 'client') {
    this.role = role;
  }

  /** The sink that was attached. */
  get sink(): SessionSink {
    if (this.#sink === undefined) throw new Error('The session was not attached');
    return this.#sink;
  }

  attach(sink: SessionSink): void {
    this.#sink = sink;
    this.calls.push(['attach']);
  }

  start(head?: Uint8Array): void {
    this.calls.push(['start', head && decoder.decode(head)]);
  }

  sendText(text: string, _options?: SendOptions, callback?: SendCallback): void {
    this.calls.push(['text', text]);
    this.bufferedAmount += encoder.encode(text).length;
    this.onCall('text');
    callback?.();
  }

  sendBytes(payload: Uint8Array, isText: boolean, _options?: SendOptions, callback?: SendCallback): void {
    this.calls.push(isText ? ['text', decoder.decode(payload)] : ['bytes', [...payload]]);
    this.lastBytes = payload;
    this.bufferedAmount += payload.length;
    this.onCall('bytes');
    callback?.();
  }

  ping(payload: Uint8Array): void {
    this.calls.push(['ping', [...payload]]);
  }

  pong(payload: Uint8Array): void {
    this.calls.push(['pong', [...payload]]);
  }

  close(code?: number, reason: Uint8Array = new Uint8Array(0)): void {
    this.calls.push(['close', code, decoder.decode(reason)]);
    this.#sink?.onClosing();
    this.onCall('close');
  }

  terminate(): void {
    this.calls.push(['terminate']);
    this.onCall('terminate');
  }

  onOutputFailure(error: Error): void {
    this.#sink?.onError(error);
    this.terminate();
  }

  copyMessage(source: Uint8Array, start: number, end: number): Uint8Array {
    return source.slice(start, end);
  }

  pause(): void {
    this.calls.push(['pause']);
  }

  resume(): void {
    this.calls.push(['resume']);
  }

  /** The peer sent text. */
  receiveText(text: string): void {
    const bytes = utf8(text);
    this.sink.onMessage(bytes, 0, bytes.length, bytes.length === text.length ? MESSAGE_TEXT | MESSAGE_ASCII : MESSAGE_TEXT);
  }

  /** The peer closed, and the closing handshake is complete. */
  receiveEnd(code: number, reason = '', wasClean = true): void {
    this.sink.onEnd(code, utf8(reason), wasClean);
  }
}

/** A connection that was asked for. */
export interface FakeAttempt {
  readonly request: ConnectRequest;
  readonly callbacks: ConnectCallbacks;
  isAborted: boolean;
}

/** Remembers each request. `onConnect` may report at once. */
export class FakeConnector {
  readonly attempts: FakeAttempt[] = [];
  onConnect: (attempt: FakeAttempt) => void = () => {};

  readonly connect: Connect = (request, callbacks) => {
    const attempt: FakeAttempt = { request, callbacks, isAborted: false };
    this.attempts.push(attempt);
    this.onConnect(attempt);
    return {
      abort: () => {
        attempt.isAborted = true;
      },
    };
  };

  /** The only request. */
  get attempt(): FakeAttempt {
    if (this.attempts.length !== 1) throw new Error(`There were ${this.attempts.length} requests`);
    return this.attempts[0];
  }

  /** Lets the only request succeed. */
  open(session: FakeSession = new FakeSession(), protocol = '', extensions = '', head?: Uint8Array): FakeSession {
    this.attempt.callbacks.onOpen(session, protocol, extensions, head);
    return session;
  }
}
