// The server of the soak: `node server.mjs '{"seed":1}'`. It checks what it receives, and sends, broadcasts, pauses and closes by itself.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { broadcast, WebSocketServer } from 'wasock';
import { broadcastOf, hash, randomOf } from './messages.mjs';
import { fail, measure, report, takeCommands } from './process.mjs';
import { CALLBACK_TIME, CLOSE_TIMEOUT, Speaker } from './speaker.mjs';

const { seed } = JSON.parse(process.argv[2]);
const random = randomOf(hash(seed, 'server'));
/** Milliseconds between two steps. */
const STEP = 20;
/** Milliseconds between two times that one connection talks, on average. */
const TALK_INTERVAL = 400;
/** Connections that the server closes, or drops, in a second: shares of all. */
const CLOSED = 0.02;
const DROPPED = 0.005;
/** Broadcasts in a second. */
const BROADCASTS = 4;

function pem(name) {
  return readFileSync(new URL(`../adapters/deno/certificates/${name}.pem`, import.meta.url), 'utf8');
}

const http = createServer();
const deflate = { threshold: 64 };
const fresh = { ...deflate, serverNoContextTakeover: true, clientNoContextTakeover: true };
/** Each kind of server. A longer heartbeat than any pause of a client, which cannot answer while it pauses. */
const OPTIONS = {
  plain: {},
  http: { server: http },
  deflate: { perMessageDeflate: deflate },
  fresh: { perMessageDeflate: fresh },
  tls: { tls: { cert: pem('certificate'), key: pem('key') }, perMessageDeflate: deflate },
};

const servers = {};
for (const [name, options] of Object.entries(OPTIONS)) {
  servers[name] = new WebSocketServer({
    ...(options.server === undefined && { host: '127.0.0.1', port: 0 }),
    heartbeat: { interval: 2000, timeout: 60_000 },
    maxPayload: 8 << 20,
    closeTimeout: CLOSE_TIMEOUT,
    ...options,
  });
  servers[name].on('connection', (ws, request) => accept(name, ws, request));
  servers[name].on('error', (error) => fail(`server ${name}: ${error.stack}`));
}
http.listen(0, '127.0.0.1');

/** WebSockets and their ends. @type {Map<import('wasock').WebSocket, Speaker>} */
const speakers = new Map();
let isTalking = true;
let opened = 0;
let broadcasts = 0;
let messages = 0;
let bytes = 0;

function accept(name, ws, request) {
  const { searchParams } = new URL(request.url, 'ws://localhost');
  const id = searchParams.get('id');
  const kind = `${searchParams.get('kind')} to ${name}`;
  opened++;
  const wire = {
    bufferedAmount: () => ws.bufferedAmount,
    isOpen: () => ws.readyState === 1,
    send: (data, options, callback) => ws.send(data, options, callback),
    ping: () => ws.ping(),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    terminate: () => ws.terminate(),
    close: (code, reason) => ws.close(code, reason),
  };
  const speaker = new Speaker({ seed, id, side: 'server', kind, wire, fail });
  speakers.set(ws, speaker);
  ws.on('message', (data, isBinary) => speaker.hear(isBinary ? data : data.toString()));
  ws.on('error', (error) => (speaker.error ??= error.stack));
  ws.on('close', (code, reason) => {
    report({ event: 'end', side: 'server', ...speaker.end(code, reason.toString()) });
    speakers.delete(ws);
    messages += speaker.sent + speaker.received + speaker.broadcasts;
    bytes += speaker.bytes;
    setTimeout(() => speaker.checkCallbacks(), CALLBACK_TIME);
  });
}

/** Calls `act` with a share of the connections, chosen at random. */
function choose(share, act) {
  const all = [...speakers.values()];
  let count = Math.floor(all.length * share + random());
  for (; count > 0; count--) act(all[Math.floor(random() * all.length)]);
}

function sendBroadcast() {
  const among = random();
  const targets = [...speakers].filter(([, speaker]) => speaker.isTakingMore && random() < among);
  const number = broadcasts++;
  const message = broadcastOf(seed, number);
  for (const [, speaker] of targets) speaker.noteBroadcast(number);
  broadcast(
    targets.map(([ws]) => ws),
    message,
    { binary: typeof message !== 'string' },
  );
}

const timer = setInterval(() => {
  for (const speaker of speakers.values()) speaker.resume(!isTalking);
  if (!isTalking || speakers.size === 0) return;
  choose(STEP / TALK_INTERVAL, (speaker) => speaker.talk());
  choose((CLOSED * STEP) / 1000, (speaker) => speaker.close());
  choose((DROPPED * STEP) / 1000, (speaker) => speaker.terminate());
  if (random() < (BROADCASTS * STEP) / 1000) sendBroadcast();
}, STEP);

/** Listeners of the servers, and of what they listen on. */
function countListeners() {
  const count = (emitter) => emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
  return Object.values(servers).reduce((sum, server) => sum + count(server), count(http) + count(process));
}

const commands = takeCommands({
  urls() {
    const urls = Object.entries(servers).map(([name, server]) => {
      const { port } = name === 'http' ? http.address() : server.address();
      return [name, `${name === 'tls' ? 'wss' : 'ws'}://127.0.0.1:${port}/`];
    });
    return { urls: Object.fromEntries(urls) };
  },
  talk: () => void (isTalking = true),
  hush: () => void (isTalking = false),
  open: () => ({ open: speakers.size, rss: process.memoryUsage.rss() }),
  async measure() {
    const clients = Object.values(servers).reduce((sum, server) => sum + server.clients.size, 0);
    return { ...(await measure()), clients, listeners: countListeners(), opened, messages, bytes };
  },
  /** Ends all. The process then has to end by itself: nothing may keep it. */
  async shutdown() {
    clearInterval(timer);
    const results = await Promise.all(Object.values(servers).map((server) => server.shutdown({ timeout: 5000 })));
    http.close();
    commands.close();
    process.stdin.destroy();
    return { results };
  },
});
