import { describe, expect, test } from 'vitest';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { hasWorkerd, startWorker } from '../../support/mini-runner/workerd.ts';
import { EXPECTED } from '../../support/raw-deflate.ts';

describe.runIf(hasWorkerd)('wasock/deflate in a worker', () => {
  test('compresses and decompresses without the flag nodejs_compat', async () => {
    const code = await bundle('test/adapters/edge/raw-deflate.program.ts', { minify: true });
    expect(code).not.toContain('node:');
    const worker = await startWorker({ files: { 'worker.js': code, ...moduleFiles() } });
    try {
      const response = await fetch(`http://127.0.0.1:${worker.port}/`);
      expect(await response.json()).toEqual(EXPECTED);
    } finally {
      await worker.close();
    }
  });
});
