// Where a public object keeps what does its work: in one property, by a symbol.
//
// A private field of the public class would be missing on every object that only stands for it: a Proxy, Vue's `reactive(object)`,
// `Object.create(object)`, an instance that a test library stubs. A property is found through all of them, and no name of ours meets one
// that a program or its subclass uses.

const CORE: unique symbol = Symbol('core');

/** Gives a public object its core. Not enumerable: copies, comparisons and print-outs have no use for it. */
export function keepCore(object: object, core: object): void {
  Object.defineProperty(object, CORE, { value: core });
}

/** The core of a public object; undefined for one that has only the prototype of its class. */
export function findCore(object: object): object | undefined {
  return (object as { readonly [CORE]?: object })[CORE];
}

/**
 * The core of a public object, for members that cannot do without.
 *
 * @throws {TypeError} for an object that has only the prototype of its class.
 */
export function requireCore(object: object): object {
  const core = findCore(object);
  if (core === undefined) throw new TypeError('The constructor has not run for this object');
  return core;
}

/**
 * Marks a class of cores. Libraries that wrap what they hand out, such as Vue, wrap plain objects and go by this tag; a wrapped core would
 * have no private fields.
 */
export function markCores(constructor: { readonly prototype: object }, name: string): void {
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { value: name });
}
