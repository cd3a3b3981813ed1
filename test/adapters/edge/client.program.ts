// A worker that runs the contract with our W3C client, without any Node.js module, and answers with the outcomes.

import { edgeCodec } from '../../../adapters/edge/codec.ts';
import { WebSocket } from '../../../adapters/edge/w3c.ts';
import { describeContract } from '../../contract/contract.ts';
import type { ClientSocket } from '../../contract/endpoint.ts';
import { plannedRuntime, type RunPlan } from '../../support/mini-runner/plan.ts';
import { expect, runTests, test } from '../../support/mini-runner/vitest.ts';

export default {
  async fetch(request: Request): Promise<Response> {
    const plan = (await request.json()) as RunPlan;
    const outcomes = await runTests(() => {
      test('the codec is the compiled module', () => {
        expect(edgeCodec().kernel.name).toBe('wasm-simd');
      });
      describeContract({
        ...plannedRuntime(plan),
        createW3CClient: (url, protocols, options) => new WebSocket(url, protocols, options) as unknown as ClientSocket,
      });
    });
    return Response.json(outcomes);
  },
};
