// The example that `npm start` runs: a page, a chat and an echo, and a client that measures them from another process.

import { spawn } from 'node:child_process';
import { createServer, STATUS_CODES } from 'node:http';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'wasock';
import { serveEcho } from './echo.mjs';
import { Figures } from './figures.mjs';
import { fileHandler } from './files.mjs';
import { OptionError, parseOptions, USAGE } from './options.mjs';
import { MAX_CHAT_PAYLOAD, Room } from './room.mjs';

const MAX_ECHO_PAYLOAD = 1024 * 1024;
const MAX_CONNECTIONS = 1000;
/** How long peers may take to answer our Close frame when we stop, in milliseconds. */
const CLOSE_GRACE = 2000;
/** One Ctrl-C may arrive twice, from the terminal and from npm. A signal that comes later than this many milliseconds is a second Ctrl-C. */
const SIGNAL_ECHO = 300;
const CLIENT = fileURLToPath(new URL('client.mjs', import.meta.url));

const options = readOptions();
const figures = new Figures();
const room = new Room(figures);
const http = createServer(fileHandler());
http.maxConnections = MAX_CONNECTIONS;

/** @type {Map<string, WebSocketServer>} */
const endpoints = new Map([
  ['/chat', new WebSocketServer({ noServer: true, maxPayload: MAX_CHAT_PAYLOAD })],
  ['/echo', new WebSocketServer({ noServer: true, maxPayload: MAX_ECHO_PAYLOAD })],
]);
endpoints.get('/chat')?.on('connection', (socket) => room.add(socket));
endpoints.get('/echo')?.on('connection', (socket) => serveEcho(socket, figures));
for (const endpoint of endpoints.values()) endpoint.on('connection', (socket) => figures.track(socket));

http.on('upgrade', (request, socket, head) => {
  const endpoint = endpoints.get((request.url ?? '').split('?', 1)[0]);
  if (endpoint === undefined) refuse(socket, 404);
  else if (!isSameOrigin(request)) refuse(socket, 403);
  else endpoint.handleUpgrade(request, socket, head, (webSocket) => endpoint.emit('connection', webSocket, request));
});
http.once('error', (error) => {
  console.error(explainListenError(error));
  process.exit(1);
});
http.listen(options.port, options.host, start);

const ticker = setInterval(() => room.tick(), 1000);
/** @type {import('node:child_process').ChildProcess | undefined} */
let client;
let stoppedAt = 0;

function start() {
  http.removeAllListeners('error');
  http.on('error', (error) => console.error(`The HTTP server reports: ${error.message}`));
  const authority = listeningAuthority();
  console.log(`wasock chat and echo server, port ${authority.slice(authority.lastIndexOf(':') + 1)}

  Page       http://${authority}/   (open it in two tabs and talk)
  Endpoints  ws://${authority}/chat   ws://${authority}/echo
  Stop       Ctrl-C

A client is talking to it now, from another process:
`);
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  client = spawn(process.execPath, [CLIENT, `ws://${authority}`], { stdio: ['ignore', 'inherit', 'inherit'] });
  client.once('error', (error) => onClientDone(`could not be started (${error.message})`));
  client.once('exit', (code, signal) => onClientDone(code === 0 ? '' : `failed (${signal ?? `exit code ${code}`})`));
}

/** @param {string} failure Empty when the client has finished its work. */
function onClientDone(failure) {
  if (client === undefined || stoppedAt > 0) return;
  client = undefined;
  if (failure !== '') console.error(`The client ${failure}.`);
  if (options.once) stop(failure === '' ? 0 : 1);
  else console.log(`\nThe server goes on: http://${listeningAuthority()}/   (Ctrl-C stops it)`);
}

function onSignal() {
  if (stoppedAt > 0) {
    if (performance.now() - stoppedAt > SIGNAL_ECHO) process.exit(130);
    return;
  }
  console.log('\nStopping. Once more Ctrl-C to stop at once.');
  stop(0);
}

/**
 * Says goodbye to everybody; the process ends by itself when the last socket is closed.
 *
 * @param {number} exitCode
 */
function stop(exitCode) {
  stoppedAt = performance.now();
  process.exitCode = exitCode;
  clearInterval(ticker);
  figures.stop();
  client?.kill();
  for (const endpoint of endpoints.values()) {
    for (const socket of endpoint.clients) socket.close(1001, 'The server is stopping');
    endpoint.close();
  }
  const grace = setTimeout(() => {
    for (const endpoint of endpoints.values()) for (const socket of endpoint.clients) socket.terminate();
    setTimeout(() => process.exit(exitCode), 500).unref();
  }, CLOSE_GRACE);
  http.close(() => clearTimeout(grace));
  http.closeAllConnections();
}

/** @returns {import('./options.mjs').Options} */
function readOptions() {
  try {
    const parsed = parseOptions(process.argv.slice(2));
    if (!parsed.help) return parsed;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** Host and port that a client on this machine can use: a wildcard address is none. */
function listeningAuthority() {
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('The HTTP server does not listen on a port.');
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.address] ?? address.address;
  return `${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

/**
 * Other sites' pages must not talk here with a visitor's browser (RFC 6455 section 10.2). Programs send no Origin.
 *
 * @param {import('node:http').IncomingMessage} request
 */
function isSameOrigin({ headers: { origin, host } }) {
  return origin === undefined || (host !== undefined && (origin === `http://${host}` || origin === `https://${host}`));
}

/**
 * @param {import('node:stream').Duplex} socket
 * @param {403 | 404} status
 */
function refuse(socket, status) {
  socket.on('error', () => socket.destroy());
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
  // A client need not close its side, and the HTTP server no longer knows the socket.
  socket.end(head, () => socket.destroy());
}

/** @param {NodeJS.ErrnoException} error */
function explainListenError({ code, message }) {
  const place = `port ${options.port} of ${options.host}`;
  const other = `choose another, for example: npm start -- --port ${options.port < 65535 ? options.port + 1 : 0} (0 takes any free one).`;
  if (code === 'EADDRINUSE') return `Something else is listening on ${place} already; ${other}`;
  if (code === 'EACCES') return `The system does not let you listen on ${place}; ${other}`;
  return `Cannot listen on ${place}: ${message}.`;
}
