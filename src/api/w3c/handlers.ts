// Event handler attributes (`onopen` and the like): https://html.spec.whatwg.org/#event-handler-attributes.

type Callback = (event: Event) => unknown;

interface Slot {
  /** Any object: it is called only if it can be. */
  callback: object;
  readonly listener: (event: Event) => void;
}

const { addEventListener, removeEventListener, dispatchEvent } = EventTarget.prototype;

/** Whether the runtime's EventTarget itself calls a function that is the property `on<type>`, as workerd's does before all listeners. */
const callsAttributes: boolean = /* @__PURE__ */ readsAttributes();

function readsAttributes(): boolean {
  let isRead = false;
  const target = Object.defineProperty(new EventTarget(), 'onprobe', { get: () => void (isRead = true) });
  target.dispatchEvent(new Event('probe'));
  return isRead;
}

/** The event handlers of one object. A handler takes its turn among the listeners where it was first set. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #slots: Map<string, Slot> = new Map();
  /** The event that {@link fire} is dispatching. */
  #firing: Event | null = null;
  /** The type whose handler the runtime must not see when it reads the attribute next. */
  #hidden: string | null = null;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** The handler of `type`; null if it is not set. */
  get(type: string): unknown {
    if (this.#hidden !== type) return this.#slots.get(type)?.callback ?? null;
    this.#hidden = null;
    return null;
  }

  /** Sets the handler of `type`. A value that is not an object removes it and its place. */
  set(type: string, value: unknown): void {
    const slot = this.#slots.get(type);
    if (value === null || (typeof value !== 'function' && typeof value !== 'object')) {
      if (slot === undefined) return;
      this.#slots.delete(type);
      removeEventListener.call(this.#target, type, slot.listener);
    } else if (slot !== undefined) {
      slot.callback = value;
    } else {
      const created: Slot = { callback: value, listener: (event) => this.#call(created.callback, event) };
      this.#slots.set(type, created);
      addEventListener.call(this.#target, type, created.listener);
    }
  }

  /** Dispatches an event of the object's own. */
  fire(event: Event): void {
    if (!callsAttributes) return void dispatchEvent.call(this.#target, event);
    const outer = this.#firing;
    this.#firing = event;
    this.#hidden = event.type;
    try {
      dispatchEvent.call(this.#target, event);
    } finally {
      this.#firing = outer;
      this.#hidden = null;
    }
  }

  #call(callback: object, event: Event): void {
    // The runtime has called it for an event that the program dispatched.
    if (callsAttributes && event !== this.#firing) return;
    if (typeof callback !== 'function') return;
    if ((callback as Callback).call(this.#target, event) === false) event.preventDefault();
  }
}
