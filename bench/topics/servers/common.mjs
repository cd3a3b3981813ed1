// The part that all servers under test share. Each one subscribes its connections to one topic, tells them so, and publishes there each text that the publisher sends.
// A JSON argument has the options. It prints { event: 'listening', port }; see ../../control.mjs. Node.js and Bun.

import { answerCommands, report } from '../../control.mjs';
import { makeReady } from '../messages.mjs';

/**
 * @typedef {object} ServerOptions
 * @property {number} size Bytes of a text.
 * @property {number} [redis] The port of Redis, for a server that is one of several.
 * @property {boolean} [history] Messages are kept.
 * @property {boolean} [upgrade] On Bun: inside of `Bun.serve`.
 * @property {string} library The entry point of the library under test.
 * @property {string} topics Its topics.
 * @property {string} redisBus Its bus over Redis.
 */

export const options = /** @type {ServerOptions} */ (JSON.parse(process.argv[2]));

/** The first message of each connection. */
export const READY = makeReady(options.size);

/** Topics of each connection when memory is measured. */
const TOPICS_EACH = 100;

/** @param {string} [url] That of a request. @returns {boolean} */
export const isPublisher = (url) => url?.includes('role=publisher') === true;

/** By which Redis knows the connections of this process. */
const CLIENT_NAME = `bench-${process.pid}`;

/**
 * Waits until connections of this process run commands that wait for messages.
 *
 * @param {import('redis').RedisClientType} client
 * @param {string[]} commands
 */
export async function untilRunning(client, commands) {
  for (;;) {
    const lines = /** @type {string} */ (/** @type {unknown} */ (await client.sendCommand(['CLIENT', 'LIST']))).split('\n');
    const own = lines.filter((line) => line.includes(` name=${CLIENT_NAME} `));
    if (commands.every((command) => own.some((line) => line.includes(` cmd=${command} `)))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * A client of Redis for this server. An error ends the process, and run.mjs says why.
 *
 * @returns {Promise<import('redis').RedisClientType>}
 */
export async function connectRedis() {
  const { createClient } = await import('redis');
  const client = createClient({ socket: { host: '127.0.0.1', port: Number(options.redis) }, name: CLIENT_NAME });
  client.on('error', (error) => {
    throw error;
  });
  await client.connect();
  return client;
}

/**
 * Says that the server listens, and answers commands. `own` and `shared` subscribe each connection to 100 topics: none of them with another subscriber, or the same for all.
 *
 * @template Socket
 * @param {number} port
 * @param {Iterable<Socket>} sockets The subscribers.
 * @param {(socket: Socket, topic: string) => unknown} subscribe
 */
export function serve(port, sockets, subscribe) {
  const subscribeAll = async (/** @type {boolean} */ isShared) => {
    let index = 0;
    for (const socket of sockets) {
      const prefix = isShared ? 'room' : `room.${index++}`;
      for (let number = 0; number < TOPICS_EACH; number++) await subscribe(socket, `${prefix}.${number}`);
    }
  };
  answerCommands({ own: () => subscribeAll(false), shared: () => subscribeAll(true) });
  report({ event: 'listening', port });
}
