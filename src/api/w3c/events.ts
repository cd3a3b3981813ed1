// The events of a WebSocket, HTML sections "MessageEvent" and "ErrorEvent" and https://websockets.spec.whatwg.org/#the-closeevent-interface.
// The runtime's own classes where it has them; Node.js has no CloseEvent before 23.

/** Initial values of a {@link MessageEvent}. */
export interface MessageEventInit {
  readonly data?: unknown;
  readonly origin?: string;
}

/** Initial values of a {@link CloseEvent}. */
export interface CloseEventInit {
  readonly wasClean?: boolean;
  readonly code?: number;
  readonly reason?: string;
}

/** Initial values of an {@link ErrorEvent}. */
export interface ErrorEventInit {
  readonly message?: string;
  readonly error?: unknown;
}

class OwnMessageEvent extends Event {
  readonly #data: unknown;
  readonly #origin: string;

  constructor(type: string, init: MessageEventInit = {}) {
    super(type);
    this.#data = init.data ?? null;
    this.#origin = init.origin ?? '';
  }

  get data(): string | ArrayBuffer | Blob {
    return this.#data as string | ArrayBuffer | Blob;
  }

  get origin(): string {
    return this.#origin;
  }

  get lastEventId(): string {
    return '';
  }

  get source(): null {
    return null;
  }

  get ports(): readonly never[] {
    return [];
  }
}

class OwnCloseEvent extends Event {
  readonly #wasClean: boolean;
  readonly #code: number;
  readonly #reason: string;

  constructor(type: string, init: CloseEventInit = {}) {
    super(type);
    this.#wasClean = init.wasClean ?? false;
    this.#code = init.code ?? 0;
    this.#reason = init.reason ?? '';
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }

  get code(): number {
    return this.#code;
  }

  get reason(): string {
    return this.#reason;
  }
}

class OwnErrorEvent extends Event {
  readonly #message: string;
  readonly #error: unknown;

  constructor(type: string, init: ErrorEventInit = {}) {
    super(type);
    this.#message = init.message ?? '';
    this.#error = init.error;
  }

  get message(): string {
    return this.#message;
  }

  get filename(): string {
    return '';
  }

  get lineno(): number {
    return 0;
  }

  get colno(): number {
    return 0;
  }

  get error(): unknown {
    return this.#error;
  }
}

type GlobalType<Name extends string, Own> = typeof globalThis extends Record<Name, { prototype: infer Type }> ? Type : Own;

/** A message; `data` is a string, a Blob or an ArrayBuffer. The global type of that name, where there is one. */
export type MessageEvent = GlobalType<'MessageEvent', OwnMessageEvent>;
/** The end of a connection. The global type of that name, where there is one. */
export type CloseEvent = GlobalType<'CloseEvent', OwnCloseEvent>;
/** A failure; `error` says which. The global type of that name, where there is one. */
export type ErrorEvent = GlobalType<'ErrorEvent', OwnErrorEvent>;

/** The event classes that a WebSocket uses. */
export interface EventClasses {
  readonly MessageEvent: new (type: string, init?: MessageEventInit) => MessageEvent;
  readonly CloseEvent: new (type: string, init?: CloseEventInit) => CloseEvent;
  readonly ErrorEvent: new (type: string, init?: ErrorEventInit) => ErrorEvent;
}

/** Takes each class from `scope`, a global object, or ours where it has none. */
export function pickEventClasses(scope: object): EventClasses {
  const own = { MessageEvent: OwnMessageEvent, CloseEvent: OwnCloseEvent, ErrorEvent: OwnErrorEvent };
  const picked = Object.entries(own).map(([name, Own]): [string, unknown] => {
    const existing: unknown = Reflect.get(scope, name);
    if (typeof existing === 'function') return [name, existing];
    Object.defineProperty(Own, 'name', { value: name, configurable: true });
    Object.defineProperty(Own.prototype, Symbol.toStringTag, { value: name, configurable: true });
    return [name, Own];
  });
  return Object.fromEntries(picked) as unknown as EventClasses;
}
