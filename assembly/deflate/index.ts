// The exports of the DEFLATE module, and nothing else. No imports, no start function; docs/architecture.md has the memory map.

import { prepareDeflate } from './deflate';
import { prepareInflate } from './inflate';

export {
  deflate,
  historyEnd,
  historyLength,
  makeRoom,
  restoreBits,
  selectContext,
  startDeflate,
  suspendDeflate,
  takeBits,
  takeOutput,
} from './deflate';
export { inflate, restoreInflate } from './inflate';

/** Makes the tables that never change. Called once, before all else. */
export function prepare(): void {
  prepareInflate();
  prepareDeflate();
}
