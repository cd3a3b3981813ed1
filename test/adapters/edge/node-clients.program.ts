// Runs on Node.js: the contract with our two clients here, against a server elsewhere.

import { describeContract } from '../../contract/contract.ts';
import { ourClients } from '../../support/peers.ts';
import { plannedRuntime, type RunPlan } from '../../support/mini-runner/plan.ts';
import type { Outcome } from '../../support/mini-runner/report.ts';
import { runTests } from '../../support/mini-runner/vitest.ts';

export function run(plan: RunPlan): Promise<Outcome[]> {
  return runTests(() => describeContract({ ...ourClients, ...plannedRuntime(plan) }), plan.without);
}
