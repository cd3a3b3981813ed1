// HTTP/1.1 server over byte streams (RFC 9112): reads one request head per connection and passes upgrade requests on.

import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { HttpServer } from '../../api/ws/server-core.ts';
import type { AddressInfo } from '../../api/ws/types.ts';
import { listContains } from '../../handshake/grammar.ts';
import { requestHeadParser, type RequestHead } from '../../handshake/http-head.ts';
import { refusalHead, refuse, type Refusal } from '../../handshake/refusal.ts';
import type { Platform } from '../../platform.ts';
import { HeadReader, type HeadSource } from '../head.ts';
import type { Listener, Network, ServerTls } from '../network.ts';
import { readServerTls } from '../tls.ts';
import { HttpMessage } from './message.ts';
import { abandonSocket, endAnswered, SocketSource } from './socket-source.ts';
import { StreamSocket } from './socket.ts';
import { nextTick } from '../../clock.ts';
import { DEFAULT_HEADERS_TIMEOUT } from '../../base/options.ts';

/** How a server listens. */
export interface HttpServerOptions {
  /** `cert` and `key`, PEM. */
  readonly tls?: object | undefined;
  /** Milliseconds; 0 for no limit. Default 60,000. */
  readonly headersTimeout?: number | undefined;
}

/** A connection whose head is being read. */
interface Reading {
  readonly source: HeadSource & { destroy(): void };
  /** Makes the socket that programs get. Called once; the source is not used any more. */
  toSocket(): StreamSocket | Socket;
}

/** Events: `listening`, `upgrade` (request, socket, head), `error`, `close`. */
export class StreamHttpServer extends EventEmitter implements HttpServer {
  /** Most fields of a request's head, as in node:http; a request with more is answered 400. 0 for no limit. */
  maxHeadersCount: number = 2000;
  readonly #network: Network;
  readonly #platform: Platform;
  readonly #options: HttpServerOptions;
  readonly #tls: ServerTls | undefined;
  readonly #onRefusal: () => void;
  #listener: Listener | null = null;
  #address: AddressInfo | string | null = null;
  readonly #reading: Set<Reading> = new Set();
  /** Connections that got an answer instead of a WebSocket, until their peers have ended. */
  readonly #answered: Set<StreamSocket | Socket> = new Set();
  #connections = 0;
  #isClosing = false;
  #isListenerClosed = false;
  #hasFailed = false;

  /**
   * @param onRefusal Called for each connection that gets an answer of this server instead of a WebSocket.
   * @throws {TypeError} for a `tls` of no use.
   */
  constructor(network: Network, platform: Platform, options: HttpServerOptions, onRefusal: () => void = () => {}) {
    super();
    this.#onRefusal = onRefusal;
    this.#network = network;
    this.#platform = platform;
    this.#options = options;
    this.#tls = options.tls && readServerTls(options.tls);
  }

  /** @throws {TypeError} naming an option that the runtime has nothing for. */
  listen(at: number | string = 0, host?: string | null, backlog?: number | null, onListening?: () => void): this {
    if (onListening) this.once('listening', onListening);
    const place = typeof at === 'string' ? { port: 0, path: at } : { port: at };
    const plan = { ...place, host: host ?? undefined, backlog: backlog ?? undefined, tls: this.#tls };
    const listener = this.#network.listen(plan, {
      onListening: (address) => {
        this.#address = address;
        // A runtime may report it within `listen`, before the program can have added a listener.
        nextTick(() => {
          if (!this.#isClosing) this.emit('listening');
        });
      },
      onConnection: (stream) => {
        const toSocket = (): StreamSocket => new StreamSocket(stream, this.#platform, this.#release);
        this.#accept({ source: stream, toSocket });
      },
      onSocket: (socket) => {
        const source = new SocketSource(socket);
        this.#accept({ source, toSocket: () => source.release().once('close', this.#release) });
      },
      onError: (error) => {
        // A server that never listened emits no 'close' event of its listener.
        if (this.#address === null) this.#hasFailed = true;
        if (this.#hasFailed) this.#listener = null;
        nextTick(() => {
          if (!this.#isClosing) this.emit('error', error);
        });
      },
    });
    if (!this.#hasFailed) this.#listener = listener;
    return this;
  }

  address(): AddressInfo | string | null {
    return this.#address;
  }

  /** Takes no more connections. Drops those that have sent no whole request, and those that were answered and whose peers stay. */
  close(onClosed?: () => void): this {
    if (onClosed) this.once('close', onClosed);
    if (this.#isClosing) {
      // As in node:http: each call ends with an event.
      nextTick(() => this.#emitClose());
      return this;
    }
    this.#isClosing = true;
    this.#address = null;
    for (const { source } of this.#reading) source.destroy();
    for (const socket of this.#answered) socket.destroy();
    const onListenerClosed = (): void => {
      this.#isListenerClosed = true;
      this.#emitClose();
    };
    if (this.#listener === null) nextTick(onListenerClosed);
    else this.#listener.close(onListenerClosed);
    return this;
  }

  #emitClose(): void {
    if (this.#isListenerClosed && this.#connections === 0) this.emit('close');
  }

  #accept(reading: Reading): void {
    const { source } = reading;
    if (this.#isClosing) return source.destroy();
    this.#connections++;
    const finish = (): StreamSocket | Socket => {
      this.#reading.delete(reading);
      return reading.toSocket();
    };
    const reader = new HeadReader<RequestHead>(source, this.#platform, {
      parser: requestHeadParser(),
      events: {
        onHead: (head, rest) => this.#handle(finish(), head, rest),
        onRefusal: (refusal) => this.#answer(finish(), refusal),
        onEnd: (hasBegun) => {
          if (hasBegun) this.#answer(finish(), refuse(400, 'The request ends within its head'));
          else finish().destroy();
        },
        onClosed: () => {
          this.#reading.delete(reading);
          this.#release();
        },
      },
    });
    this.#reading.add(reading);
    reader.start(this.#options.headersTimeout ?? DEFAULT_HEADERS_TIMEOUT);
  }

  /** A connection is gone. One closure for all connections: a closure for each would keep its whole creation scope alive. */
  readonly #release = (): void => {
    this.#connections--;
    if (this.#isClosing) this.#emitClose();
  };

  #handle(socket: StreamSocket | Socket, head: RequestHead, rest: Uint8Array): void {
    const { headers } = head;
    const isUpgrade = headers.has('upgrade') && listContains(headers.get('connection') ?? '', 'upgrade');
    const bytes = Buffer.from(rest.buffer, rest.byteOffset, rest.length);
    let isTaken = false;
    try {
      isTaken = isUpgrade && this.emit('upgrade', new HttpMessage({ head, socket }), socket, bytes);
    } catch (error) {
      if (socket instanceof StreamSocket) socket.abandon();
      else abandonSocket(socket);
      throw error;
    }
    if (!isTaken) this.#answer(socket, UPGRADE_REQUIRED, head.method === 'HEAD');
    else if (socket instanceof StreamSocket) socket.watch();
  }

  /** Answers a request that gets no WebSocket, and closes. */
  #answer(socket: StreamSocket | Socket, { status, reason, headers }: Refusal, isBodyLeftOut: boolean = false): void {
    this.#onRefusal();
    const fields = { ...headers, 'Content-Type': 'text/plain', Date: new Date().toUTCString() };
    const text = refusalHead({ status, reason, headers: fields });
    this.#answered.add(socket);
    const emitter: EventEmitter = socket;
    emitter.once('close', () => this.#answered.delete(socket));
    const sent = isBodyLeftOut ? text.slice(0, text.indexOf('\r\n\r\n') + 4) : text;
    if (socket instanceof StreamSocket) socket.end(sent);
    else endAnswered(socket, sent);
  }
}

/** RFC 9110 sections 7.8 and 15.5.22: the fields that it must have. */
const UPGRADE_REQUIRED = refuse(426, 'Upgrade Required', { Connection: 'close, Upgrade', Upgrade: 'websocket' });
