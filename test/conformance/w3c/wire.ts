// A WebSocket server on a bare TCP socket, for clients that run anywhere: the query of the URL says what it does.
//
// - `status`: answers with this status instead of 101. `location` goes with it.
// - `protocol`, `extensions`: those fields of the answer.
// - `head`: hex of what goes out in one write with the 101; `later`: of what goes out a turn later.
// - `end`: `fin` or `rst`, right behind all that.
// - `tell`: tells each data frame, and the Close frame before it answers it, as JSON text: `[opcode, payload in hex]`.
// - `id`: keeps what came under that name: the request's head, and frames as for `tell`. `/seen?of=ID` tells it as JSON text, once the other is over.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { certificate, key } from '../../adapters/deno/certificates.ts';

/** What came on one connection. */
export interface Seen {
  readonly head: string;
  /** Opcode and payload in hex. */
  readonly frames: [opcode: number, payload: string][];
}

export interface WireServer {
  /** Without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const CLOSE = 8;

/** A frame of a server: FIN, `opcode`, payload of up to 65,535 bytes. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const header = length < 126 ? [0x80 | opcode, length] : [0x80 | opcode, 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), payload]);
}

/** Whether the last frame of a server in `bytes` is a Close frame. */
function endsWithClose(bytes: Buffer): boolean {
  let opcode = 0;
  for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]) opcode = bytes[at] & 0x0f;
  return opcode === CLOSE;
}

/** Takes whole frames of a client off `bytes`. */
function parse(bytes: Buffer): { frames: [opcode: number, payload: Buffer][]; rest: Buffer } {
  const frames: [number, Buffer][] = [];
  let at = 0;
  while (bytes.length >= at + 2) {
    const short = bytes[at + 1] & 0x7f;
    const maskAt = at + (short === 126 ? 4 : 2);
    if (bytes.length < maskAt + 4) break;
    const length = short === 126 ? bytes.readUInt16BE(at + 2) : short;
    const start = maskAt + 4;
    if (bytes.length < start + length) break;
    const payload = Buffer.from(bytes.subarray(start, start + length));
    for (let index = 0; index < length; index++) payload[index] ^= bytes[maskAt + (index % 4)];
    frames.push([bytes[at] & 0x0f, payload]);
    at = start + length;
  }
  return { frames, rest: bytes.subarray(at) };
}

class Wire {
  readonly #sightings: Map<string, Promise<Seen>> = new Map();

  /** @param reset Resets the connection. */
  serve(socket: Socket, reset: () => void): void {
    let bytes = Buffer.alloc(0);
    let answered: ((bytes: Buffer) => void) | undefined;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (answered !== undefined) return answered(chunk);
      const end = bytes.indexOf('\r\n\r\n');
      if (end === -1) return;
      answered = this.#answer(socket, bytes.subarray(0, end).toString('latin1'), reset);
      answered(bytes.subarray(end + 4));
    });
  }

  /** Answers the request; what comes behind it goes to the function that is returned. */
  #answer(socket: Socket, head: string, reset: () => void): (bytes: Buffer) => void {
    const { pathname, searchParams: query } = new URL(head.split(' ')[1], 'http://localhost');
    const status = query.get('status');
    if (status !== null) {
      const location = query.get('location');
      socket.end(
        `HTTP/1.1 ${status} Whatever\r\n${location === null ? '' : `Location: ${location}\r\n`}Content-Length: 0\r\n\r\n`,
      );
      return () => {};
    }
    const hex = (name: string): Buffer => Buffer.from(query.get(name) ?? '', 'hex');
    const seen = this.#see(socket, head, query.get('id'));
    socket.write(Buffer.concat([Buffer.from(this.#responseHead(head, query)), hex('head')]));
    const finish = (): void => {
      if (query.get('end') === 'fin') socket.end();
      if (query.get('end') === 'rst') reset();
    };
    setImmediate(() => (query.has('later') ? socket.write(hex('later'), finish) : finish()));
    if (pathname === '/seen') {
      const tell = (sighting: Seen): unknown => socket.write(frame(1, Buffer.from(JSON.stringify(sighting))));
      void this.#sightings.get(query.get('of') ?? '')?.then(tell);
    }
    return this.#reader(socket, seen, query);
  }

  #responseHead(head: string, query: URLSearchParams): string {
    const nonce = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? '';
    const accept = createHash('sha1')
      .update(nonce + GUID)
      .digest('base64');
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
    ];
    if (query.has('protocol')) lines.push(`Sec-WebSocket-Protocol: ${query.get('protocol')}`);
    if (query.has('extensions')) lines.push(`Sec-WebSocket-Extensions: ${query.get('extensions')}`);
    return `${lines.join('\r\n')}\r\n\r\n`;
  }

  #reader(socket: Socket, seen: Seen, query: URLSearchParams): (bytes: Buffer) => void {
    let rest: Buffer = Buffer.alloc(0);
    const isCloseSent = ['head', 'later'].some((name) => endsWithClose(Buffer.from(query.get(name) ?? '', 'hex')));
    return (bytes) => {
      const parsed = parse(Buffer.concat([rest, bytes]));
      ({ rest } = parsed);
      for (const [opcode, payload] of parsed.frames) {
        seen.frames.push([opcode, payload.toString('hex')]);
        if (query.has('tell')) socket.write(frame(1, Buffer.from(JSON.stringify(seen.frames.at(-1)))));
        if (opcode === CLOSE) socket.end(isCloseSent ? Buffer.alloc(0) : frame(CLOSE, payload));
      }
    };
  }

  #see(socket: Socket, head: string, id: string | null): Seen {
    const seen: Seen = { head, frames: [] };
    if (id !== null) this.#sightings.set(id, new Promise((resolve) => socket.on('close', () => resolve(seen))));
    return seen;
  }
}

/** Listens on the loopback interface. */
export async function startWireServer({ isSecure = false }: { readonly isSecure?: boolean } = {}): Promise<WireServer> {
  const wire = new Wire();
  const sockets = new Set<Socket>();
  const secureContext = createSecureContext({ cert: certificate, key });
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    // A reset drops what Nagle's algorithm holds back.
    socket.setNoDelay(true);
    socket.on('error', () => {});
    const stream = isSecure ? new TLSSocket(socket, { isServer: true, secureContext }) : socket;
    wire.serve(stream, () => socket.resetAndDestroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: isSecure ? `wss://localhost:${port}` : `ws://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
