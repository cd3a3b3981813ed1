// permessage-deflate between Chromium and our server at each window.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from '../../../adapters/node/index.ts';
import { bundle } from '../../support/mini-runner/bundle.ts';
import { hasChromium, startChromium } from '../../support/mini-runner/chromium.ts';
import { parametersOf, WINDOW_SETTINGS, windowOptions } from '../../support/window-matrix.ts';
import { startEcho } from '../../support/window-pairs.ts';

describe.runIf(hasChromium)('Chromium', () => {
  let browser: Awaited<ReturnType<typeof startChromium>>;
  let page: Awaited<ReturnType<typeof browser.newPage>>;
  beforeAll(async () => {
    const program = await bundle('test/adapters/browser/compression.program.ts', { format: 'iife', platform: 'browser' });
    browser = await startChromium();
    page = await browser.newPage();
    await page.evaluate(program);
  });
  afterAll(() => browser.close());

  describe.each(WINDOW_SETTINGS)('$name', (setting) => {
    test.each(['wasm', 'zlib'] as const)('exchanges messages with our server, engine %s', async (engine) => {
      const { url, agreed } = await startEcho(WebSocketServer, { ...windowOptions(setting), engine });
      expect(await page.evaluate(`program.exchange(${JSON.stringify(url)})`)).toEqual([]);
      expect(agreed()).toEqual(['permessage-deflate', ...parametersOf(setting)].sort());
    });
  });
});
