// Conversions of JavaScript values: https://webidl.spec.whatwg.org/#js-type-mapping.

/** `DOMString`. @throws {TypeError} for a symbol, and for an object that cannot become a string. */
export function toDomString(value: unknown): string {
  return typeof value === 'string' ? value : ''.concat(value as string);
}

/** `[Clamp] unsigned short`. Halves round to even. */
export function clampToUnsignedShort(value: unknown): number {
  const number = Number(value);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 65535);
  const floor = Math.floor(clamped);
  const rest = clamped - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** Makes the members of an interface's prototype enumerable, as the standards' interfaces are and ECMAScript classes are not. */
export function exposeMembers(prototype: object): void {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name !== 'constructor') Object.defineProperty(prototype, name, { enumerable: true });
  }
}
