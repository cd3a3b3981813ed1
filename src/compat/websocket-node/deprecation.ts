// Warnings about names that programs should not use any more, each once.

const DEFAULT_WARNINGS: Readonly<Record<string, string>> = {
  websocketVersion: '`websocketVersion` is deprecated: use `webSocketVersion`.',
};

const shown = new Set<string>();

/** What can be set and read about warnings. */
export interface Deprecation {
  /** Whether nothing is printed. Default false. */
  disableWarnings: boolean;
  /** Texts by name. A name without a text is never warned about. */
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
    // oxlint-disable-next-line no-console -- Where programs look for it, as with WebSocket-Node.
    console.warn(`DEPRECATION WARNING: ${text}`);
  },
};
