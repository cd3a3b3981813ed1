// Proxies for clients (HTTP CONNECT and SOCKS 5) over raw sockets, on Node.js, Deno and Bun. Each byte that they send is the test's.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { certificate, key } from './certificates.ts';
import { listen } from './sockets.ts';

/** Answers the head of a CONNECT request. */
export type Answer = (client: Socket, proxy: ForwardProxy) => void;

export interface ProxyPlan {
  /** With TLS to the proxy. */
  readonly isSecure?: boolean;
  /** Default: {@link openTunnel}. */
  readonly answer?: Answer;
}

/** A proxy with CONNECT. Whatever host a client names, it connects to 127.0.0.1. */
export class ForwardProxy {
  readonly port: number;
  /** The heads of the requests, without the empty line. */
  readonly heads: string[] = [];
  /** Connections of clients that are open. */
  readonly clients: Set<Socket> = new Set();
  readonly #server: Server;
  readonly #isSecure: boolean;

  private constructor(server: Server, port: number, isSecure: boolean) {
    this.#server = server;
    this.port = port;
    this.#isSecure = isSecure;
  }

  static async start({ isSecure = false, answer = openTunnel }: ProxyPlan = {}): Promise<ForwardProxy> {
    const server = isSecure ? createTlsServer({ cert: certificate, key }) : createServer();
    const proxy = new ForwardProxy(server, await listen(server), isSecure);
    server.on(isSecure ? 'secureConnection' : 'connection', (client: Socket) => proxy.#serve(client, answer));
    return proxy;
  }

  /** @param credentials `user:password@`, as in the URL. */
  url(credentials: string = ''): string {
    return `${this.#isSecure ? 'https' : 'http'}://${credentials}localhost:${this.port}`.replace('localhost', this.#host);
  }

  get #host(): string {
    return this.#isSecure ? 'localhost' : '127.0.0.1';
  }

  /** The authority of each request. */
  get asked(): string[] {
    return this.heads.map((head) => head.split(' ', 2)[1]);
  }

  close(): void {
    this.#server.close();
    for (const client of this.clients) client.destroy();
  }

  #serve(client: Socket, answer: Answer): void {
    this.clients.add(client);
    client.on('error', () => {}).on('close', () => this.clients.delete(client));
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      client.off('data', onData);
      this.heads.push(text.slice(0, text.indexOf('\r\n\r\n')));
      answer(client, this);
    };
    client.on('data', onData);
  }
}

/** Joins `client` to a port of 127.0.0.1. */
export function join(client: Socket, port: number, onJoined: () => void): void {
  const target = connect(port, '127.0.0.1', () => {
    onJoined();
    target.pipe(client);
    client.pipe(target);
  });
  target.on('error', () => client.destroy()).on('close', () => client.destroy());
  client.on('close', () => target.destroy());
}

/** The port that the last request names. */
function portOf({ asked }: ForwardProxy): number {
  return Number(asked.at(-1)!.split(':').at(-1));
}

/** Opens the tunnel. @param head The proxy's response. */
export function openTunnel(
  client: Socket,
  proxy: ForwardProxy,
  head: string = 'HTTP/1.1 200 Connection established\r\n\r\n',
): void {
  join(client, portOf(proxy), () => client.write(head));
}

/** Sends these bytes in the place of a valid response, and leaves the connection open. */
export function answerWith(text: string): Answer {
  return (client) => void client.write(Buffer.from(text, 'latin1'));
}

/** A SOCKS 5 proxy (RFC 1928). */
export class SocksProxy {
  readonly port: number;
  /** Requests, as hexadecimal digits: command, address type, address and port. */
  readonly requests: string[] = [];
  /** User names with passwords. */
  readonly credentials: string[] = [];
  readonly #server: Server;
  readonly #clients: Set<Socket> = new Set();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** @param credentials `user:password` that it demands. @param reply Bytes in the place of its last answer, as hexadecimal digits. */
  static async start(credentials?: string, reply?: string): Promise<SocksProxy> {
    const server = createServer();
    const proxy = new SocksProxy(server, await listen(server));
    server.on('connection', (client) => {
      proxy.#clients.add(client.on('error', () => {}));
      proxy.#serve(client, credentials, reply);
    });
    return proxy;
  }

  close(): void {
    this.#server.close();
    for (const client of this.#clients) client.destroy();
  }

  #serve(client: Socket, credentials: string | undefined, reply: string | undefined): void {
    let step = 0;
    const onData = (chunk: Buffer): void => {
      if (step === 0) {
        const method = credentials === undefined ? 0 : 2;
        step = credentials === undefined ? 2 : 1;
        client.write(Buffer.of(5, chunk.subarray(2).includes(method) ? method : 255));
      } else if (step === 1) {
        const end = 2 + chunk[1];
        const given = `${chunk.toString('utf8', 2, end)}:${chunk.toString('utf8', end + 1)}`;
        this.credentials.push(given);
        step = 2;
        client.write(Buffer.of(1, Number(given !== credentials)));
      } else {
        client.off('data', onData);
        this.requests.push(chunk.toString('hex', 1));
        if (reply !== undefined) client.write(Buffer.from(reply, 'hex'));
        else join(client, chunk.readUInt16BE(chunk.length - 2), () => client.write(Buffer.from('05000001000000000000', 'hex')));
      }
    };
    client.on('data', onData);
  }
}
