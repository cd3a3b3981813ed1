// Conversions of JavaScript values, and the shape of an interface: https://webidl.spec.whatwg.org.

/** `DOMString`. @throws {TypeError} for a symbol, and for an object that cannot become a string. */
export function toDomString(value: unknown): string {
  return typeof value === 'string' ? value : ''.concat(value as string);
}

/** `USVString`: a lone surrogate becomes U+FFFD. @throws {TypeError} as {@link toDomString} does. */
export function toUsvString(value: unknown): string {
  const text = toDomString(value);
  return LONE_SURROGATE.test(text) ? text.replace(LONE_SURROGATES, '\ufffd') : text;
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const LONE_SURROGATES = /\p{Surrogate}/gu;

/** A number as ECMAScript converts it; `Number()` takes a BigInt, WebIDL does not. @throws {TypeError} for a BigInt or a symbol. */
function toNumber(value: unknown): number {
  return Math.max(value as number);
}

/** `boolean` */
export function toBoolean(value: unknown): boolean {
  return Boolean(value);
}

/** `unsigned short`: modulo 65,536. @throws {TypeError} as {@link toNumber} does. */
export function toUnsignedShort(value: unknown): number {
  return toNumber(value) & 0xffff;
}

/** `[Clamp] unsigned short`. Halves round to even. @throws {TypeError} as {@link toNumber} does. */
export function clampToUnsignedShort(value: unknown): number {
  const number = toNumber(value);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 65535);
  const floor = Math.floor(clamped);
  const rest = clamped - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * Gives `Class` the shape of the interface `name`: members that can be enumerated, which those of ECMAScript classes cannot, a tag, and the
 * name itself, which bundlers change.
 */
export function exposeInterface(Class: { readonly prototype: object }, name: string): void {
  const { prototype } = Class;
  for (const member of Object.getOwnPropertyNames(prototype)) {
    if (member !== 'constructor') Object.defineProperty(prototype, member, { enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(Class, 'name', { value: name, configurable: true });
}
