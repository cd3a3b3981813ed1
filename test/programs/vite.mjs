// Vite: its development server tells pages about changed modules. Vite has a copy of ws in its own files, except on Bun, so elsewhere
// only the page's socket is the one under test.

import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'vite';
import { WebSocket } from 'ws';
import { assertWs, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url);

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vite-program-')));
const file = join(folder, 'main.js');
const write = (text) => writeFileSync(file, `export const text = '${text}';\nimport.meta.hot?.accept();\n`);
write('first');
writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Page</title><script type="module" src="/main.js"></script>');
const vite = await within(
  'a server',
  createServer({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    server: { host: '127.0.0.1', port: 0, watch: null },
    optimizeDeps: { noDiscovery: true },
  }),
);
await within('listen', vite.listen());
const host = `127.0.0.1:${vite.httpServer.address().port}`;
vite.ws.on('ask', (data, client) => client.send('answer', data));

const ws = new WebSocket(`ws://${host}/?token=${vite.config.webSocketToken}`, 'vite-hmr', {
  headers: { origin: `http://${host}` },
});
const messages = [];
ws.on('message', (data) => messages.push(JSON.parse(data)));
const typesOf = () => messages.map(({ type }) => type);
await until('the greeting', () => typesOf().includes('connected'));
assert.equal(ws.protocol, 'vite-hmr');

const long = 'é'.repeat(100_000);
for (const data of [{ a: 1 }, { long }]) {
  messages.length = 0;
  ws.send(JSON.stringify({ type: 'custom', event: 'ask', data }));
  await until('an answer', () => messages.length === 1);
  assert.deepEqual(messages, [{ type: 'custom', event: 'answer', data }]);
}

// The page has loaded the module; it changes. The event stands for the watcher of the system.
const read = async () => (await fetch(`http://${host}/main.js`, { headers: { connection: 'close' } })).text();
assert.match(await read(), /first/);
write('second');
vite.watcher.emit('change', file);
await until('the update', () => typesOf().includes('update'));
const { updates } = messages.find(({ type }) => type === 'update');
assert.deepEqual(
  updates.map(({ type, path }) => [type, path]),
  [['js-update', '/main.js']],
);
assert.match(await read(), /second/);

// A page without the token is refused.
const stranger = new WebSocket(`ws://${host}/`, 'vite-hmr', { headers: { origin: 'http://elsewhere.example' } });
const [error] = await next(stranger, 'error');
assert.match(error.message, /Unexpected server response: 400/);

const ended = next(ws, 'close');
await within('close', vite.close());
await ended;
rmSync(folder, { recursive: true, force: true });
