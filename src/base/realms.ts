// The type of a value from any realm: a vm context, a frame, the sandbox of a test runner. `instanceof` knows only one realm.

const { toString } = Object.prototype;
const typedArrayName = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)!.get as (this: unknown) => string | undefined;
const arrayBufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')!.get as (
  this: unknown,
) => number;

export function isUint8Array(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || typedArrayName.call(value) === 'Uint8Array';
}

/** False for a SharedArrayBuffer. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  if (value instanceof ArrayBuffer) return true;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  try {
    arrayBufferLength.call(value);
    return true;
  } catch {
    return false;
  }
}

export function isSharedArrayBuffer(value: unknown): value is SharedArrayBuffer {
  return toString.call(value) === '[object SharedArrayBuffer]';
}

/** Also true for a DOMException, which `Object.prototype.toString` does not call an Error. */
export function isError(value: unknown): value is Error {
  if (value instanceof Error) return true;
  const tag = toString.call(value);
  return tag === '[object Error]' || tag === '[object DOMException]';
}

/** `value` if it is an error, else an error with its text. */
export function toError(value: unknown): Error {
  if (isError(value)) return value;
  try {
    return new Error(String(value), { cause: value });
  } catch {
    // It cannot be converted, for example Object.create(null).
    return new Error('A value that cannot be converted to a string was thrown', { cause: value });
  }
}

export function isRegExp(value: unknown): value is RegExp {
  return toString.call(value) === '[object RegExp]';
}

/** Members of a Blob. A File has them, and replacements of the class by a library. */
export interface BlobLike {
  readonly size: number;
  readonly type: string;
  arrayBuffer(): Promise<ArrayBuffer>;
  stream(): unknown;
}

export function isBlob(value: unknown): value is BlobLike {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  const { arrayBuffer, stream, type } = value as Partial<BlobLike>;
  const tag: unknown = (value as Record<symbol, unknown>)[Symbol.toStringTag];
  return (
    typeof arrayBuffer === 'function' &&
    typeof stream === 'function' &&
    typeof type === 'string' &&
    (tag === 'Blob' || tag === 'File')
  );
}

/** Whether `value` can be used as an AbortSignal. */
export function isAbortSignal(value: unknown): value is AbortSignalLike {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener } = value as Partial<AbortSignalLike>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

export interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
}
