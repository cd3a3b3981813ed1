import { expect, test } from 'vitest';
import { totals } from '../../../src/base/totals.ts';

test('there are no meters of the process until something loads them', async () => {
  expect(totals).toEqual({ client: null, server: null });
  const { clientMeter, serverMeter } = await import('../../../src/admission/meters.ts');
  expect(totals.client).toBe(clientMeter);
  expect(totals.server).toBe(serverMeter);
});
