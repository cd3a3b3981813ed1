// Raw client side of the load generator: masked frames encoded beforehand, replies counted by their headers.
// RFC 6455 sections 4.1, 5.2 and 5.3. Independent of every library under test.

import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';

export const OPCODE_TEXT = 1;
export const OPCODE_BINARY = 2;

const HOST = '127.0.0.1';
const HANDSHAKE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** @param {string | undefined} key @returns {string} */
const acceptOf = (key) => createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const HANDSHAKE_ACCEPT = acceptOf(HANDSHAKE_KEY);

/** @param {string} extensions What to offer; '' for nothing. @param {string} path @returns {Buffer} */
function encodeHandshake(extensions, path) {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${HOST}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${HANDSHAKE_KEY}`,
    'Sec-WebSocket-Version: 13',
  ];
  if (extensions) lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
const PLAIN_HANDSHAKE = encodeHandshake('', '/');
const MAXIMUM_HEAD = 16 * 1024;

/**
 * The server's side: answers a client that sends nothing else before it has the answer.
 *
 * @param {net.Socket} socket
 * @param {() => void} onOpen
 */
export function answerHandshake(socket, onOpen) {
  let head = '';
  const receive = (/** @type {Buffer} */ chunk) => {
    head += chunk.toString('latin1');
    if (!head.endsWith('\r\n\r\n')) return;
    socket.off('data', receive);
    const accept = acceptOf(/^sec-websocket-key: ?(.*)$/im.exec(head)?.[1]?.trim());
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    onOpen();
  };
  socket.on('data', receive);
}

/**
 * One read buffer for all sockets of the process: bytes are counted before the next read, never kept.
 * 256 KiB stays in the second-level cache and takes a reply of 64 KiB in one read.
 */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

/**
 * Encodes one unfragmented frame.
 *
 * @param {Buffer} payload Borrowed.
 * @param {number} opcode
 * @param {Buffer | null} maskingKey Four bytes, or null for a server's frame.
 * @returns {Buffer}
 */
export function encodeFrame(payload, opcode, maskingKey) {
  const extended = payload.length < 126 ? 0 : payload.length < 65536 ? 2 : 8;
  const headerLength = 2 + extended + (maskingKey ? 4 : 0);
  const frame = Buffer.allocUnsafeSlow(headerLength + payload.length);
  frame[0] = 0x80 | opcode;
  frame[1] = (maskingKey ? 0x80 : 0) | (extended === 0 ? payload.length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(payload.length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(payload.length), 2);
  payload.copy(frame, headerLength);
  if (maskingKey) {
    maskingKey.copy(frame, headerLength - 4);
    for (let index = 0; index < payload.length; index++) frame[headerLength + index] ^= maskingKey[index & 3];
  }
  return frame;
}

/**
 * Makes a payload: random bytes, or printable ASCII for text.
 *
 * @param {number} size Bytes.
 * @param {boolean} text
 * @returns {Buffer}
 */
export function makePayload(size, text) {
  const payload = randomBytes(size);
  if (text) for (let index = 0; index < size; index++) payload[index] = 32 + (payload[index] % 95);
  return payload;
}

/**
 * @typedef {object} RequestBatch
 * @property {Buffer[]} writes `writes[k]` is k masked frames in one buffer, for k from 1 to `inFlight`.
 * @property {Buffer[]} replyWrites `replyWrites[k]` is what a server answers to `writes[k]`.
 * @property {number} replyLength Bytes of one reply frame, header included.
 * @property {number} replyHeader First two bytes of a reply frame, as a big-endian number.
 */

/**
 * Encodes everything that will be sent, so that nothing is encoded while measuring.
 *
 * @param {{ size: number, text: boolean, inFlight: number, raw?: boolean }} shape With `raw` the server sends the bytes back as they are.
 * @returns {RequestBatch}
 */
export function makeRequests({ size, text, inFlight, raw = false }) {
  const opcode = text ? OPCODE_TEXT : OPCODE_BINARY;
  const requests = [];
  const replies = [];
  for (let index = 0; index < inFlight; index++) {
    const payload = makePayload(size, text);
    const request = encodeFrame(payload, opcode, randomBytes(4));
    requests.push(request);
    replies.push(raw ? request : encodeFrame(payload, opcode, null));
  }
  return {
    writes: prefixesOf(requests),
    replyWrites: prefixesOf(replies),
    replyLength: replies[0].length,
    replyHeader: replies[0].readUInt16BE(0),
  };
}

/** The first k frames, for k from 0 up, over one buffer. @param {Buffer[]} frames All of one length. @returns {Buffer[]} */
function prefixesOf(frames) {
  const all = Buffer.concat(frames);
  return Array.from({ length: frames.length + 1 }, (_, count) => all.subarray(0, count * frames[0].length));
}

/**
 * The handle below a socket, as far as the generator uses it.
 *
 * @typedef {{ writeBuffer(request: object, buffer: Buffer): number }} Handle
 * @typedef {{ WriteWrap: new () => { oncomplete?: () => void }, streamBaseState: Int32Array, kLastWriteWasAsync: number }} StreamBinding
 */

/** Node's internals, or null where they are gone. @returns {StreamBinding | null} */
function loadStreamBinding() {
  try {
    const binding = /** @type {any} */ (process).binding('stream_wrap');
    return binding.WriteWrap && binding.streamBaseState && binding.kLastWriteWasAsync !== undefined ? binding : null;
  } catch {
    return null;
  }
}
const streamBinding = loadStreamBinding();

/**
 * Makes a function that writes to `socket`. It passes by the stream layer where Node allows: no server under test can, so the generator
 * stays cheaper than any of them. Elsewhere it is `socket.write`.
 *
 * @param {net.Socket} socket
 * @returns {(buffer: Buffer) => void} The buffer is kept until the write ends, and never changed.
 */
export function makeWriter(socket) {
  const handle = /** @type {{ _handle?: Handle }} */ (/** @type {unknown} */ (socket))._handle;
  // The handle of TLS aborts the process at a write while another one waits.
  if (!streamBinding || !handle?.writeBuffer || socket instanceof tls.TLSSocket) return (buffer) => void socket.write(buffer);
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = streamBinding;
  const makeRequest = () => Object.assign(new WriteWrap(), { oncomplete() {} });
  let request = makeRequest();
  return (buffer) => {
    const status = handle.writeBuffer(request, buffer);
    if (status !== 0) throw new Error(`a write failed with status ${status}`);
    // A write that ended at once leaves its request free for the next one.
    if (streamBaseState[kLastWriteWasAsync]) request = makeRequest();
  };
}

/** Counts frames that all have one known header and length. Looks at headers only and allocates nothing. */
export class FrameCounter {
  #first;
  #second;
  #frameLength;
  /** Bytes of the current frame that earlier chunks brought. */
  #consumed = 0;

  /**
   * @param {number} header First two bytes of every frame, as a big-endian number.
   * @param {number} frameLength Bytes of every frame, header included.
   */
  constructor(header, frameLength) {
    this.#first = header >> 8;
    this.#second = header & 0xff;
    this.#frameLength = frameLength;
  }

  /**
   * @param {Uint8Array} chunk Borrowed.
   * @param {number} length Bytes of it that are valid.
   * @returns {number} Frames that ended in this chunk.
   */
  count(chunk, length) {
    const frameLength = this.#frameLength;
    let start = -this.#consumed;
    let frames = 0;
    for (;;) {
      if (start >= 0 && start < length && chunk[start] !== this.#first) this.#refuse(chunk, start);
      if (start >= -1 && start + 1 < length && chunk[start + 1] !== this.#second) this.#refuse(chunk, start);
      if (start + frameLength > length) break;
      start += frameLength;
      frames++;
    }
    this.#consumed = length - start;
    return frames;
  }

  /**
   * @param {Uint8Array} chunk
   * @param {number} start
   * @returns {never}
   */
  #refuse(chunk, start) {
    const seen = Buffer.from(chunk.subarray(Math.max(start, 0), start + 8)).toString('hex');
    throw new Error(`unexpected bytes where a frame header belongs: ${seen}`);
  }
}

/** Throws unless `head` is a valid answer to our handshake. @param {string} head @returns {string} Its Sec-WebSocket-Extensions, or ''. */
function checkHandshake(head) {
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`the server refused the handshake: ${head.split('\r\n', 1)[0]}`);
  const accept = /^sec-websocket-accept: ?(.*)$/im.exec(head)?.[1]?.trim();
  if (accept !== HANDSHAKE_ACCEPT) throw new Error('the server answered a wrong Sec-WebSocket-Accept');
  return /^sec-websocket-extensions: ?(.*)$/im.exec(head)?.[1]?.trim() ?? '';
}

/**
 * A raw connection. `onBytes` gets the shared read buffer, valid for the call only.
 *
 * @typedef {object} RawConnection
 * @property {net.Socket} socket
 * @property {(length: number, chunk: Uint8Array) => void} onBytes
 * @property {string} extensions What the server agreed on; '' for nothing.
 */

/** @typedef {{ port: number, tls: boolean, path?: string }} Place */

/**
 * @param {Place} place
 * @param {(length: number, chunk: Uint8Array) => void} onBytes
 * @returns {net.Socket}
 */
function connect({ port, tls: isSecure }, onBytes) {
  const callback = (/** @type {number} */ length, /** @type {Uint8Array} */ chunk) => {
    onBytes(length, chunk);
    return true;
  };
  const options = { host: HOST, port, noDelay: true, onread: { buffer: readBuffer, callback } };
  // The certificate is the one of our tests.
  return isSecure ? tls.connect({ ...options, rejectUnauthorized: false }) : net.connect(options);
}

/**
 * Connects and shakes hands. Calls back rather than promising: handshakes are measured with it.
 *
 * @param {Place} place
 * @param {(connection: RawConnection) => void} onOpen
 * @param {(error: Error) => void} onError Also called for a connection that the server closes.
 * @param {string} [offer] Sec-WebSocket-Extensions.
 */
export function openConnection(place, onOpen, onError, offer = '') {
  let head = '';
  /** @type {RawConnection} */
  const connection = {
    socket: connect(place, (length, chunk) => {
      try {
        connection.onBytes(length, chunk);
      } catch (error) {
        onError(/** @type {Error} */ (error));
      }
    }),
    onBytes: (length, chunk) => {
      head += Buffer.from(chunk.buffer, chunk.byteOffset, length).toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0 && head.length < MAXIMUM_HEAD) return;
      connection.extensions = checkHandshake(head);
      connection.onBytes = () => {
        throw new Error('the server sent bytes that nobody asked for');
      };
      onOpen(connection);
      const rest = Buffer.from(head.slice(end + 4), 'latin1');
      if (rest.length > 0) connection.onBytes(rest.length, rest);
    },
    extensions: '',
  };
  connection.socket.on('error', onError);
  connection.socket.on('end', () => onError(new Error('the server closed a connection')));
  const { path = '/' } = place;
  connection.socket.write(offer || path !== '/' ? encodeHandshake(offer, path) : PLAIN_HANDSHAKE);
}

/**
 * Opens many connections, at most 100 handshakes at once so that no backlog overflows.
 *
 * @param {Place} place
 * @param {number} count
 * @param {(error: Error) => void} onError
 * @param {string} [offer] Sec-WebSocket-Extensions.
 * @returns {Promise<RawConnection[]>}
 */
export function openConnections(place, count, onError, offer = '') {
  return new Promise((resolve) => {
    /** @type {RawConnection[]} */
    const connections = [];
    let started = 0;
    const start = () => {
      if (started === count) return;
      started++;
      openConnection(place, opened, onError, offer);
    };
    /** @param {RawConnection} connection */
    const opened = (connection) => {
      connections.push(connection);
      if (connections.length === count) resolve(connections);
      else start();
    };
    for (let index = 0; index < Math.min(count, 100); index++) start();
  });
}

/**
 * Sends every request once on one connection and compares the echo byte for byte, so that no server wins by answering rubbish.
 *
 * @param {RawConnection} connection
 * @param {RequestBatch} requests
 * @returns {Promise<void>}
 */
export function verifyEcho(connection, requests) {
  const [expectedReply, request] = [requests.replyWrites, requests.writes].map((writes) => writes[writes.length - 1]);
  const { promise, resolve, reject } = withResolvers();
  let received = 0;
  connection.onBytes = (length, chunk) => {
    const reply = Buffer.from(chunk.buffer, chunk.byteOffset, length);
    if (!reply.equals(expectedReply.subarray(received, received + length))) reject(new Error('the echo is not what was sent'));
    received += length;
    if (received === expectedReply.length) resolve();
  };
  connection.socket.write(request);
  return promise;
}

/** @returns {{ promise: Promise<void>, resolve: () => void, reject: (error: Error) => void }} */
function withResolvers() {
  /** @type {() => void} */
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  const promise = /** @type {Promise<void>} */ (
    new Promise((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    })
  );
  return { promise, resolve, reject };
}
