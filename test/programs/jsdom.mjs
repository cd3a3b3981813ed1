// jsdom: a page's script talks to a server through window.WebSocket.

import assert from 'node:assert/strict';
import { JSDOM } from 'jsdom';
import { WebSocketServer } from 'ws';
import { assertWs, closed, listen, next, within } from './program-runner.mjs';

assertWs(import.meta.url, ['jsdom']);

const { server, host } = await listen();
const wss = new WebSocketServer({ server, verifyClient: ({ req }) => req.url !== '/refused' });
wss.on('headers', (headers, request) => {
  if (request.url === '/cookie') headers.push('Set-Cookie: given=1; Path=/');
});
wss.on('connection', (ws, request) => {
  const { cookie, origin } = request.headers;
  ws.send(JSON.stringify({ cookie, origin, agent: request.headers['user-agent'] }));
  ws.on('message', (data, isBinary) => {
    if (Buffer.from('close').equals(data)) ws.close(4002, 'as you wish é');
    else ws.send(data, { binary: isBinary });
  });
});

// Runs in the page. Every function returns a promise of plain data.
const script = `
  function opened(path, protocols) {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket('ws://' + location.host + path, protocols);
      const messages = [];
      const waiting = [];
      ws.take = () => new Promise((take) => messages.length > 0 ? take(messages.shift()) : waiting.push(take));
      ws.onmessage = (event) => waiting.length > 0 ? waiting.shift()(event) : messages.push(event);
      ws.ended = new Promise((end) => { ws.onclose = (event) => end([event.code, event.reason, event.wasClean]); });
      ws.onopen = () => resolve(ws);
      ws.onerror = reject;
    });
  }
  async function talks() {
    const ws = await opened('/cookie', ['one', 'two']);
    const hello = JSON.parse((await ws.take()).data);
    ws.send('text é');
    const text = (await ws.take()).data;
    ws.binaryType = 'arraybuffer';
    ws.send(new Uint8Array([0, 128, 255]));
    const buffer = (await ws.take()).data;
    const bytes = [buffer instanceof ArrayBuffer, ...new Uint8Array(buffer)];
    ws.binaryType = 'blob';
    ws.send(new Blob(['blob é']));
    const blob = (await ws.take()).data;
    const long = 'x'.repeat(500000);
    ws.send(long);
    const isLong = (await ws.take()).data === long;
    const { protocol, readyState, url } = ws;
    ws.send('close');
    const ended = await ws.ended;
    return { hello, text, bytes, blob: [blob instanceof Blob, blob.size], isLong, protocol, readyState, url, ended, cookies: document.cookie };
  }
  async function closes() {
    const ws = await opened('/');
    const hello = JSON.parse((await ws.take()).data);
    ws.close(3000, 'page');
    return { cookie: hello.cookie, ended: await ws.ended };
  }
  function refused() {
    return new Promise((resolve) => {
      const ws = new WebSocket('ws://' + location.host + '/refused');
      const events = [];
      for (const type of ['open', 'error']) ws.addEventListener(type, () => events.push(type));
      ws.addEventListener('close', ({ code, wasClean }) => resolve({ events, code, wasClean, state: ws.readyState }));
    });
  }
  function abandoned() {
    return new Promise((resolve) => {
      const ws = new WebSocket('ws://' + location.host + '/abandoned');
      ws.onclose = ({ code }) => resolve(code);
      ws.close();
    });
  }
`;
const { window } = new JSDOM(`<script>${script}</script>`, { url: `http://${host}/page`, runScripts: 'dangerously' });
// The page's objects have other prototypes than ours.
const plain = (value) => JSON.parse(JSON.stringify(value));

const talk = plain(await within('the talk', window.talks()));
assert.deepEqual(talk, {
  hello: { origin: `http://${host}`, cookie: talk.hello.cookie, agent: window.navigator.userAgent },
  text: 'text é',
  bytes: [true, 0, 128, 255],
  blob: [true, 7],
  isLong: true,
  protocol: 'one',
  readyState: 1,
  url: `ws://${host}/cookie`,
  ended: [4002, 'as you wish é', true],
  cookies: 'given=1',
});
assert.deepEqual(plain(await within('the close', window.closes())), { cookie: 'given=1', ended: [3000, 'page', true] });
assert.deepEqual(plain(await within('the refusal', window.refused())), {
  events: ['error'],
  code: 1006,
  wasClean: false,
  state: 3,
});
assert.equal(await within('the abandoned one', window.abandoned()), 1006);

// A closed window takes its sockets with it.
const connected = next(wss, 'connection');
await window.opened('/');
const [ws] = await connected;
const ended = next(ws, 'close');
window.close();
assert.equal((await ended)[0], 1001);
await closed(wss);
await closed(server);
