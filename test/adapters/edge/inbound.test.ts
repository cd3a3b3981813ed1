// The contract with a worker as the server: `upgrade()` in workerd, our clients here. Both negotiate permessage-deflate.

import { bundle, moduleFiles, importBundle } from '../../support/mini-runner/bundle.ts';
import { declareOutcomes, whereInstalled } from '../../support/mini-runner/report.ts';
import { hasWorkerd, startWorker } from '../../support/mini-runner/workerd.ts';
import type * as program from './node-clients.program.ts';

const CAPABILITIES = {
  headers: true,
  clientNamesFault: false,
  serverNamesFault: false,
  clientRepeatsReason: true,
  clientWritesAfterTurn: true,
  clientReadsToTheEnd: true,
  extensions: 'permessage-deflate',
};
/** A native WebSocket sends no Pings and cannot be cut; and workerd's answer to an offer of compression has a parameter. */
const WITHOUT = [
  'joins fragments, with a Ping between them',
  'answers a Ping with its payload',
  'sends Pings and Pongs with their payload',
  'receives a Ping',
  'sees 1006 when the server goes away',
  'messages, Pings and Pongs have memory that no other connection has',
  'a Pong carries what its Ping said, whatever the program does with the payload',
  "'W3C-style client' has no subprotocol without an offer",
];

await whereInstalled('workerd', hasWorkerd, async () => {
  const files = { 'worker.js': await bundle('test/adapters/edge/server.program.ts'), ...moduleFiles() };
  const { run } = (await importBundle('test/adapters/edge/node-clients.program.ts')) as typeof program;
  // The compatibility date decides who answers Close frames, and what binaryType is at first.
  for (const compatibilityDate of ['2024-10-01', '2026-10-01']) {
    const worker = await startWorker({ files, flags: ['nodejs_compat'], compatibilityDate });
    try {
      const urls = { 0: `ws://127.0.0.1:${worker.port}` };
      const plan = { name: 'contract', capabilities: CAPABILITIES, urls, without: WITHOUT };
      declareOutcomes(`our clients × upgrade() in workerd of ${compatibilityDate}`, 60, await run(plan));
    } finally {
      await worker.close();
    }
  }
});
