// A fuzzer's bytes as the values that a target needs. Bytes that are used up read as 0, so every input means something.

const MOST_PIECES = 64;

/** Reads values off the front of an input. */
export class Input {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#data.length;
  }

  byte(): number {
    return this.#at < this.#data.length ? this.#data[this.#at++] : 0;
  }

  flag(): boolean {
    return (this.byte() & 1) === 1;
  }

  of<Value>(values: readonly Value[]): Value {
    return values[this.byte() % values.length];
  }

  /** A number from 0 to 65,535 that is short more often than long: lengths of chunks. */
  length(): number {
    const first = this.byte();
    return first < 0xc0 ? first : (first & 0x3f) * 0x100 + this.byte();
  }

  /** The next bytes: at most `length` of them, and a copy. */
  bytes(length: number): Uint8Array {
    const start = this.#at;
    this.#at = Math.min(this.#data.length, start + length);
    return this.#data.slice(start, this.#at);
  }

  /** All bytes that are left. */
  rest(): Uint8Array {
    return this.bytes(this.#data.length);
  }

  /** `bytes` in chunks: the first `pieces` have lengths that are read here, more have the last of them, and the last one is what is left. */
  *cut(bytes: Uint8Array, pieces: number): Generator<Uint8Array> {
    let at = 0;
    let length = bytes.length;
    for (let piece = 0; at < bytes.length; piece++) {
      if (piece < pieces) length = this.length() || bytes.length;
      else if (piece === MOST_PIECES) length = bytes.length;
      yield bytes.subarray(at, at + length);
      at += length;
    }
  }
}

/** Thrown by a target: what must hold does not. */
export class Finding extends Error {
  override readonly name: string = 'Finding';
}

/** @throws {Finding} unless `holds`. */
export function must(holds: boolean, message: string | (() => string)): asserts holds {
  if (!holds) throw new Finding(typeof message === 'string' ? message : message());
}

/** @throws {Finding} unless both are alike: bytes of any class by their values, the rest member by member. */
export function mustEqual(actual: unknown, expected: unknown, about: string): void {
  if (!isSame(actual, expected)) throw new Finding(`${about}: ${print(actual)}, and not ${print(expected)}`);
}

function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0;
  const [names, others] = [Object.keys(one), Object.keys(other)];
  return (
    names.length === others.length &&
    names.every((name) => isSame((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]))
  );
}

function print(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    member instanceof Uint8Array ? Buffer.from(member).toString('hex') : member,
  );
}
