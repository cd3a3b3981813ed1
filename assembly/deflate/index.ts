// The exports of the DEFLATE module, and nothing else. No imports, no start function; docs/architecture.md has the memory map.

export {
  deflate,
  historyEnd,
  historyLength,
  makeRoom,
  prepareDeflate,
  restoreBits,
  selectContext,
  startDeflate,
  suspendDeflate,
  takeBits,
  takeOutput,
} from './deflate';
export { inflate, prepareInflate, restoreInflate } from './inflate';
