// The bus of one machine, over processes and threads of each runtime. test/buses/local-program.ts is the machine.

import { describe, expect, test } from 'vitest';
import { localBus, localHub } from '../../src/topics/local.ts';
import { startProgram, type ProgramRuntime } from '../support/programs.ts';
import { describeBus } from './bus-rules.ts';
import { KINDS } from './kinds.ts';
import type { Published, Report } from './local-program.ts';

describeBus(KINDS.threads);
describeBus(KINDS.hub);

/** Threads, and processes by the default of node:cluster or with `serialization: 'advanced'`. */
const MACHINES: readonly { readonly runtime: ProgramRuntime; readonly workers: string }[] = [
  { runtime: 'node', workers: 'threads' },
  { runtime: 'node', workers: 'json' },
  { runtime: 'node', workers: 'advanced' },
  { runtime: 'deno', workers: 'threads' },
  { runtime: 'deno', workers: 'advanced' },
  { runtime: 'bun', workers: 'threads' },
  { runtime: 'bun', workers: 'json' },
];

async function run<Result>(runtime: ProgramRuntime, argument: object): Promise<Result> {
  const program = await startProgram('test/buses/local-program.ts', runtime, argument);
  try {
    return JSON.parse(await program.line()) as Result;
  } finally {
    await program.close();
  }
}

/** The messages of one publisher, without those that may be there or not. */
function from(received: readonly string[], name: string, unsure: readonly string[] = []): string[] {
  return received.filter((text) => text.startsWith(`${name} `) && !unsure.includes(text));
}

describe.each(MACHINES)('four workers: $runtime, $workers,', ({ runtime, workers }) => {
  test('get every message once and in one order, when one of them is killed, and a new one recovers all', async () => {
    const { published, reports, observed, recovery } = await run<{
      published: Published[];
      reports: Report[];
      observed: string[];
      recovery: { recovered: boolean; received: string[] };
    }>(runtime, { workers, scenario: 'worker' });
    expect(new Set(observed).size).toBe(observed.length);
    for (const [index, { confirmed, unsure }] of published.entries()) {
      expect([confirmed.length, unsure]).toEqual([300, []]);
      expect(from(observed, `${index}`)).toEqual(confirmed);
    }
    for (const { received, gaps, errors } of reports) {
      // From its subscription on, which was before the first message.
      expect(received).toEqual(observed);
      expect([gaps, errors]).toEqual([[], []]);
    }
    expect(recovery).toEqual({ recovered: true, received: observed });
  });

  test('say that there is a gap when the hub is closed, and go on with the next one', async () => {
    const { before, between, after, reports } = await run<{
      before: Published[];
      between: Published;
      after: Published;
      reports: Report[];
    }>(runtime, { workers, scenario: 'hub' });
    expect([between.confirmed, between.unsure.length]).toEqual([[], 3]);
    expect(after.confirmed).toHaveLength(50);
    for (const { received, gaps, errors } of reports) {
      for (const [index, { confirmed }] of before.entries()) expect(from(received, `${index}`)).toEqual(confirmed);
      expect(from(received, 'again')).toEqual(after.confirmed);
      expect(received).toHaveLength(251);
      expect([gaps, errors.length]).toEqual([['stream'], 1]);
    }
  });
});

test('localHub() and localBus() say where they belong', () => {
  const cluster = { isPrimary: false, on() {}, off() {} };
  expect(() => localHub({ cluster })).toThrow('primary process');
  expect(() => localBus({ cluster: { ...cluster, isPrimary: true } })).toThrow('bus() of localHub()');
  expect(() => localBus({ name: 5 as never })).toThrow('"name" option');
  expect(() => localBus({ cluster: {} as never })).toThrow('cluster.isPrimary');
});
