import { describe, expect, test } from 'vitest';
import { bundle } from '../../support/mini-runner/bundle.ts';
import { hasChromium, startChromium } from '../../support/mini-runner/chromium.ts';
import { EXPECTED } from '../../support/raw-deflate.ts';

describe.runIf(hasChromium)('wasock/deflate in a page', () => {
  test('compresses and decompresses', async () => {
    const program = await bundle('test/adapters/browser/raw-deflate.program.ts', { format: 'iife', platform: 'browser' });
    expect(program).not.toContain('node:');
    const browser = await startChromium();
    try {
      const page = await browser.newPage();
      await page.evaluate(program);
      expect(await page.evaluate('program.use()')).toEqual(EXPECTED);
    } finally {
      await browser.close();
    }
  });
});
