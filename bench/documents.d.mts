export type Table = readonly [head: readonly string[], rows: readonly (readonly string[])[]];

/** The table of Node.js, from bench/results/latest.json. */
export declare function figuresOfNode(): Table;
/** The table of a runtime with a WebSocket server of its own. */
export declare function figuresBesideNative(runtime: 'bun' | 'deno'): Table;
/** The table of README.md. */
export declare function figuresInShort(): Table;
