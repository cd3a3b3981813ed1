// @11ty/eleventy-dev-server: tells pages over a WebSocket to load again.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EleventyDevServer from '@11ty/eleventy-dev-server';
import { WebSocket } from 'ws';
import { assertWs, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['@11ty/eleventy-dev-server']);

const folder = mkdtempSync(join(tmpdir(), 'eleventy-program-'));
writeFileSync(join(folder, 'index.html'), '<!doctype html><html><head><title>Page</title></head><body>first</body></html>');
const silent = Object.fromEntries(['log', 'info', 'error'].map((level) => [level, () => {}]));
const devServer = EleventyDevServer.getServer('program', folder, { logger: silent, liveReload: true });
devServer.serve(0);
const port = await within('a port', devServer.getPort());
const host = `127.0.0.1:${port}`;

const read = async (path) => (await fetch(`http://${host}${path}`, { headers: { connection: 'close' } })).text();
assert.match(await read('/'), /first/);
assert.match(await read('/.11ty/reload-client.js'), /new WebSocket/);

const clients = [new WebSocket(`ws://${host}/`), new WebSocket(`ws://${host}/`)];
const heard = clients.map(() => []);
const statuses = clients.map(() => []);
for (const [index, ws] of clients.entries()) {
  ws.on('message', (data) => {
    const message = JSON.parse(data);
    if (message.type === 'eleventy.status') statuses[index].push(message.status);
    else heard[index].push(message);
  });
}
await until('the greetings', () => statuses.every((all) => all.includes('connected')));

await devServer.reload({ files: ['./index.html'], subtype: undefined, build: { templates: [] } });
devServer.sendError({ error: new Error('é'.repeat(100_000)) });
await until('the news', () => heard.every((messages) => messages.length === 2));
assert.deepEqual(heard[0], heard[1]);
assert.deepEqual(
  heard[0].map(({ type }) => type),
  ['eleventy.reload', 'eleventy.error'],
);
assert.equal(JSON.parse(heard[0][1].error).message, 'é'.repeat(100_000));

// A page leaves; the server goes.
clients[0].close(1000);
await next(clients[0], 'close');
const ended = next(clients[1], 'close');
await within('close', devServer.close());
assert.equal((await ended)[0], 1005);
assert.equal(statuses[1].at(-1), 'disconnected');
rmSync(folder, { recursive: true, force: true });
