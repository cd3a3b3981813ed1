// A WebSocket class over a connector of its own, and a log of its events.

import {
  createWebSocketClass,
  type W3CWebSocket as WebSocket,
  type WebSocketConstructor,
} from '../../../../src/api/w3c/index.ts';
import { FakeConnector, fakePlatform, passTurns, type FakeSession } from '../../../support/fake-session.ts';
import { sleep } from '../../../support/sleep.ts';

/** A WebSocket class over a connector of its own. */
export function bind(): { connector: FakeConnector; WebSocket: WebSocketConstructor } {
  const connector = new FakeConnector();
  return { connector, WebSocket: createWebSocketClass(connector.connect, fakePlatform) };
}

/** A WebSocket that is connecting, and what fires on it. */
export function connecting(): { connector: FakeConnector; socket: WebSocket; log: string[] } {
  const { connector, WebSocket } = bind();
  const socket = new WebSocket('ws://example.test:8080/chat');
  return { connector, socket, log: logOf(socket) };
}

/** A WebSocket that is open and reads; `log` begins behind `open`. */
export function opened(session?: FakeSession): {
  connector: FakeConnector;
  session: FakeSession;
  socket: WebSocket;
  log: string[];
} {
  const { connector, socket, log } = connecting();
  const used = connector.open(session);
  passTurns();
  log.length = 0;
  return { connector, session: used, socket, log };
}

/** Writes down the events of `socket`, each with the state that it fires in. */
export function logOf(socket: WebSocket): string[] {
  const log: string[] = [];
  socket.addEventListener('open', () => log.push(`open in ${socket.readyState}`));
  socket.addEventListener('message', (event) => log.push(`message ${String(event.data)}`));
  socket.addEventListener('error', () => log.push(`error in ${socket.readyState}`));
  socket.addEventListener('close', ({ code, reason, wasClean }) => {
    log.push(`close in ${socket.readyState}: ${code} "${reason}" ${wasClean ? 'clean' : 'not clean'}`);
  });
  return log;
}

/** Lets promises, timers of no length and the reading of short Blobs run. */
export async function settle(): Promise<void> {
  await sleep(2);
  await new Promise((resolve) => void setImmediate(resolve));
}

/** Name of the DOMException, or of the error, that `action` throws; undefined when it does not. */
export function thrownBy(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return (error as Error).name;
  }
  return undefined;
}
