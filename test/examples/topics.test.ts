// The example of topics in Chromium: servers are killed by the page, and each client has all numbers.

import { afterEach, describe, expect, test } from 'vitest';
import { hasChromium, startChromium } from '../support/mini-runner/chromium.ts';
import { endPrograms, example, NODE, Program } from './run-example.ts';

afterEach(endPrograms);

/** Resolves with the text of the page's status, and the numbers of each panel, once `condition` holds. */
const WHEN = (condition: string): string => `new Promise((resolve) => {
  const look = () => {
    const panels = [...document.querySelectorAll('article')].map((article) => {
      const read = (name) => Number(article.querySelector('.' + name).textContent);
      return { received: read('received'), missing: read('missing'), twice: read('twice'), returns: read('returns'), number: read('number') };
    });
    const status = document.querySelector('[role=status]').textContent;
    if (panels.length === 3 && (${condition})) resolve({ status, panels });
    else setTimeout(look, 20);
  };
  look();
})`;

interface Shown {
  readonly status: string;
  readonly panels: readonly Record<'received' | 'missing' | 'twice' | 'returns' | 'number', number>[];
}

describe.runIf(hasChromium)('page in Chromium', () => {
  test('each client has every number once, although servers are killed', async () => {
    const program = new Program(NODE, [example('topics/server.mjs'), '0', '3']);
    const authority = await program.listens();
    const browser = await startChromium();
    try {
      const page = await browser.newPage();
      await page.goto(`http://${authority}/`);
      await page.evaluate(WHEN('panels.every(({ received }) => received > 5)'));
      for (const index of [0, 1]) {
        await page.evaluate(`document.querySelectorAll('button')[${index}].click()`);
        await page.evaluate(WHEN(`panels[${index}].returns === 1`));
      }
      const now = await page.evaluate<Shown>(WHEN('true'));
      const latest = Math.max(...now.panels.map(({ number }) => number));
      const { status, panels } = await page.evaluate<Shown>(WHEN(`panels.every(({ number }) => number > ${latest + 5})`));
      expect(status).toBe('Nothing is missing, nothing came twice.');
      expect(panels.map(({ missing, twice, returns }) => [missing, twice, returns])).toEqual([
        [0, 0, 1],
        [0, 0, 1],
        [0, 0, 0],
      ]);
      expect(program.errors).toBe('');
    } finally {
      await browser.close();
    }
  });
});
