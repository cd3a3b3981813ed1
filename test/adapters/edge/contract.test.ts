// The contract in workerd: our client there, our server here.

import { OUR_PARAMETERS } from '../../contract/runtime.ts';
import { expect, test } from 'vitest';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { declareOutcomes, type Outcome, whereInstalled } from '../../support/mini-runner/report.ts';
import type { RunPlan } from '../../support/mini-runner/plan.ts';
import { startServers } from '../../support/mini-runner/servers.ts';
import { hasWorkerd, startWorker, type RunningWorker, type WorkerPlan } from '../../support/mini-runner/workerd.ts';
import { certificate } from '../../support/certificates.ts';
import { ourSecureServer } from '../../support/mini-runner/secure-server.ts';
import type { ServerPeer } from '../../support/pair.ts';
import { ourDeflatingServer, ourServer } from '../../support/peers.ts';

const CAPABILITIES = {
  headers: true,
  clientNamesFault: true,
  serverNamesFault: true,
  clientRepeatsReason: true,
  clientWritesAfterTurn: true,
  clientReadsToTheEnd: true,
};

/** Runs the contract in a worker, against servers of `peer`. */
async function runIn(worker: RunningWorker, peer: ServerPeer, extensions: string): Promise<Outcome[]> {
  const servers = await startServers(peer);
  const extensionParameters = extensions === '' ? '' : OUR_PARAMETERS;
  const plan: RunPlan = {
    name: 'contract',
    capabilities: { ...CAPABILITIES, extensions, extensionParameters },
    urls: servers.urls,
  };
  try {
    const response = await fetch(`http://127.0.0.1:${worker.port}/`, { method: 'POST', body: JSON.stringify(plan) });
    if (!response.ok) throw new Error(`${await response.text()}\n${worker.output()}`);
    return (await response.json()) as Outcome[];
  } finally {
    await servers.close();
  }
}

async function workerOf(program: string, settings: Partial<WorkerPlan> = {}): Promise<RunningWorker> {
  return await startWorker({
    files: { 'worker.js': await bundle(program), ...moduleFiles() },
    certificate,
    ...settings,
  });
}

await whereInstalled('workerd', hasWorkerd, async () => {
  const plain = await workerOf('test/adapters/edge/client.program.ts');
  const compatible = await workerOf('test/adapters/edge/compat-clients.program.ts', { flags: ['nodejs_compat'] });
  try {
    const runs = [
      { name: 'W3C client in workerd × our server', worker: plain, peer: ourServer },
      { name: 'W3C client in workerd × our server over TLS', worker: plain, peer: ourSecureServer },
      { name: 'clients in workerd × our server', worker: compatible, peer: ourServer },
      { name: 'clients in workerd × our server with permessage-deflate', worker: compatible, peer: ourDeflatingServer },
    ];
    for (const { name, worker, peer } of runs) {
      declareOutcomes(name, 30, await runIn(worker, peer, peer.takesDeflate ? 'permessage-deflate' : ''));
    }
    const reports = plain.output() + compatible.output();
    test('no error went unheard in workerd', () =>
      expect(reports.split('\n').filter((line) => line.includes('uncaught'))).toEqual([]));
  } finally {
    await Promise.all([plain.close(), compatible.close()]);
  }
});
