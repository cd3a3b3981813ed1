// A ws-style WebSocket over a session that does nothing by itself; the test is the runtime and the peer.

import { Duplex } from 'node:stream';
import { bindRuntime, type Runtime } from '../../../../src/api/ws/binding.ts';
import { expose, WebSocketBase } from '../../../../src/api/ws/websocket.ts';
import { coreOf } from '../../../../src/api/ws/core.ts';
import type { ClientOptions } from '../../../../src/api/ws/options.ts';
import type { OpeningPlan } from '../../../../src/handshake/opening.ts';
import { MESSAGE_OWNED, MESSAGE_TEXT } from '../../../../src/platform.ts';
import { FakeSession, utf8 } from '../../../support/fake-session.ts';

/** How often an opening was given up. */
interface Counter {
  aborts: number;
}

/** A runtime whose openings never end. */
const runtime = {
  startOpening: ({ options }: OpeningPlan) => ({
    request: null,
    send() {},
    abort: () => void (options!['counter'] as Counter).aborts++,
  }),
  checkDeflateOptions() {},
  checkClientOptions() {},
} as unknown as Runtime;

export class TestSocket extends WebSocketBase {
  readonly counter: Counter;

  constructor(options: ClientOptions = {}) {
    const counter: Counter = { aborts: 0 };
    super('ws://localhost', undefined, { ...options, counter } as ClientOptions);
    this.counter = counter;
  }

  /** How often the opening was given up. */
  get aborts(): number {
    return this.counter.aborts;
  }
}
expose(TestSocket);
bindRuntime(TestSocket, runtime);

/** What a server makes. */
export class TestServerSocket extends WebSocketBase {
  constructor() {
    super(null);
  }
}
expose(TestServerSocket);

/** Opens it. */
export function open(ws: WebSocketBase): FakeSession {
  const session = new FakeSession();
  coreOf(ws).open(ws, session, { socket: new Duplex(), protocol: '', extensions: '' });
  return session;
}

/** A message from the peer. */
export function receive(session: FakeSession, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? utf8(data) : data;
  session.sink.onMessage(bytes, 0, bytes.length, MESSAGE_OWNED | (typeof data === 'string' ? MESSAGE_TEXT : 0));
}
