// webpack-dev-server: tells the page over a WebSocket about builds, errors and changes of files.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import webpack from 'webpack';
import WebpackDevServer from 'webpack-dev-server';
import WebsocketServer from 'webpack-dev-server/lib/servers/WebsocketServer.js';
import { WebSocket } from 'ws';
import { assertWs, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['webpack-dev-server']);

// A second, its default, is short where a build stops everything else.
WebsocketServer.heartbeatInterval = 2500;

const folder = mkdtempSync(join(tmpdir(), 'webpack-program-'));
const entry = join(folder, 'index.js');
writeFileSync(entry, 'console.log("first");\n');
const compiler = webpack({
  mode: 'development',
  context: folder,
  entry,
  output: { path: join(folder, 'dist') },
  infrastructureLogging: { level: 'none' },
  stats: 'none',
});
const devServer = new WebpackDevServer(
  {
    host: '127.0.0.1',
    port: 0,
    hot: false,
    client: false,
    static: false,
    webSocketServer: 'ws',
    devMiddleware: { stats: 'none' },
  },
  compiler,
);
await within('start', devServer.start());
const host = `127.0.0.1:${devServer.server.address().port}`;

const ws = new WebSocket(`ws://${host}/ws`, { headers: { origin: `http://${host}` } });
const messages = [];
let pings = 0;
ws.on('message', (data) => messages.push(JSON.parse(data)));
ws.on('ping', () => pings++);
const typesOf = () => messages.map(({ type }) => type);
const hashesOf = () => messages.filter(({ type }) => type === 'hash').map(({ data }) => data);
await next(ws, 'open');
await until('the first build', () => typesOf().includes('ok'));
assert.match(await (await fetch(`http://${host}/main.js`, { headers: { connection: 'close' } })).text(), /first/);

// A change of the file; invalidate() stands for the watcher of the system.
writeFileSync(entry, 'console.log("second");\n');
devServer.invalidate();
await until('the second build', () => new Set(hashesOf()).size >= 2 && typesOf().filter((type) => type === 'ok').length >= 2);
assert.ok(typesOf().includes('invalid'));
writeFileSync(entry, 'this is no JavaScript\n');
devServer.invalidate();
await until('the errors', () => typesOf().includes('errors'));
assert.match(JSON.stringify(messages.find(({ type }) => type === 'errors')), /Module parse failed/);

// The server pings again and again, and terminates clients that do not answer.
await until('two pings', () => pings >= 2);
assert.equal(ws.readyState, WebSocket.OPEN);

// A page of another origin gets an error and is closed.
const stranger = new WebSocket(`ws://${host}/ws`, { headers: { origin: 'http://elsewhere.example' } });
const refusal = next(stranger, 'message');
const refused = next(stranger, 'close');
assert.equal(JSON.parse((await refusal)[0]).data, 'Invalid Host/Origin header');
await refused;

const ended = next(ws, 'close');
await within('stop', devServer.stop());
await ended;
rmSync(folder, { recursive: true, force: true });
