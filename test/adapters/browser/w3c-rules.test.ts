// The rules of the W3C class in Chromium, whose class is the native one.

import { startWireServer } from '../../conformance/w3c/wire.ts';
import { bundle } from '../../support/mini-runner/bundle.ts';
import { hasChromium, startChromium } from '../../support/mini-runner/chromium.ts';
import { declareOutcomes, type Outcome, whereInstalled } from '../../support/mini-runner/report.ts';

await whereInstalled('Chromium', hasChromium, async () => {
  const program = await bundle('test/adapters/browser/w3c-rules.program.ts', { format: 'iife', platform: 'browser' });
  const browser = await startChromium();
  const server = await startWireServer();
  try {
    const page = await browser.newPage();
    await page.evaluate(program);
    declareOutcomes('W3C class in Chromium', 100, await page.evaluate<Outcome[]>(`program.run(${JSON.stringify(server.url)})`));
  } finally {
    await Promise.all([browser.close(), server.close()]);
  }
});
