// Runs in a page: the contract, with our entry point for browsers as the client.

import { WebSocket } from '../../../adapters/browser/w3c.ts';
import { describeContract } from '../../contract/contract.ts';
import type { ClientSocket } from '../../contract/endpoint.ts';
import { plannedRuntime, type RunPlan } from '../../support/mini-runner/plan.ts';
import type { Outcome } from '../../support/mini-runner/report.ts';
import { runTests } from '../../support/mini-runner/vitest.ts';

/** What the test calls. */
interface Program {
  run(plan: RunPlan): Promise<Outcome[]>;
}

const program: Program = {
  run: (plan) =>
    runTests(() =>
      describeContract({
        ...plannedRuntime(plan),
        createW3CClient: (url, protocols) => new WebSocket(url, protocols) as unknown as ClientSocket,
      }),
    ),
};
Object.assign(globalThis, { program });
