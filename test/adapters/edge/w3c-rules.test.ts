// The rules of the W3C class in workerd.

import { startWireServer } from '../../conformance/w3c/wire.ts';
import { authority } from '../deno/certificates.ts';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { declareOutcomes, type Outcome, whereInstalled } from '../../support/mini-runner/report.ts';
import { hasWorkerd, startWorker } from '../../support/mini-runner/workerd.ts';

await whereInstalled('workerd', hasWorkerd, async () => {
  const files = { 'worker.js': await bundle('test/adapters/edge/w3c-rules.program.ts'), ...moduleFiles() };
  const worker = await startWorker({ files, certificate: authority });
  const [server, secureServer] = [await startWireServer(), await startWireServer({ isSecure: true })];
  try {
    const body = JSON.stringify({ url: server.url, secureUrl: secureServer.url });
    const response = await fetch(`http://127.0.0.1:${worker.port}/`, { method: 'POST', body });
    if (!response.ok) throw new Error(`${await response.text()}\n${worker.output()}`);
    declareOutcomes('W3C class in workerd', 140, (await response.json()) as Outcome[]);
  } finally {
    await Promise.all([server.close(), secureServer.close(), worker.close()]);
  }
});
