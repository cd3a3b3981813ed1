// Runs in a page: the rules of the W3C class, with our entry point for browsers.

import { WebSocket } from '../../../adapters/browser/w3c.ts';
import { describeRules } from '../../conformance/w3c/tests.ts';
import type { Outcome } from '../../support/mini-runner/report.ts';
import { runTests } from '../../support/mini-runner/vitest.ts';

/** What the test calls. */
interface Program {
  run(url: string): Promise<Outcome[]>;
}

const program: Program = {
  run: (url) => runTests(() => describeRules({ name: 'W3C class', WebSocket, url, isNative: true, deflates: true })),
};
Object.assign(globalThis, { program });
