// The memory map of assembly/deflate/layout.ts: its regions do not overlap, and docs/architecture.md shows them as they are.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as layout from '../../../../assembly/deflate/layout.ts';

const FIRST = layout.FIRST_CONTEXT;

/** Every region, in the order of the map. The last part of each, with its size, gives the end. */
const REGIONS: readonly (readonly [name: string, start: number, end: number])[] = [
  ['static data', 0, 2048],
  ['state block of the inflater', layout.INFLATE_STATE, layout.INFLATE_STATE + 4 * layout.INFLATE_STATE_WORDS],
  ['code lengths', layout.CODE_LENGTHS, layout.CODE_LENGTHS + layout.CODE_LENGTHS_BYTES],
  ['fixed tables of the inflater', layout.FIXED_LITERAL_TABLE, layout.DISTANCE_ENTRIES + 4 * 32],
  ['input of the inflater', layout.INFLATE_IN, layout.INFLATE_IN + layout.INFLATE_IN_BYTES + layout.INFLATE_IN_SLACK],
  ['output of the inflater', layout.INFLATE_OUT, layout.INFLATE_OUT + layout.INFLATE_OUT_BYTES + layout.INFLATE_OUT_SLACK],
  ['symbols', layout.LENGTH_SYMBOLS, layout.RUN_CODES + 4 * 32],
  ['tokens', layout.TOKENS, layout.TOKENS + 4 * layout.TOKENS_MAXIMUM],
  ['output of the deflater', layout.DEFLATE_OUT, layout.DEFLATE_OUT + layout.DEFLATE_OUT_BYTES],
  ["state of the deflater's contexts", layout.CONTEXT_STATES, layout.CONTEXT_STATES + 32 * layout.CONTEXTS],
  ['hash tables of the first context', FIRST + layout.HASHES, FIRST + layout.CHAINS + 2 * layout.WINDOW_BYTES],
  [
    'its data',
    FIRST + layout.DEFLATE_DATA,
    FIRST + layout.DEFLATE_DATA + layout.DEFLATE_DATA_BYTES + layout.DEFLATE_DATA_SLACK,
  ],
  ['the other contexts', FIRST + layout.CONTEXT_BYTES, FIRST + layout.CONTEXTS * layout.CONTEXT_BYTES],
  ['work space', layout.HUFFMAN_WORK, layout.HUFFMAN_WORK + layout.HUFFMAN_WORK_BYTES],
  ['tables of the inflater', layout.LITERAL_TABLE, layout.DISTANCE_TABLE + layout.DISTANCE_TABLE_BYTES],
];

describe('the memory map of DEFLATE', () => {
  it('has regions that follow each other without overlap, inside of the memory', () => {
    let last = 0;
    for (const [name, start, end] of REGIONS) {
      expect(start, name).toBeGreaterThanOrEqual(last);
      expect(end, name).toBeGreaterThan(start);
      last = end;
    }
    expect(last).toBeLessThanOrEqual(layout.DEFLATE_PAGES * layout.PAGE_BYTES);
  });

  it('aligns the tables and words that the module reads as words', () => {
    for (const [name, address] of Object.entries(layout)) {
      if (/_(?:TABLE|STATE|COUNTS|CODES|ENTRIES)$/.test(name) && address > 1000) expect(address % 4, name).toBe(0);
    }
  });

  it('is the one in docs/architecture.md', () => {
    const text = readFileSync(new URL('../../../../docs/architecture.md', import.meta.url), 'utf8');
    const [, section] = text.split('\n## Compression\n');
    const rows = [...section.split('\n## ')[0].matchAll(/^\| ([\d,]+) +\| ([\d,]+) +\|/gm)].map((row) => {
      const [start, size] = row.slice(1).map((number) => Number(number.replaceAll(',', '')));
      return [start, start + size];
    });
    const end = layout.DEFLATE_PAGES * layout.PAGE_BYTES;
    expect(rows).toEqual([...REGIONS.map(([, ...range]) => range), [REGIONS.at(-1)![2], end]]);
  });
});
