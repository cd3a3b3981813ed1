// The page around a client: whether it is online, and whether it is shown. Other runtimes have neither.

interface Target {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

interface Scope extends Partial<Target> {
  readonly navigator?: { readonly onLine?: boolean };
  readonly document?: Target & { readonly visibilityState?: string };
}

const scope = globalThis as unknown as Scope;

/** Whether the browser says that it has no network. */
export function isOffline(): boolean {
  return scope.navigator?.onLine === false;
}

/**
 * Calls `onChange` when the browser comes online or goes offline, and when its page is shown.
 *
 * @returns A function that ends it.
 */
export function watchSurroundings(onChange: () => void): () => void {
  // Only browsers and their workers know the property, and have these events.
  if (typeof scope.navigator?.onLine !== 'boolean') return () => {};
  const onVisibility = (): void => {
    if (scope.document?.visibilityState === 'visible') onChange();
  };
  scope.addEventListener?.('online', onChange);
  scope.addEventListener?.('offline', onChange);
  scope.document?.addEventListener('visibilitychange', onVisibility);
  return () => {
    scope.removeEventListener?.('online', onChange);
    scope.removeEventListener?.('offline', onChange);
    scope.document?.removeEventListener('visibilitychange', onVisibility);
  };
}
