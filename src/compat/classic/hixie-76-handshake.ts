// Server's side of the opening handshake of draft-hixie-thewebsocketprotocol-76, section 5. Obsolete since 2011. The response shows only that
// the server speaks the draft: the keys are not secret, and MD5 protects nothing here.

import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isFieldValue, isHost, isRequestTarget, listContains } from '../../handshake/grammar.ts';
import { headerLine, readHeader } from '../../handshake/headers.ts';
import { refuse, type Refusal } from '../../handshake/refusal.ts';
import { parseSubprotocols } from '../../handshake/subprotocols.ts';
import { clearTimer, setTimer } from '../../clock.ts';

/** Length of the request's body, which the draft calls key3. It comes without a Content-Length. */
const BODY_BYTES = 8;
/** Longest Sec-WebSocket-Key1 or -Key2, in characters. The draft's recipe makes at most 34. */
const MAXIMUM_KEY_LENGTH = 64;
/** Longest Origin, in characters. The response repeats it. */
const MAXIMUM_ORIGIN_LENGTH = 2048;
/** Longest URL of Host and path, in characters. The response repeats it. */
const MAXIMUM_LOCATION_LENGTH = 8192;
const LARGEST_NUMBER = 0xffff_ffff;

/** A request that fulfils the draft. Its body is not read yet. */
export interface HixieRequest {
  readonly accepted: true;
  readonly version: 'hixie-76';
  /** Subprotocols that the client offers. */
  readonly protocols: readonly string[];
  readonly origin: string | undefined;
  /** The numbers in both keys. */
  readonly numbers: readonly [number, number];
  /** Value of Sec-WebSocket-Location. */
  readonly location: string;
}

/** Whether a request asks for hixie-76, and not for a newer version. */
export function isHixieRequest(request: Pick<IncomingMessage, 'headers'>): boolean {
  const { headers } = request;
  return (
    headers['sec-websocket-key'] === undefined &&
    (headers['sec-websocket-key1'] !== undefined || headers['sec-websocket-key2'] !== undefined)
  );
}

/**
 * The number in a key (section 5.2, steps 4 to 6): its digits as one number, divided by the number of its spaces.
 *
 * @returns undefined if the key is too long, has no space or no digit, or if the number is no multiple or has more than 32 bits.
 */
export function numberInKey(key: string): number | undefined {
  if (key.length > MAXIMUM_KEY_LENGTH) return undefined;
  let number = -1;
  let spaces = 0;
  for (const character of key) {
    if (character === ' ') spaces++;
    else if (character >= '0' && character <= '9') number = Math.max(number, 0) * 10 + Number(character);
    if (number > LARGEST_NUMBER) return undefined;
  }
  return number < 0 || spaces === 0 || number % spaces !== 0 ? undefined : number / spaces;
}

/** The 16 bytes of the response's body (section 5.2, steps 7 to 9). @param body The request's 8 bytes. */
export function challengeAnswer(numbers: readonly [number, number], body: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(numbers[0], 0);
  head.writeUInt32BE(numbers[1], 4);
  return createHash('md5').update(head).update(body).digest();
}

/** Checks a request against section 5.1 of the draft. Never throws, whatever the peer has sent. */
export function checkHixieRequest(request: IncomingMessage, isSecure: boolean): HixieRequest | Refusal {
  const { headers, url = '' } = request;
  if (request.method !== 'GET') return refuse(405, 'Invalid HTTP method');
  if (request.httpVersion !== '1.1') return refuse(400, 'HTTP/1.1 is required');
  if (!listContains(readHeader(headers, 'upgrade') ?? '', 'websocket')) return refuse(400, 'Invalid Upgrade header');
  if (!listContains(readHeader(headers, 'connection') ?? '', 'upgrade')) return refuse(400, 'Invalid Connection header');
  const [first, second] = ['1', '2'].map((index) => numberInKey(readHeader(headers, `sec-websocket-key${index}`) ?? ''));
  if (first === undefined) return refuse(400, 'Missing or invalid Sec-WebSocket-Key1 header');
  if (second === undefined) return refuse(400, 'Missing or invalid Sec-WebSocket-Key2 header');
  const host = readHeader(headers, 'host');
  if (!host || !isHost(host)) return refuse(400, 'Missing or invalid Host header');
  const location = `${isSecure ? 'wss' : 'ws'}://${host}${url}`;
  if (!url.startsWith('/') || !isRequestTarget(url) || location.length > MAXIMUM_LOCATION_LENGTH) {
    return refuse(400, 'Invalid request target');
  }
  const origin = readHeader(headers, 'origin');
  if (origin !== undefined && (!isFieldValue(origin) || origin.length > MAXIMUM_ORIGIN_LENGTH)) {
    return refuse(400, 'Invalid Origin header');
  }
  const protocolsHeader = readHeader(headers, 'sec-websocket-protocol');
  try {
    const protocols = protocolsHeader === undefined ? [] : parseSubprotocols(protocolsHeader);
    return { accepted: true, version: 'hixie-76', protocols, origin, numbers: [first, second], location };
  } catch {
    return refuse(400, 'Invalid Sec-WebSocket-Protocol header');
  }
}

/** The lines of the 101 response (section 5.2, step 10), without CRLF. The caller may change the array. */
export function hixieHead(request: HixieRequest, protocol: string | undefined): string[] {
  const lines = [
    'HTTP/1.1 101 WebSocket Protocol Handshake',
    'Upgrade: WebSocket',
    'Connection: Upgrade',
    headerLine('Sec-WebSocket-Location', request.location),
  ];
  if (request.origin !== undefined) lines.push(headerLine('Sec-WebSocket-Origin', request.origin));
  if (protocol) lines.push(headerLine('Sec-WebSocket-Protocol', protocol));
  return lines;
}

/** Results of {@link readBody}. Exactly one method is called, once. */
export interface BodyEvents {
  /** @param rest Bytes that came after the body. */
  onBody(body: Uint8Array, rest: Uint8Array): void;
  onTimeout(): void;
}

/**
 * Waits for the 8 bytes after the request. If the socket ends or closes before, it is destroyed and nothing is called.
 *
 * @param head Bytes that came with the request. Kept.
 * @param timeout Milliseconds; 0 for no limit.
 */
export function readBody(socket: Duplex, head: Uint8Array, timeout: number, events: BodyEvents): void {
  let received = head;
  if (received.length >= BODY_BYTES) return events.onBody(received.subarray(0, BODY_BYTES), received.subarray(BODY_BYTES));
  const stop = (): void => {
    clearTimer(timer);
    socket.removeListener('data', onData).removeListener('end', onEnd).removeListener('close', stop);
    socket.pause();
  };
  const onData = (chunk: Uint8Array): void => {
    received = Buffer.concat([received, chunk]);
    if (received.length < BODY_BYTES) return;
    stop();
    events.onBody(received.subarray(0, BODY_BYTES), received.subarray(BODY_BYTES));
  };
  const onEnd = (): void => {
    stop();
    socket.destroy();
  };
  const onTimeout = (): void => {
    stop();
    events.onTimeout();
  };
  const timer = timeout === 0 ? undefined : setTimer(onTimeout, timeout);
  socket.on('data', onData).on('end', onEnd).on('close', stop);
  socket.resume();
}
