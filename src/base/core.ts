// A public object stores its state, its core, in one symbol-keyed property.
//
// A private field of the public class would be missing on objects that stand for it: a Proxy, Vue's `reactive(object)`,
// `Object.create(object)`, an instance that a test library stubs. A property is found through all of them, and a symbol cannot collide with
// a name that a program or its subclass uses.

const CORE: unique symbol = Symbol('core');

/** Gives a public object its core. Not enumerable, so that copies, comparisons and print-outs ignore it. */
export function keepCore(object: object, core: object): void {
  Object.defineProperty(object, CORE, { value: core });
}

/** The core of a public object; undefined for one that has only the prototype of its class. */
export function findCore(object: object): object | undefined {
  return (object as { readonly [CORE]?: object })[CORE];
}

/**
 * The core of a public object, for members that need it.
 *
 * @throws {TypeError} for an object that has only the prototype of its class.
 */
export function requireCore(object: object): object {
  const core = findCore(object);
  if (core === undefined) throw new TypeError('The constructor has not run for this object');
  return core;
}

/**
 * Marks a class of cores. Libraries such as Vue wrap plain objects, which they recognize by this tag. A wrapped core would have no private
 * fields.
 */
export function markCores(constructor: { readonly prototype: object }, name: string): void {
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { value: name });
}
