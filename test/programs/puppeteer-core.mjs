// puppeteer-core: its WebSocket transport to a stand-in for a browser that speaks the few CDP methods of a connect.

import assert from 'node:assert/strict';
import { WebSocketServer } from 'ws';
import { assertWs, closed, listen, load, next, note, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['puppeteer-core']);
const { default: puppeteer } = await load(import.meta.url, 'puppeteer-core');

const { server, host } = await listen();
server.on('request', (request, response) => {
  if (request.url === '/json/version') {
    response.setHeader('connection', 'close');
    response.end(JSON.stringify({ webSocketDebuggerUrl: `ws://${host}/browser` }));
  } else response.writeHead(404).end();
});
const wss = new WebSocketServer({ noServer: true, perMessageDeflate: true });
server.on('upgrade', (request, socket, head) => {
  if (request.url === '/moved') {
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://${host}/browser\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  } else if (request.url === '/browser') {
    wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
  } else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
});

const long = 'é'.repeat(2_000_000);
const answers = {
  'Browser.getVersion': () => ({
    protocolVersion: '1.3',
    product: 'Stand-in/1.0',
    revision: '',
    userAgent: 'Stand-in agent',
    jsVersion: '',
  }),
  'Target.getBrowserContexts': () => ({ browserContextIds: [] }),
  'Target.createBrowserContext': () => ({ browserContextId: 'context' }),
  'Storage.getCookies': () => ({ cookies: [{ name: 'long', value: long, domain: 'x', path: '/' }] }),
};
const agents = [];
const methods = [];
wss.on('connection', (ws, request) => {
  agents.push(request.headers['user-agent']);
  ws.on('message', (data) => {
    const { id, method, params } = JSON.parse(data);
    methods.push(method);
    if (method === 'Target.disposeBrowserContext')
      ws.send(JSON.stringify({ id, error: { code: -1, message: `no ${params.browserContextId}` } }));
    else ws.send(JSON.stringify({ id, result: answers[method]?.() ?? {} }));
  });
});

const browser = await within(
  'connect',
  puppeteer.connect({ browserWSEndpoint: `ws://${host}/browser`, headers: { 'x-sent': '1' } }),
);
assert.equal(await browser.version(), 'Stand-in/1.0');
assert.equal(await browser.userAgent(), 'Stand-in agent');
assert.match(agents[0], /^Puppeteer /);
note(`extensions: ${[...wss.clients][0].extensions || 'none'}`);
assert.deepEqual(await Promise.all(Array.from({ length: 100 }, () => browser.version())), new Array(100).fill('Stand-in/1.0'));
const [cookie] = await within('a long answer', browser.cookies());
assert.equal(cookie.value, long);
const context = await browser.createBrowserContext();
await assert.rejects(context.close(), /no context/);
assert.ok(methods.includes('Target.setDiscoverTargets'));

// The browser dies.
const lost = next(browser, 'disconnected');
for (const ws of wss.clients) ws.terminate();
await lost;
assert.equal(browser.connected, false);

// The address moves; the address is asked of /json/version; the client goes.
for (const endpoint of [{ browserWSEndpoint: `ws://${host}/moved` }, { browserURL: `http://${host}` }]) {
  const other = await within('connect', puppeteer.connect(endpoint));
  assert.equal(await other.version(), 'Stand-in/1.0');
  const [ws] = wss.clients;
  const ended = next(ws, 'close');
  await other.disconnect();
  assert.equal((await ended)[0], 1005);
}
await assert.rejects(
  puppeteer.connect({ browserWSEndpoint: `ws://${host}/nowhere` }),
  (event) => event.message === 'Unexpected server response: 404',
);
await until('no clients', () => wss.clients.size === 0);
await closed(wss);
await closed(server);
