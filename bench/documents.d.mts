export type Table = readonly [head: readonly string[], rows: readonly (readonly string[])[]];

/** The table of Node.js, from bench/results/latest.json. */
export declare function figuresOfNode(): Table;
/** The table of uWebSockets.js and of a bare socket, from the same file. */
export declare function figuresBesideUws(): Table;
/** The points of the curves over connections and sizes, from bench/results/curves/. */
export declare function figuresOfCurves(): Table;
/** The memory of an idle connection with compression on each runtime, from bench/results/memory/. */
export declare function figuresOfMemory(): Table;
/** The table of a runtime with a WebSocket server of its own. */
export declare function figuresBesideNative(runtime: 'bun' | 'deno'): Table;
/** The table of README.md. */
export declare function figuresInShort(): Table;
