// The WebSocket of a global object, taken by mock servers and given back by the last one.

interface Taken {
  servers: number;
  /** The property as it was; undefined if there was none. */
  readonly before: PropertyDescriptor | undefined;
}

const taken = new Map<object, Taken>();

/** Puts `WebSocket` in the place of that of `scope`. @throws {TypeError} if `scope` does not allow it. */
export function takeGlobal(scope: object, WebSocket: unknown): void {
  const known = taken.get(scope);
  if (known !== undefined) {
    known.servers++;
    return;
  }
  const before = Object.getOwnPropertyDescriptor(scope, 'WebSocket');
  Object.defineProperty(scope, 'WebSocket', { value: WebSocket, writable: true, enumerable: false, configurable: true });
  taken.set(scope, { servers: 1, before });
}

/** Undoes one {@link takeGlobal}; the last one restores the property. A program that has replaced it meanwhile keeps its own. */
export function restoreGlobal(scope: object, WebSocket: unknown): void {
  const known = taken.get(scope);
  if (known === undefined || --known.servers > 0) return;
  taken.delete(scope);
  if (Reflect.get(scope, 'WebSocket') !== WebSocket) return;
  if (known.before === undefined) Reflect.deleteProperty(scope, 'WebSocket');
  else Object.defineProperty(scope, 'WebSocket', known.before);
}
