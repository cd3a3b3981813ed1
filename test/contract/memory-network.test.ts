// The contract over the network of the test kit: connections in memory behave as those over sockets.

import { pair } from '../support/pair.ts';
import { deflatingMemoryServer, kitClient, memoryClients, memoryServer } from '../support/memory-peers.ts';
import { describeContract } from './contract.ts';

describeContract(pair(kitClient, memoryServer));
describeContract(pair(memoryClients, deflatingMemoryServer));
