// A client without a browser: joins the chat, measures the echo, prints the results, and leaves.
//
// The server starts it; by hand: node examples/chat/client.mjs ws://127.0.0.1:8080

import { WebSocket } from 'wasock';
import { measureRoundTrips, measureThroughput } from './measure.mjs';

const USAGE = 'Usage: node examples/chat/client.mjs [ws://host:port]   (default ws://127.0.0.1:8080)';
const HANDSHAKE_TIMEOUT = 5000;
const ANSWER_TIMEOUT = 5000;
/** All of it takes about three seconds; a machine under load gets its time. */
const TOTAL_TIMEOUT = 60_000;

const ROUND_TRIPS = 1000;
const THROUGHPUT_TIME = 1000;

try {
  const guard = setTimeout(() => fail(new Error(`not finished after ${TOTAL_TIMEOUT / 1000} s`)), TOTAL_TIMEOUT);
  await main(readUrl(process.argv.slice(2)));
  clearTimeout(guard);
} catch (error) {
  fail(error);
}

/** @param {string} base */
async function main(base) {
  const { socket: chat, name } = await joinChat(`${base}/chat`);
  console.log(`  joined the chat as '${name}', said hello and heard it come back`);

  const echo = await connect(`${base}/echo`);
  const roundTrips = await measureRoundTrips(echo, 125, ROUND_TRIPS);
  const small = await measureThroughput(echo, 125, 32, THROUGHPUT_TIME);
  const large = await measureThroughput(echo, 64 * 1024, 4, THROUGHPUT_TIME);
  await leave(echo);

  const median = milliseconds(roundTrips.median);
  const p99 = milliseconds(roundTrips.p99);
  const rate = `${whole(small.messagesPerSecond)} messages/s`;
  const volume = `${whole(large.bytesPerSecond / 1e6)} MB/s`;
  printTable([
    ['measured on /echo', 'message', 'in flight', 'count', 'result'],
    ['round trip, median', '125 B', '1', whole(ROUND_TRIPS), median],
    ['round trip, p99', '125 B', '1', whole(ROUND_TRIPS), p99],
    ['small messages', '125 B', '32', whole(small.messages), rate],
    ['large messages', '64 KiB', '4', whole(large.messages), `${volume} each way`],
  ]);

  say(chat, `I measured /echo: median ${median}, p99 ${p99}; ${rate} of 125 B; ${volume} of 64 KiB. Goodbye!`);
  await leave(chat);
  console.log('\n  left the chat (close code 1000)');
}

/**
 * @param {string} url
 * @returns {Promise<{socket: WebSocket, name: string}>}
 */
async function joinChat(url) {
  const socket = await connect(url);
  const joined = answer(socket, ({ type }) => type === 'joined');
  socket.send(JSON.stringify({ type: 'join', name: 'Measuring client' }));
  const { id, name } = await joined;
  const heard = answer(socket, ({ type, from }) => type === 'message' && from === id);
  say(socket, 'Hello! I am client.mjs, another process. I will measure /echo now.');
  await heard;
  return { socket, name };
}

/**
 * @param {WebSocket} chat
 * @param {string} text
 */
function say(chat, text) {
  chat.send(JSON.stringify({ type: 'say', text }));
}

/**
 * @param {string} url
 * @returns {Promise<WebSocket>} Open.
 */
function connect(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { handshakeTimeout: HANDSHAKE_TIMEOUT });
    socket.once('open', () => resolve(socket));
    socket.on('error', (error) => reject(new Error(`${url}: ${error.message}`, { cause: error })));
  });
}

/**
 * Waits for a chat message.
 *
 * @param {WebSocket} socket
 * @param {(message: any) => boolean} isIt
 * @returns {Promise<any>}
 */
function answer(socket, isIt) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(new Error('the chat does not answer')), ANSWER_TIMEOUT);
    socket.on('message', onMessage);
    socket.on('close', onClose);

    /** @param {Buffer} data */
    function onMessage(data) {
      const message = JSON.parse(data.toString());
      if (message.type === 'error') settle(new Error(`the chat says: ${message.text}`));
      else if (isIt(message)) settle(undefined, message);
    }

    /** @param {number} code */
    function onClose(code) {
      settle(new Error(`the chat closed with code ${code}`));
    }

    /**
     * @param {Error} [error]
     * @param {unknown} [message]
     */
    function settle(error, message) {
      clearTimeout(timer);
      socket.off('message', onMessage);
      socket.off('close', onClose);
      if (error === undefined) resolve(message);
      else reject(error);
    }
  });
}

/** @param {WebSocket} socket @returns {Promise<void>} */
function leave(socket) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server does not answer the Close frame')), ANSWER_TIMEOUT);
    socket.once('close', (code) => {
      clearTimeout(timer);
      if (code === 1000) resolve();
      else reject(new Error(`the connection closed with code ${code}`));
    });
    socket.close(1000);
  });
}

/** @param {string[][]} rows The first one is the head; numbers stand right. */
function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === 0 || column === 4 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))),
  );
  lines.splice(
    1,
    0,
    widths.map((width) => '-'.repeat(width)),
  );
  console.log(`\n${lines.map((line) => `  ${line.join('   ').trimEnd()}`).join('\n')}`);
}

/** @param {number} value */
function whole(value) {
  return Math.round(value).toLocaleString('en-US');
}

/** @param {number} value */
function milliseconds(value) {
  return `${value.toFixed(3)} ms`;
}

/** @param {string[]} args @returns {string} Without a slash at its end. */
function readUrl(args) {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(USAGE);
    process.exit(0);
  }
  const url = URL.canParse(args[0] ?? '') ? new URL(args[0]) : undefined;
  if (args.length > 1 || (args.length === 1 && url?.protocol !== 'ws:' && url?.protocol !== 'wss:')) {
    console.error(USAGE);
    process.exit(2);
  }
  return url === undefined ? 'ws://127.0.0.1:8080' : `${url.protocol}//${url.host}`;
}

/** @param {unknown} error @returns {never} */
function fail(error) {
  console.error(`  client: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
