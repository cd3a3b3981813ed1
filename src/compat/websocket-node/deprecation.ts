// Warnings about deprecated names. Each is printed once.

const DEFAULT_WARNINGS: Readonly<Record<string, string>> = {
  websocketVersion: '`websocketVersion` is deprecated: use `webSocketVersion`.',
};

const shown = new Set<string>();

/** Settings of the warnings. */
export interface Deprecation {
  /** Whether warnings are off. Default false. */
  disableWarnings: boolean;
  /** Texts by name. A name without a text has no warning. */
  readonly deprecationWarningMap: Record<string, string>;
  /** Prints the text that belongs to `deprecationName`, once. */
  warn(deprecationName: string): void;
}

export const deprecation: Deprecation = {
  disableWarnings: false,
  deprecationWarningMap: { ...DEFAULT_WARNINGS },
  warn(deprecationName) {
    const text = this.deprecationWarningMap[deprecationName];
    if (this.disableWarnings || !text || shown.has(deprecationName)) return;
    shown.add(deprecationName);
    // oxlint-disable-next-line no-console -- WebSocket-Node prints there as well.
    console.warn(`DEPRECATION WARNING: ${text}`);
  },
};
