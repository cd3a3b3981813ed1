// The contract between our clients on Bun and our servers on the other runtimes.

import { describeContract } from '../../contract/contract.ts';
import { pair } from '../../support/pair.ts';
import type { ProgramRuntime } from '../../support/programs.ts';
import { spawnedServer } from '../../support/spawned-server.ts';
import { bunClients } from './peers.ts';

const runtimes: readonly ProgramRuntime[] = ['node', 'deno'];

for (const runtime of runtimes) {
  describeContract(pair(bunClients, spawnedServer(runtime, false)));
  describeContract(pair(bunClients, spawnedServer(runtime, true)));
}
