// One view of every client, by what the ws style and the W3C style share: `addEventListener`, `binaryType`, `send`, `close`.
// No runtime's modules here: every runtime runs this file.

/** What the contract asks of a client's WebSocket. */
export interface ClientSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  readonly extensions: string;
  binaryType: string;
  addEventListener(type: string, listener: (event: never) => void): void;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** What a ws-style client has on top of it. */
export interface WsStyleSocket extends ClientSocket {
  on(event: string, listener: (...values: never[]) => void): unknown;
  send(data: string | Uint8Array, options?: object): void;
  ping(data?: Uint8Array): void;
  pong(data?: Uint8Array): void;
  terminate(): void;
  readonly ready: Promise<WsStyleSocket>;
  [Symbol.asyncIterator](): AsyncIterableIterator<unknown>;
}

/** How a connection ended. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** A message as it was received. */
export type Message = string | Uint8Array<ArrayBuffer>;

interface Reader {
  resolve(message: Message): void;
  reject(error: Error): void;
}

/** A client whose events can be awaited. */
export class Endpoint<Socket extends ClientSocket = ClientSocket> {
  readonly socket: Socket;
  /** Rejected when the connection closes before it is open. */
  readonly opened: Promise<void>;
  readonly closed: Promise<Ending>;
  /** Names of the events so far, in order. */
  readonly events: string[] = [];
  readonly #messages: Message[] = [];
  readonly #readers: Reader[] = [];
  #hasClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.binaryType = 'arraybuffer';
    for (const type of ['open', 'message', 'error', 'close']) {
      socket.addEventListener(type, () => this.events.push(type));
    }
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason, wasClean }: Ending) => resolve({ code, reason, wasClean }));
    });
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('close', ({ code }: Ending) => reject(new Error(`Closed (${code}) before it was open`)));
    });
    this.opened.catch(() => {});
    socket.addEventListener('error', () => {});
    socket.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) => {
      const message = typeof data === 'string' ? data : new Uint8Array(data);
      const reader = this.#readers.shift();
      if (reader === undefined) this.#messages.push(message);
      else reader.resolve(message);
    });
    socket.addEventListener('close', ({ code }: Ending) => {
      this.#hasClosed = true;
      for (const { reject } of this.#readers.splice(0)) reject(new Error(`Closed (${code}) while a message was awaited`));
    });
  }

  /** The next message. */
  next(): Promise<Message> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    if (this.#hasClosed) return Promise.reject(new Error('Closed: there are no more messages'));
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  /** Sends one message and waits for the next one. */
  async exchange(message: Message): Promise<Message> {
    this.socket.send(message);
    return await this.next();
  }
}
