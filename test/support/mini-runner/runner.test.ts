// The runner for other places reports failures: a run that always passes would test nothing.

import { beforeAll, expect, test } from 'vitest';
import { importBundle } from './bundle.ts';
import type * as program from './failing.program.ts';

let run: typeof program.run;

beforeAll(async () => {
  ({ run } = (await importBundle('test/support/mini-runner/failing.program.ts')) as typeof program);
});

test('outcomes name what passed, what failed and why, and what was left out', async () => {
  expect(await run([])).toEqual([
    { name: 'suite > hooks and declarations', state: 'fail', error: expect.stringContaining('in a hook') as string },
    { name: 'suite > passes', state: 'pass' },
    { name: 'suite > expects in vain', state: 'fail', error: expect.stringContaining('expected 1 to be 2') as string },
    { name: 'suite > passes on a second try', state: 'pass', error: expect.stringContaining('expected 1 to be 2') as string },
    { name: 'suite > throws', state: 'fail', error: expect.stringContaining('in a test') as string },
    { name: 'suite > is left out', state: 'skip' },
  ]);
});

test('tests are left out by name', async () => {
  const outcomes = await run(['expects in vain', 'throws']);
  expect(outcomes.filter(({ state }) => state === 'skip').map(({ name }) => name)).toEqual([
    'suite > expects in vain',
    'suite > throws',
    'suite > is left out',
  ]);
});
