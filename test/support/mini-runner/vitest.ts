// The functions of vitest that the contract imports, for places where vitest itself cannot run: a browser's page and a worker. The same runner and
// the same matchers, without the process around them. Bundles name this file in the place of `vitest`.

import { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import { getCurrentTest, startTests, type File, type Task, type VitestRunner, type VitestRunnerConfig } from '@vitest/runner';
import type * as Vitest from 'vitest';
import { SECOND_TRY } from '../../tools/second-try.ts';
import { PATIENCE } from '../patience.ts';
import type { Outcome } from './report.ts';

export { afterAll, afterEach, beforeAll, beforeEach, describe, test } from '@vitest/runner';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

function expectOf(value: unknown, message?: string): unknown {
  const assertion = chai.expect(value, message) as unknown as { withTest(test: unknown): unknown };
  return assertion.withTest(getCurrentTest());
}

export const expect: typeof Vitest.expect = Object.assign(expectOf, chai.expect) as unknown as typeof Vitest.expect;

const CONFIG: VitestRunnerConfig = {
  root: '/',
  setupFiles: [],
  name: undefined,
  passWithNoTests: false,
  testNamePattern: undefined,
  allowOnly: false,
  sequence: { seed: 0, hooks: 'stack', setupFiles: 'parallel' },
  chaiConfig: undefined,
  maxConcurrency: 1,
  testTimeout: 2 * PATIENCE,
  hookTimeout: 2 * PATIENCE,
  retry: SECOND_TRY,
  includeTaskLocation: false,
  tags: [],
  tagsFilter: undefined,
  strictTags: false,
};

/**
 * Runs the tests that `declare` declares.
 *
 * @param without Names of tests to leave out, or the beginnings of names.
 */
export async function runTests(declare: () => void | Promise<void>, without: readonly string[] = []): Promise<Outcome[]> {
  const names = without.map((name) => name.replace(/[^\w\s]/g, '\\$&')).join('|');
  const testNamePattern = without.length > 0 ? new RegExp(`^(?!.*(?:${names}))`) : undefined;
  const runner: VitestRunner = { config: { ...CONFIG, testNamePattern }, pool: 'mini', importFile: () => declare() };
  const files = await startTests(['contract'], runner);
  return files.flatMap((file) => [...failureOf(file), ...file.tasks.flatMap((task) => outcomesOf(task, []))]);
}

/** A suite that fails outside of its tests, in a hook for example, is an outcome as well. */
function failureOf(suite: File | Task, path: readonly string[] = []): Outcome[] {
  if (suite.result?.state !== 'fail' || !suite.result.errors?.length) return [];
  return [{ name: [...path, 'hooks and declarations'].join(' > '), state: 'fail', error: messageOf(suite) }];
}

function outcomesOf(task: Task, above: readonly string[]): Outcome[] {
  const path = [...above, task.name];
  if (task.type === 'suite') return [...failureOf(task, path), ...task.tasks.flatMap((child) => outcomesOf(child, path))];
  const name = path.join(' > ');
  if (task.mode === 'skip' || task.mode === 'todo') return [{ name, state: 'skip' }];
  if (task.result?.state !== 'pass') return [{ name, state: 'fail', error: messageOf(task) }];
  return [{ name, state: 'pass', ...(task.result.errors?.length && { error: messageOf(task) }) }];
}

function messageOf(task: File | Task): string {
  const errors = task.result?.errors ?? [];
  return errors.map(({ message, stack }) => [message, stack].join('\n')).join('\n\n') || 'It did not run';
}
