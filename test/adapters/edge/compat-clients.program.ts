// A worker that runs the contract with our two clients that need Node.js's modules: the ws-style one, and the W3C one with
// permessage-deflate.

import { enableDeflate } from '../../../adapters/edge/deflate.ts';
import { WebSocket } from '../../../adapters/edge/index.ts';
import { WebSocket as W3CWebSocket } from '../../../adapters/edge/w3c.ts';
import { describeContract } from '../../contract/contract.ts';
import type { ClientSocket, WsStyleSocket } from '../../contract/endpoint.ts';
import { plannedRuntime, type RunPlan } from '../../support/mini-runner/plan.ts';
import { runTests } from '../../support/mini-runner/vitest.ts';

export default {
  async fetch(request: Request): Promise<Response> {
    const plan = (await request.json()) as RunPlan;
    enableDeflate();
    const outcomes = await runTests(() =>
      describeContract({
        ...plannedRuntime(plan),
        createClient: (url, protocols, options) => new WebSocket(url, protocols, options) as unknown as WsStyleSocket,
        createW3CClient: (url, protocols, options) => new W3CWebSocket(url, protocols, options) as unknown as ClientSocket,
      }),
    );
    return Response.json(outcomes);
  },
};
