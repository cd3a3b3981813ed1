// The WebSocket class: https://websockets.spec.whatwg.org/#the-websocket-interface, bound to JavaScript as WebIDL says. life.ts has the steps.

import type { Platform, Session } from '../../platform.ts';
import { readArguments, type ProtocolsOrOptions } from './arguments.ts';
import { toBody, type BinaryType } from './body.ts';
import type { MakeBorrowedEvent } from './borrowed.ts';
import type { Connect, W3CWebSocketOptions } from './connect.ts';
import { EventHandlers } from './handlers.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN } from '../../base/states.ts';
import { Life } from './life.ts';
import type { W3CWebSocket, WebSocketConstructor } from './types.ts';
import { clampToUnsignedShort, exposeInterface, toDomString, toUsvString } from './webidl.ts';

/**
 * Connections to accept, by the object that takes the place of the URL: the constructor of the standard only connects. A program has none
 * of these objects.
 */
const acceptances = new WeakMap<object, { readonly url: string; readonly connect: Connect }>();

/**
 * Makes a WebSocket over the connection that `connect` brings. It is CONNECTING until the caller's code has finished, at least.
 *
 * @param url Scheme `ws:` or `wss:`, no fragment. Check it before the runtime upgrades: nothing may throw after that.
 */
export function accept(
  WebSocket: WebSocketConstructor,
  url: string,
  connect: Connect,
  options?: Pick<W3CWebSocketOptions, 'borrowMessages'>,
): W3CWebSocket {
  const key = {};
  acceptances.set(key, { url, connect });
  return new WebSocket(key as string, options);
}

/** A {@link Connect} to a session that is there. @param head Bytes that came behind the handshake. Kept. */
export function connectTo(session: Session, protocol: string, extensions: string = '', head?: Uint8Array): Connect {
  return (_request, { onOpen }) => {
    onOpen(session, protocol, extensions, head);
    return { abort() {} };
  };
}

/**
 * Makes the class that users construct, so that it has all its members itself, as in browsers.
 *
 * @param connect Makes its connections.
 * @param makeBorrowedEvent Where the platform has `borrowMemory`.
 */
// oxlint-disable-next-line max-lines-per-function -- It is one class, whose methods are short.
export function createWebSocketClass(
  connect: Connect,
  platform: Platform,
  makeBorrowedEvent?: MakeBorrowedEvent,
): WebSocketConstructor {
  class WebSocket extends EventTarget {
    readonly #handlers: EventHandlers = new EventHandlers(this);
    readonly #life: Life;

    constructor(url: string | URL, ...rest: [protocols?: ProtocolsOrOptions | null, options?: W3CWebSocketOptions | null]) {
      if (arguments.length === 0) throw new TypeError('WebSocket needs a URL as its first argument');
      super();
      platform.markUncloneable?.(this);
      const accepted = acceptances.get(url as never);
      const text = accepted?.url ?? toUsvString(url);
      const { protocols, options } = readArguments(rest[0], rest[1]);
      const surroundings = {
        connect: accepted?.connect ?? connect,
        platform,
        websocket: this,
        makeBorrowedEvent,
        fire: (event: Event) => this.#handlers.fire(event),
      };
      this.#life = new Life(surroundings, text, protocols, options);
    }

    get url(): string {
      return this.#life.url;
    }

    get readyState(): number {
      return this.#life.readyState;
    }

    get bufferedAmount(): number {
      return this.#life.bufferedAmount;
    }

    get onopen(): unknown {
      return this.#handlers.get('open');
    }

    set onopen(value) {
      this.#handlers.set('open', value);
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

    get extensions(): string {
      return this.#life.extensions;
    }

    get protocol(): string {
      return this.#life.protocol;
    }

    // No parameter counts for `length`, as those of the standard are optional.
    close(...given: [code?: number, reason?: string]): void {
      const life = this.#life;
      const code = given[0] === undefined ? undefined : clampToUnsignedShort(given[0]);
      const reason = given[1] === undefined ? undefined : toUsvString(given[1]);
      life.close(code, reason);
    }

    get onmessage(): unknown {
      return this.#handlers.get('message');
    }

    set onmessage(value) {
      this.#handlers.set('message', value);
    }

    get binaryType(): BinaryType {
      return this.#life.binaryType;
    }

    set binaryType(value) {
      const life = this.#life;
      const text = toDomString(value);
      if (text === 'blob' || text === 'arraybuffer') life.binaryType = text;
    }

    send(data: unknown): void {
      const life = this.#life;
      if (arguments.length === 0) throw new TypeError('send() needs the data as its argument');
      life.send(toBody(data));
    }

    [Symbol.dispose](): void {
      this.close();
    }

    async [Symbol.asyncDispose](): Promise<void> {
      if (this.readyState === CLOSED) return;
      const closed = new Promise((resolve) => {
        this.addEventListener('close', resolve, { once: true });
      });
      this.close();
      await closed;
    }
  }
  exposeInterface(WebSocket, 'WebSocket');
  for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
    const descriptor = { value, enumerable: true };
    Object.defineProperty(WebSocket, name, descriptor);
    Object.defineProperty(WebSocket.prototype, name, descriptor);
  }
  return WebSocket as unknown as { readonly prototype: W3CWebSocket } as WebSocketConstructor;
}
