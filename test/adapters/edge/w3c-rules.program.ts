// A worker that runs the rules of the W3C class, as a client, and answers with the outcomes.

import { WebSocket } from '../../../adapters/edge/w3c.ts';
import { describeRules } from '../../conformance/w3c/tests.ts';
import { runTests } from '../../support/mini-runner/vitest.ts';

export default {
  async fetch(request: Request): Promise<Response> {
    const { url, secureUrl } = (await request.json()) as { url: string; secureUrl: string };
    const outcomes = await runTests(() =>
      describeRules({
        name: 'W3C class',
        WebSocket,
        url,
        secure: { url: secureUrl, options: {} },
        isNative: false,
        deflates: false,
        // failed-write.test.ts shows it without this library.
        dropsOnFailedWrite: true,
      }),
    );
    return Response.json(outcomes);
  },
};
