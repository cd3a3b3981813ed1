// Switches of the fast paths. Each path is taken where the runtime has it; a test, or a person in search of a fault, may decide otherwise.
//
// Read once, when a module is loaded, so a switch costs no message anything. docs/architecture.md has the list and an example.

/** docs/architecture.md describes each of them, and its replacement. */
export type FastPath =
  | 'wasm-codec'
  | 'simd'
  | 'direct-read'
  | 'direct-write'
  | 'shared-window'
  | 'shared-frame'
  | 'cached-views'
  | 'net-server'
  | 'short-upgrade';

/** The key of the settings among the globals. They must be there before the library is loaded. */
export const FAST_PATHS: unique symbol = Symbol.for('wasock.fastPaths');

interface Settings {
  /** False: never. True: loading the library fails where the runtime lacks the path. */
  readonly [FAST_PATHS]?: Partial<Record<FastPath, boolean>>;
}

/** Whether to take `path`, which this runtime has if `isPresent`. */
export function takes(path: FastPath, isPresent: boolean = true): boolean {
  const wanted = (globalThis as Settings)[FAST_PATHS]?.[path];
  if (wanted === true && !isPresent) throw new Error(`No ${path} here`);
  return isPresent && wanted !== false;
}
