// The contract between our server and the clients of others.

import { describeContract } from '../../contract/contract.ts';
import { pair } from '../../support/pair.ts';
import { otherClients, ourDeflatingServer, ourServer } from '../../support/peers.ts';

for (const client of otherClients) {
  describeContract(pair(client, ourServer));
  describeContract(pair(client, ourDeflatingServer));
}
