// The class ReconnectingWebSocket: the members of a WebSocket, over a Client.

import type { BinaryType } from '../api/w3c/body.ts';
import { EventHandlers } from '../api/w3c/handlers.ts';
import { EventMessages, type MessageData, type MessagesOptions } from '../api/w3c/promises.ts';
import type { WebSocketConstructor } from '../api/w3c/types.ts';
import { clampToUnsignedShort, exposeInterface, toDomString, toUsvString } from '../api/w3c/webidl.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN } from '../base/states.ts';
import { Client } from './client.ts';
import { readReconnectingOptions, type ReconnectingOptions, type Source } from './options.ts';
import type { ProtocolsOrReconnectingOptions, ReconnectingWebSocket, ReconnectingWebSocketConstructor } from './types.ts';

/** How an entry point binds the class. */
export interface Binding {
  /** The class of each connection. */
  readonly WebSocket: WebSocketConstructor;
  /** Whether it is the runtime's own class, which can neither send Pings nor has options. */
  readonly isNative: boolean;
  /** @throws {TypeError} for an option that has no effect here. */
  checkOptions?(options: object): void;
}

/** Tells subprotocols from options: an object that is neither iterable nor a promise is options. */
function joinArguments(
  second: ProtocolsOrReconnectingOptions | undefined,
  third: object | null | undefined,
): ReconnectingOptions {
  const isOptions =
    typeof second === 'object' &&
    second !== null &&
    !(Symbol.iterator in second) &&
    typeof (second as { then?: unknown }).then !== 'function';
  if (isOptions) return { ...(second as ReconnectingOptions), ...third };
  return second === undefined || second === null ? { ...third } : { ...third, protocols: second as Source<string> };
}

/** Makes the class. */
// oxlint-disable-next-line max-lines-per-function -- It is one class, whose methods are short.
export function createReconnectingWebSocketClass({
  WebSocket,
  isNative,
  checkOptions,
}: Binding): ReconnectingWebSocketConstructor {
  class Reconnecting extends EventTarget {
    readonly #handlers: EventHandlers = new EventHandlers(this);
    readonly #client: Client;

    constructor(
      url: Source<string | URL>,
      ...[protocols, options]: [protocols?: ProtocolsOrReconnectingOptions, options?: ReconnectingOptions | null]
    ) {
      if (arguments.length === 0) throw new TypeError('ReconnectingWebSocket needs a URL as its first argument');
      super();
      const settings = readReconnectingOptions(joinArguments(protocols, options), isNative);
      checkOptions?.(settings.headers === undefined ? settings.socket : { ...settings.socket, headers: settings.headers });
      const face = { WebSocket, fire: (event: Event) => this.#handlers.fire(event) };
      this.#client = new Client(face, url, settings);
    }

    get url(): string {
      return this.#client.url;
    }

    get readyState(): number {
      return this.#client.readyState;
    }

    get bufferedAmount(): number {
      return this.#client.bufferedAmount;
    }

    get extensions(): string {
      return this.#client.socket?.extensions ?? '';
    }

    get protocol(): string {
      return this.#client.socket?.protocol ?? '';
    }

    get retryCount(): number {
      return this.#client.retries;
    }

    get binaryType(): BinaryType {
      return this.#client.binaryType;
    }

    set binaryType(value) {
      const text = toDomString(value);
      if (text === 'blob' || text === 'arraybuffer') this.#client.binaryType = text;
    }

    get onopen(): unknown {
      return this.#handlers.get('open');
    }

    set onopen(value) {
      this.#handlers.set('open', value);
    }

    get onmessage(): unknown {
      return this.#handlers.get('message');
    }

    set onmessage(value) {
      this.#handlers.set('message', value);
    }

    get onerror(): unknown {
      return this.#handlers.get('error');
    }

    set onerror(value) {
      this.#handlers.set('error', value);
    }

    get onclose(): unknown {
      return this.#handlers.get('close');
    }

    set onclose(value) {
      this.#handlers.set('close', value);
    }

    send(data: unknown): void {
      if (arguments.length === 0) throw new TypeError('send() needs the data as its argument');
      this.#client.send(data);
    }

    close(...given: [code?: number, reason?: string]): void {
      const code = given[0] === undefined ? undefined : clampToUnsignedShort(given[0]);
      this.#client.close(code, given[1] === undefined ? '' : toUsvString(given[1]));
    }

    reconnect(): void {
      this.#client.reconnect();
    }

    messages(options: MessagesOptions = {}): AsyncIterableIterator<MessageData, undefined> {
      return new EventMessages(this, options, this.#client.ending);
    }

    [Symbol.asyncIterator](): AsyncIterableIterator<MessageData, undefined> {
      return this.messages();
    }

    [Symbol.dispose](): void {
      this.close();
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.close();
      await this.#client.ending;
    }
  }
  exposeInterface(Reconnecting, 'ReconnectingWebSocket');
  for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
    const descriptor = { value, enumerable: true };
    Object.defineProperty(Reconnecting, name, descriptor);
    Object.defineProperty(Reconnecting.prototype, name, descriptor);
  }
  return Reconnecting as unknown as { readonly prototype: ReconnectingWebSocket } as ReconnectingWebSocketConstructor;
}
