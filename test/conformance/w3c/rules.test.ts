// The rules on Node.js, Deno and Bun: each with its own W3C class. workerd and Chromium run them from test/adapters.

import { afterAll } from 'vitest';
import type { WebSocketConstructor } from '../../../src/api/w3c/index.ts';
import { authority } from '../../adapters/deno/certificates.ts';
import { describeRules } from './tests.ts';
import { startWireServer } from './wire.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket } = (await import(`../../../adapters/${runtime}/w3c.ts`)) as { WebSocket: WebSocketConstructor };
const [server, secureServer] = [await startWireServer(), await startWireServer({ isSecure: true })];
afterAll(async () => {
  await Promise.all([server.close(), secureServer.close()]);
});

describeRules({
  name: `W3C class on ${runtime}`,
  WebSocket,
  url: server.url,
  secure: { url: secureServer.url, options: { tls: { ca: authority } } },
  isNative: false,
  deflates: true,
});
