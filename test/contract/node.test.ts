// The contract on Node: our clients and our server.

import { pair } from '../support/pair.ts';
import { ourClients, ourDeflatingServer, ourServer } from '../support/peers.ts';
import { describeContract } from './contract.ts';

describeContract(pair(ourClients, ourServer));
describeContract(pair(ourClients, ourDeflatingServer));
