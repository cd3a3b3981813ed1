// The contract on Deno: our clients and our server, over TCP, TLS and a Unix domain socket.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeContract } from '../../contract/contract.ts';
import { authority, certificate, key } from './certificates.ts';
import { denoPair } from './peers.ts';

const folder = mkdtempSync(join(tmpdir(), 'websocket-'));

describeContract(denoPair({ name: 'TCP' }));
describeContract(denoPair({ name: 'TCP with permessage-deflate', deflates: true }));
describeContract(denoPair({ name: 'TLS', server: { tls: { cert: certificate, key } }, tls: { ca: authority } }));
describeContract(denoPair({ name: 'Unix domain socket', folder }));
