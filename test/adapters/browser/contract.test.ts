// The contract and the helpers in Chromium: its own WebSocket, through our entry point, and our server here.

import { OUR_PARAMETERS } from '../../contract/runtime.ts';
import { bundle } from '../../support/mini-runner/bundle.ts';
import { hasChromium, startChromium } from '../../support/mini-runner/chromium.ts';
import type { RunPlan } from '../../support/mini-runner/plan.ts';
import { declareOutcomes, type Outcome, whereInstalled } from '../../support/mini-runner/report.ts';
import { startServers } from '../../support/mini-runner/servers.ts';
import type { ServerPeer } from '../../support/pair.ts';
import { ourDeflatingServer, ourServer } from '../../support/peers.ts';

const CAPABILITIES = {
  headers: false,
  // It answers text that is no UTF-8 with 1002.
  clientNamesFault: false,
  serverNamesFault: true,
  clientRepeatsReason: true,
  clientWritesAfterTurn: true,
  clientReadsToTheEnd: true,
};

/** Runs the contract in a page, against servers of `peer`. */
async function runIn(page: { evaluate<Result>(script: string): Promise<Result> }, peer: ServerPeer): Promise<Outcome[]> {
  const servers = await startServers(peer);
  const extensions = peer.takesDeflate ? 'permessage-deflate' : '';
  const extensionParameters = peer.takesDeflate ? OUR_PARAMETERS : '';
  const plan: RunPlan = {
    name: 'contract',
    capabilities: { ...CAPABILITIES, extensions, extensionParameters },
    urls: servers.urls,
  };
  try {
    return await page.evaluate<Outcome[]>(`program.run(${JSON.stringify(plan)})`);
  } finally {
    await servers.close();
  }
}

await whereInstalled('Chromium', hasChromium, async () => {
  const program = await bundle('test/adapters/browser/program.ts', { format: 'iife', platform: 'browser' });
  const browser = await startChromium();
  try {
    const page = await browser.newPage();
    await page.evaluate(program);
    for (const peer of [ourServer, ourDeflatingServer]) declareOutcomes(`Chromium × ${peer.name}`, 38, await runIn(page, peer));
  } finally {
    await browser.close();
  }
});
