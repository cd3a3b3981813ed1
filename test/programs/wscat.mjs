// wscat: the command line, with lines from standard input, slash commands, and a redirection.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { WebSocketServer } from 'ws';
import { assertWs, closed, listen, until, within } from './program-runner.mjs';

const require = createRequire(import.meta.url);
const command = join(dirname(require.resolve('wscat/package.json')), 'bin/wscat');
assertWs(import.meta.url, ['wscat/package.json']);

const { server, host } = await listen();
const wss = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  if (request.url === '/moved') {
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://${host}/here\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  } else wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
});
const requests = [];
const closes = [];
let pings = 0;
wss.on('connection', (ws, request) => {
  requests.push(request);
  ws.send('hello');
  ws.on('ping', () => pings++);
  ws.on('close', (code, reason) => closes.push([code, reason.toString()]));
  ws.on('message', (data, isBinary) => {
    if (Buffer.from('stop').equals(data)) ws.close(4000, 'as you wish');
    else ws.send(data, { binary: isBinary });
  });
});

/** Starts wscat on the runtime of this script. */
function start(...args) {
  const child = spawn(process.execPath, [...process.execArgv, command, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const run = { child, output: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (run.output += text));
  run.ended = new Promise((resolve) => child.on('close', resolve));
  return run;
}

const talk = start(
  '-c',
  `ws://${host}/moved`,
  '-L',
  '-H',
  'x-sent: header',
  '--auth',
  'user:word',
  '-o',
  'http://origin',
  '--slash',
);
// wscat loses lines that it reads before the connection is open.
await until('the greeting', () => talk.output.includes('hello\n'));
assert.equal(requests[0].url, '/here');
assert.equal(requests[0].headers.origin, 'http://origin');
talk.child.stdin.write('first é\n');
await until('the echo', () => talk.output.includes('first é\n'));
talk.child.stdin.write(`/ping\n${'x'.repeat(50_000)}\n`);
await until('the long echo', () => talk.output.includes(`${'x'.repeat(50_000)}\n`));
assert.equal(pings, 1);
talk.child.stdin.write('/close 4001 bye\n');
assert.equal(await within('the end', talk.ended), 0);
await until('the close', () => closes.length === 1);
assert.deepEqual(closes[0], [4001, 'bye']);

const stopped = start('-c', host, '-x', 'stop', '-w', '-1');
assert.equal(await within('the end', stopped.ended), 0);
assert.deepEqual(closes[1], [4000, 'as you wish']);

await closed(wss);
await closed(server);
