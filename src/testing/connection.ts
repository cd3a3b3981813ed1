// The server's end of a connection in memory, as a test uses it: received messages, methods that send, and the end.

import { OPEN } from '../base/states.ts';
import type { CloseDetails } from '../api/w3c/promises.ts';
import { toBody, type Body } from '../api/w3c/body.ts';
import { MESSAGE_ASCII, MESSAGE_TEXT, type SessionSink } from '../platform.ts';
import { encodeUtf8 } from '../http1/text.ts';
import type { Accepted, MockRequest } from './accept.ts';
import type { Link } from './link.ts';
import { Mailbox } from './mailbox.ts';
import { platform } from './platform.ts';

/** A message that a test gets: text, or bytes. */
export type MockMessage = string | Uint8Array;
/** Data that a test sends. */
export type MockData = string | ArrayBuffer | ArrayBufferView;

/** Reports of a connection to its server. */
export interface ConnectionOwner {
  onMessage(connection: MockConnection, message: MockMessage): void;
  onClosed(connection: MockConnection): void;
}

/** The server's end of a connection. */
export class MockConnection implements AsyncIterable<MockMessage> {
  /** The opening handshake. */
  readonly request: MockRequest;
  /** The address that the client connected to. */
  readonly url: string;
  /** The subprotocol in use; empty for none. */
  readonly protocol: string;
  /** The network between both ends, with its faults. */
  readonly link: Link;
  /** All messages that arrived, the first one first. */
  readonly received: readonly MockMessage[];
  /** The payloads of all Pings that arrived. They are answered, unless the option `autoPong` is off. */
  readonly pings: Uint8Array[] = [];
  /** The payloads of all Pongs that arrived. */
  readonly pongs: Uint8Array[] = [];
  /** Fulfilled when the connection has ended, with the client's close code: 1005 if it sent none, 1006 without a closing handshake. */
  readonly closed: Promise<CloseDetails>;
  readonly #received: MockMessage[] = [];
  readonly #session: Accepted['session'];
  readonly #mailbox: Mailbox<MockMessage> = new Mailbox('The connection ended before the next message');
  #details: CloseDetails | undefined;
  #violation: Error | undefined;
  #state: number = OPEN;

  /** @internal */
  constructor(
    { session, protocol }: Accepted,
    { request, url, link, owner }: { request: MockRequest; url: string; link: Link; owner: ConnectionOwner },
  ) {
    this.request = request;
    this.url = url;
    this.protocol = protocol;
    this.link = link;
    this.#session = session;
    this.received = this.#received;
    this.closed = new Promise((resolve) => {
      session.attach(this.#sink(owner, resolve));
    });
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.#state === OPEN;
  }

  /** How the connection ended; undefined before. */
  get closeDetails(): CloseDetails | undefined {
    return this.#details;
  }

  /** The first violation of the client; undefined if there was none. */
  get violation(): Error | undefined {
    return this.#violation;
  }

  /** Bytes that were sent and have not left, because the link or the client holds them up. */
  get bufferedAmount(): number {
    return this.#session.bufferedAmount;
  }

  /** The next message that no call has got. @throws {Error} if the connection ends first. */
  nextMessage(): Promise<MockMessage> {
    return this.#mailbox.take();
  }

  /** The messages, from the first one that `nextMessage()` has not got, until the connection ends. */
  [Symbol.asyncIterator](): AsyncIterator<MockMessage, undefined> {
    return this.#mailbox.iterate();
  }

  /** Sends a message: text of a string, otherwise bytes. @throws {TypeError} for a Blob, which has to be read first. */
  send(data: MockData): void {
    const body: Body = toBody(data);
    if (typeof body === 'string') this.#session.sendText(body);
    else if (body instanceof Uint8Array) this.#session.sendBytes(body, false);
    else throw new TypeError('A mock server sends text and bytes: read the Blob first');
  }

  /**
   * Sends bytes as they are, behind all messages: frames that break the standard, or a part of a frame.
   *
   * `connection.sendRaw(Uint8Array.of(0x83, 0x00))` is a frame with the reserved opcode 3, which a client answers by 1002.
   */
  sendRaw(bytes: Uint8Array): void {
    this.#session.sendFrame([bytes]);
  }

  /** Sends a Ping. */
  ping(payload: string | Uint8Array = ''): void {
    this.#session.ping(bytesOf(payload));
  }

  /** Sends a Pong. */
  pong(payload: string | Uint8Array = ''): void {
    this.#session.pong(bytesOf(payload));
  }

  /** Starts the closing handshake. @param code Left out: a Close frame without a code, which the client sees as 1005. @returns {@link closed} */
  close(code?: number, reason: string = ''): Promise<CloseDetails> {
    this.#session.close(code, bytesOf(reason));
    return this.closed;
  }

  /** Ends TCP without a Close frame: the client sees 1006. */
  terminate(): void {
    this.#session.terminate();
  }

  /** Stops reading, as a slow server: once the link is full, `bufferedAmount` of the client grows. */
  pause(): void {
    this.#session.pause();
  }

  resume(): void {
    this.#session.resume();
  }

  #sink(owner: ConnectionOwner, onClosed: (details: CloseDetails) => void): SessionSink {
    return {
      onMessage: (source, start, end, kind) => {
        const isText = (kind & MESSAGE_TEXT) !== 0;
        const message = isText
          ? platform.decodeText(source, start, end, (kind & MESSAGE_ASCII) !== 0)
          : source.slice(start, end);
        this.#received.push(message);
        this.#mailbox.put(message);
        owner.onMessage(this, message);
      },
      onPing: (payload) => void this.pings.push(payload),
      onPong: (payload) => void this.pongs.push(payload),
      onClosing: () => this.#leaveOpen(),
      onError: (error) => {
        this.#violation ??= error;
        this.#leaveOpen();
      },
      onDrain() {},
      onEnd: (code, reason, wasClean) => {
        this.#leaveOpen();
        this.#details = { code, reason: platform.decodeText(reason, 0, reason.length, false), wasClean };
        this.#mailbox.end();
        owner.onClosed(this);
        onClosed(this.#details);
      },
    };
  }

  #leaveOpen(): void {
    this.#state = OPEN + 1;
  }
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? encodeUtf8(platform, data) : data;
}
