// The contract between our clients and the servers of others.

import { describeContract } from '../../contract/contract.ts';
import { pair } from '../../support/pair.ts';
import { otherServers, ourClients } from '../../support/peers.ts';

for (const server of otherServers) describeContract(pair(ourClients, server));
