// Listeners of event objects on an EventEmitter: `addEventListener`, and attributes such as `onmessage`.
// They are listeners of the emitter as well, so `removeAllListeners` and the like see them.

type Callback = (event: unknown) => unknown;
type Wrapper = (...values: unknown[]) => void;

/** The members of an EventEmitter that we use. */
interface Emitter {
  on(type: string, listener: Wrapper): unknown;
  removeListener(type: string, listener: Wrapper): unknown;
  listeners(type: string): readonly unknown[];
}

/** Makes an event object from the arguments of the emitter's listener. */
export type MakeEvent<Target> = (target: Target, values: readonly unknown[]) => unknown;

/** The function that a listener of the emitter calls. */
interface Registration {
  callback: Callback;
  /** Set by `onmessage = …` rather than by `addEventListener`. */
  readonly isAttribute: boolean;
}

const registrations = new WeakMap<object, Registration>();

function find(target: Emitter, type: string, callback: Callback | undefined): [Wrapper, Registration] | undefined {
  for (const wrapper of target.listeners(type) as Wrapper[]) {
    const registration = registrations.get(wrapper);
    if (registration === undefined) continue;
    const isFound = callback === undefined ? registration.isAttribute : registration.callback === callback;
    if (isFound && registration.isAttribute === (callback === undefined)) return [wrapper, registration];
  }
  return undefined;
}

function add<Target extends Emitter>(target: Target, type: string, make: MakeEvent<Target>, given: Registration): void {
  const wrapper: Wrapper = (...values) => void given.callback.call(target, make(target, values));
  registrations.set(wrapper, given);
  target.on(type, wrapper);
}

/** Adds a listener. Adding it a second time does nothing. */
export function addListener<Target extends Emitter>(
  target: Target,
  type: string,
  callback: Callback,
  make: MakeEvent<Target>,
): void {
  if (find(target, type, callback) === undefined) add(target, type, make, { callback, isAttribute: false });
}

/** Removes a listener that {@link addListener} or the emitter's `on` added. */
export function removeListener(target: Emitter, type: string, callback: Callback): void {
  const [wrapper] = find(target, type, callback) ?? [callback];
  target.removeListener(type, wrapper);
}

/** Reads and writes the attributes of an object. */
export interface Attributes<Target> {
  get(target: Target, type: string): unknown;
  set(target: Target, type: string, value: unknown): void;
}

/** Defines `on<type>` for each of `types`. */
export function defineAttributes<Target extends object>(
  prototype: Target,
  types: readonly string[],
  attributes: Attributes<Target>,
): void {
  for (const type of types) {
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      get(this: Target): unknown {
        return attributes.get(this, type);
      },
      set(this: Target, value: unknown): void {
        attributes.set(this, type, value);
      },
    });
  }
}

/**
 * Defines `on<type>` of an emitter for each of `events`. A function that replaces another takes its place among the listeners. Any other
 * value removes the listener.
 */
export function defineHandlers<Target extends Emitter>(
  prototype: Target,
  events: Readonly<Record<string, MakeEvent<Target>>>,
): void {
  defineAttributes(prototype, Object.keys(events), {
    get: (target, type) => find(target, type, undefined)?.[1].callback ?? null,
    set(target, type, value) {
      const [wrapper, registration] = find(target, type, undefined) ?? [];
      if (typeof value !== 'function') {
        if (wrapper) target.removeListener(type, wrapper);
      } else if (registration) {
        registration.callback = value as Callback;
      } else {
        add(target, type, events[type], { callback: value as Callback, isAttribute: true });
      }
    },
  });
}

/** Defines constants such as `OPEN`, enumerable, on a class or its prototype. */
export function defineConstants(target: object, constants: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(constants)) Object.defineProperty(target, name, { enumerable: true, value });
}
