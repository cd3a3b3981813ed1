// The contract on Node: our clients and our server.

import { ourClients, ourDeflatingServer, ourServer, pair } from '../support/peers.ts';
import { describeContract } from './contract.ts';

describeContract(pair(ourClients, ourServer));
describeContract(pair(ourClients, ourDeflatingServer));
