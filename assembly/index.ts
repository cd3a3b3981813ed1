// The module's exports, and nothing else. No imports, no start function; docs/architecture.md has the memory map.

export { decode } from "./decode";
export { encodeFrame } from "./encode";
export { mask } from "./mask";
export { validate } from "./utf8";
