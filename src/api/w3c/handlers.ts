// Event handler attributes (`onopen` and the like): https://html.spec.whatwg.org/#event-handler-attributes.

type Callback = (event: Event) => unknown;

interface Slot {
  callback: Callback;
  readonly listener: (event: Event) => void;
}

/** The event handlers of one object. A handler takes its turn among the listeners where it was first set. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #slots: Map<string, Slot> = new Map();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** The handler of `type`; null when there is none. */
  get(type: string): Callback | null {
    return this.#slots.get(type)?.callback ?? null;
  }

  /** Sets the handler of `type`. Whatever is no function removes it, and its place with it. */
  set(type: string, value: unknown): void {
    const slot = this.#slots.get(type);
    if (typeof value !== 'function') {
      if (slot === undefined) return;
      this.#slots.delete(type);
      EventTarget.prototype.removeEventListener.call(this.#target, type, slot.listener);
    } else if (slot !== undefined) {
      slot.callback = value as Callback;
    } else {
      const created: Slot = {
        callback: value as Callback,
        listener: (event) => void created.callback.call(this.#target, event),
      };
      this.#slots.set(type, created);
      EventTarget.prototype.addEventListener.call(this.#target, type, created.listener);
    }
  }
}
