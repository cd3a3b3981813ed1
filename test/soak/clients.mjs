// The clients that this runtime has: its own WebSocket, ours, and on Node.js those of others.

import { CLOSE_TIMEOUT } from './speaker.mjs';

/**
 * A client, and what it does when it closes.
 *
 * @typedef {object} Client
 * @property {(url: string, events: Events) => void} open
 * @property {'exact' | 'deaf' | 'loose'} closing `exact`: each message arrives that was sent before a Close frame. `deaf`: it passes on no
 *   message after its own `close()`, as the WHATWG standard says. `loose`: the last messages of both sides may be lost, and a connection
 *   may end without a closing handshake.
 * @property {number} [otherCode] A close code that it reports now and then although the closing handshake was complete.
 */

/**
 *
 * @typedef {object} Events
 * @property {(wire: import('./speaker.mjs').Wire) => void} onOpen
 * @property {(data: string | Buffer) => void} onMessage
 * @property {(error: unknown) => void} onError
 * @property {(code: number, reason: string) => void} onClose
 */

/** A client of the ws style. @param {new (url: string, options?: object) => any} WebSocket @param {object} [options] */
function wsStyle(WebSocket, options) {
  return (url, { onOpen, onMessage, onError, onClose }) => {
    const ws = new WebSocket(url, options);
    const wire = {
      bufferedAmount: () => ws.bufferedAmount,
      isOpen: () => ws.readyState === 1,
      send: (data, given, callback) => ws.send(data, given, callback),
      ping: () => ws.ping(),
      pause: () => ws.pause(),
      resume: () => ws.resume(),
      terminate: () => ws.terminate(),
      close: (code, reason) => ws.close(code, reason),
    };
    ws.on('open', () => onOpen(wire));
    ws.on('message', (data, isBinary) => onMessage(isBinary ? data : data.toString()));
    ws.on('error', onError);
    ws.on('close', (code, reason) => onClose(code, reason.toString()));
  };
}

/** A client of the W3C style. @param {typeof WebSocket} WebSocket */
function w3cStyle(WebSocket) {
  return (url, { onOpen, onMessage, onError, onClose }) => {
    const ws = new WebSocket(url);
    ws.binaryType = 'arraybuffer';
    const wire = {
      bufferedAmount: () => ws.bufferedAmount,
      isOpen: () => ws.readyState === 1,
      send: (data) => ws.send(data),
      close: (code, reason) => ws.close(code, reason),
    };
    ws.addEventListener('open', () => onOpen(wire));
    ws.addEventListener('message', ({ data }) => onMessage(typeof data === 'string' ? data : Buffer.from(data)));
    ws.addEventListener('error', (event) => onError(event.error ?? event.message ?? 'an error event'));
    ws.addEventListener('close', ({ code, reason }) => onClose(code, reason));
  };
}

/** By their names. @returns {Promise<Record<string, Client>>} */
export async function clients() {
  const ours = await import('wasock');
  const { WebSocket: OurW3C } = await import('wasock/w3c');
  const common = {
    wasock: exact(ours.WebSocket, {
      perMessageDeflate: { threshold: 64 },
      heartbeat: { interval: 2000, timeout: 60_000 },
      closeTimeout: CLOSE_TIMEOUT,
    }),
    'wasock without context': exact(ours.WebSocket, {
      perMessageDeflate: { clientNoContextTakeover: true },
      closeTimeout: CLOSE_TIMEOUT,
    }),
    'wasock/w3c': deaf(OurW3C),
  };
  // Deno 2.9 drops the connection if a message arrives after its Close frame, and takes messages of a program after the peer's.
  if ('Deno' in globalThis) return { ...common, deno: { ...deaf(globalThis.WebSocket), closing: 'loose' } };
  if ('Bun' in globalThis) return { ...common, bun: deaf(globalThis.WebSocket) };
  const { WebSocket: Ws } = await import('ws');
  const { WebSocket: Undici } = await import('undici');
  return {
    ...common,
    ws: exact(Ws, { perMessageDeflate: { threshold: 64 }, closeTimeout: CLOSE_TIMEOUT }),
    // Both miss a Close frame that comes together with the end of TCP while they still work at a message.
    undici: { ...deaf(Undici), otherCode: 1006 },
    node: { ...deaf(globalThis.WebSocket), otherCode: 1006 },
  };
}

/** @returns {Client} */
function exact(WebSocket, options) {
  return { open: wsStyle(WebSocket, options), closing: 'exact' };
}

/** @returns {Client} */
function deaf(WebSocket) {
  return { open: w3cStyle(WebSocket), closing: 'deaf' };
}
