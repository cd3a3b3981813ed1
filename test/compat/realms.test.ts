// What programs in another realm (a vm context, the sandbox of a test runner) send through the facades: the same bytes.

import { createServer } from 'node:http';
import { runInNewContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from '../../adapters/node/index.ts';
import { Server as ClassicServer } from '../../src/compat/classic/index.ts';
import { route, upgrade } from '../../src/compat/fibjs/index.ts';
import { WebSocketServer as JshServer } from '../../src/compat/jsh/index.ts';
import { listen } from '../support/sockets.ts';

type Http = ReturnType<typeof createServer>;
/** Attaches a facade to `http`, whose server sends `values` to each client. */
type Facade = (http: Http, values: readonly unknown[]) => void;

// WebSocket-Node takes nothing but Buffers, of which there is one class.
const FACADES: Readonly<Record<string, Facade>> = {
  'ws 0.4'(http, values) {
    new ClassicServer({ server: http }).on('connection', (ws) => {
      for (const value of values) ws.send(value, { binary: true });
    });
  },
  JSH(http, values) {
    new JshServer({ server: http }).on('connection', (ws) => {
      for (const value of values) ws.send(value as Uint8Array);
    });
  },
  fibjs(http, values) {
    const handler = upgrade((conn) => {
      for (const value of values) conn.send(value as Uint8Array);
    });
    http.on('upgrade', route({ '/': handler }));
  },
};

const foreign = (source: string): unknown => runInNewContext(source) as unknown;

test.each(Object.keys(FACADES))('%s: server sends bytes of another realm', async (name) => {
  const http = createServer();
  FACADES[name](http, [foreign('new Uint8Array([104, 105])'), foreign('new Uint8Array([104, 105, 33]).subarray(0, 2)')]);
  const port = await listen(http);
  onTestFinished(() => void http.close());
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  onTestFinished(() => client.terminate());
  const received: string[] = [];
  await new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.on('message', (data: Buffer) => {
      if (received.push(data.toString()) === 2) resolve();
    });
  });
  expect(received).toEqual(['hi', 'hi']);
});
