// Runs in a page: the contract and the helpers, with our entry point for browsers as the client.

import * as entry from '../../../adapters/browser/w3c.ts';
import { describeContract } from '../../contract/contract.ts';
import type { ClientSocket } from '../../contract/endpoint.ts';
import { plannedRuntime, type RunPlan } from '../../support/mini-runner/plan.ts';
import type { Outcome } from '../../support/mini-runner/report.ts';
import { runTests } from '../../support/mini-runner/vitest.ts';
import { describeHelpers, type HelpedSocket } from '../../support/w3c-helpers.ts';

/** What the test calls. */
interface Program {
  run(plan: RunPlan): Promise<Outcome[]>;
}

const program: Program = {
  run: (plan) =>
    runTests(() => {
      const runtime = plannedRuntime(plan);
      describeContract({
        ...runtime,
        createW3CClient: (url, protocols) => new entry.WebSocket(url, protocols) as unknown as ClientSocket,
      });
      describeHelpers({
        name: "the browser's class",
        helpers: entry,
        create: (url): HelpedSocket => new globalThis.WebSocket(url),
        createServer: () => runtime.createServer({} as Parameters<typeof runtime.createServer>[0]),
      });
    }),
};
Object.assign(globalThis, { program });
