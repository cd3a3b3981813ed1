// The contract on Bun: our clients and our server over Bun.connect and Bun.listen.

import { describeContract } from '../../contract/contract.ts';
import { pair } from '../../support/pair.ts';
import { bunClients, bunDeflatingServer, bunDeflatingTlsServer, bunServer, bunTlsServer } from './peers.ts';

describeContract(pair(bunClients, bunServer));
describeContract(pair(bunClients, bunTlsServer));
describeContract(pair(bunClients, bunDeflatingServer));
describeContract(pair(bunClients, bunDeflatingTlsServer));
