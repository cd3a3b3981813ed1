// A ws-style WebSocket over a session that does nothing by itself; the test is the runtime and the peer.

import { Duplex } from 'node:stream';
import { expose } from '../../../../src/api/ws/expose.ts';
import { coreOf } from '../../../../src/api/ws/core.ts';
import type { ClientOptions } from '../../../../src/api/ws/options.ts';
import { WebSocketBase } from '../../../../src/api/ws/websocket.ts';
import { MESSAGE_OWNED, MESSAGE_TEXT } from '../../../../src/platform.ts';
import { FakeSession, utf8 } from '../../../support/fake-session.ts';

export class TestSocket extends WebSocketBase {
  /** How often the handshake was given up. Declared only: the base class's constructor counts already. */
  declare aborts: number;

  constructor(options: ClientOptions = {}) {
    super(
      (ws) => {
        const self = ws as TestSocket;
        self.aborts = 0;
        coreOf(ws).opening = { abort: () => void self.aborts++ };
      },
      'ws://localhost',
      undefined,
      options,
    );
  }
}
expose(TestSocket);

/** What a server makes. */
export class TestServerSocket extends WebSocketBase {
  constructor() {
    super(() => {}, null);
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
