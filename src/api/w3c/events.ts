// The events of a WebSocket: https://html.spec.whatwg.org/#messageevent and https://websockets.spec.whatwg.org/#the-closeevent-interface.
// The runtime's own classes. Node.js has no CloseEvent before 23: there it is ours.

import { exposeInterface, toBoolean, toDomString, toUnsignedShort, toUsvString } from './webidl.ts';

/** Initial values of a {@link CloseEvent}. Without the `EventInit` of lib.dom, which programs for Node.js may not have. */
export interface CloseEventInit {
  readonly bubbles?: boolean;
  readonly cancelable?: boolean;
  readonly composed?: boolean;
  readonly wasClean?: boolean;
  readonly code?: number;
  readonly reason?: string;
}

class OwnCloseEvent extends Event {
  readonly #wasClean: boolean;
  readonly #code: number;
  readonly #reason: string;

  constructor(type: string, init: CloseEventInit = {}) {
    if (arguments.length === 0) throw new TypeError('CloseEvent needs a type as its first argument');
    const values: CloseEventInit = init ?? {};
    if (typeof values !== 'object' && typeof values !== 'function') {
      throw new TypeError('The second argument of CloseEvent must be an object');
    }
    // A dictionary's members are read in the order of their names, inherited ones first.
    const { bubbles = false, cancelable = false, composed = false } = values;
    super(toDomString(type), { bubbles: toBoolean(bubbles), cancelable: toBoolean(cancelable), composed: toBoolean(composed) });
    const { code = 0, reason = '', wasClean = false } = values;
    this.#code = toUnsignedShort(code);
    this.#reason = toUsvString(reason);
    this.#wasClean = toBoolean(wasClean);
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
exposeInterface(OwnCloseEvent, 'CloseEvent');

type GlobalType<Name extends string, Own> = typeof globalThis extends Record<Name, { prototype: infer Type }> ? Type : Own;

/** A message; `data` is a string, a Blob or an ArrayBuffer. The global class of that name. */
export type MessageEvent = GlobalType<
  'MessageEvent',
  Event & { readonly data: string | ArrayBuffer | Blob | Uint8Array; readonly origin: string }
>;
/** The end of a connection. The global class of that name, where there is one. */
export type CloseEvent = GlobalType<'CloseEvent', OwnCloseEvent>;
/** A failure: an `Event` and nothing more by the standard. */
export interface FailureEvent extends Event {
  /** Why the connection failed. Beyond the standard: a browser does not tell. */
  readonly error?: Error;
}

/** Makes a `close` event. */
export type CloseEventClass = new (type: string, init?: CloseEventInit) => CloseEvent;

/** Takes the class of `close` events from `scope`, a global object, or ours where it has none. */
export function pickCloseEvent(scope: object): CloseEventClass {
  const existing: unknown = Reflect.get(scope, 'CloseEvent');
  return (typeof existing === 'function' ? existing : OwnCloseEvent) as CloseEventClass;
}

/** An `error` event that names its cause. */
export function failureEvent(error: Error): FailureEvent {
  return Object.defineProperty(new Event('error'), 'error', { value: error });
}
