// A program that installs fake clocks before it loads the library, in a process of its own, with what is built.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const PROGRAM = `
const { setInterval: every, clearInterval: stop } = globalThis;
const clock = require('@sinonjs/fake-timers').install();
// Node.js itself emits 'listening' by process.nextTick, which is faked.
const pump = every(() => clock.tick(1), 1);
const { WebSocket, WebSocketServer } = require('./dist/adapters/node/index.cjs');
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
server.on('listening', () => {
  const ws = new WebSocket('ws://127.0.0.1:' + server.address().port);
  const messages = [];
  ws.on('open', () => ws.send('under fakes'));
  ws.on('message', (data) => {
    messages.push(String(data));
    if (messages.length === 1) {
      stop(pump);
      clock.uninstall();
      ws.send('after them');
    } else ws.close(1000);
  });
  ws.on('close', (code) => {
    console.log(JSON.stringify([...messages, code]));
    server.close();
  });
});`;

test('client and server work under fakes that were there before them, and after the fakes are gone', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', PROGRAM], { cwd: ROOT, timeout: 90_000 });
  expect(JSON.parse(stdout)).toEqual(['under fakes', 'after them', 1000]);
});
