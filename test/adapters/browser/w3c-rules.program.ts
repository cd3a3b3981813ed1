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
  run: (url) =>
    runTests(() =>
      // Chromium's own class loses 'a,b,c' in one of 300 connections that are reset and send, on a machine with more work than cores.
      describeRules({ name: 'W3C class', WebSocket, url, isNative: true, deflates: true, dropsOnFailedWrite: true }),
    ),
};
Object.assign(globalThis, { program });
