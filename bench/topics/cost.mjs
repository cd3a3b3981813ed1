// Cost of a publish, a child process of run.mjs: topics or patterns in some number, each with one subscriber, whose send() does nothing. At the command `publish` it
// publishes for a while, and reports nanoseconds of CPU time for one message.

import { answerCommands, report } from '../control.mjs';

/**
 * @typedef {object} CostOptions
 * @property {string} topics Topics of the library under test.
 * @property {number} count Topics or patterns that have a subscriber.
 * @property {boolean} patterns
 * @property {boolean} plain A Map of sets and a loop in place of the library: the least that such a lookup costs.
 * @property {boolean} scattered Messages go to all of them in turn, in random order; else all messages go to one.
 * @property {number} duration Milliseconds of a measurement.
 */
const { count, duration, patterns, plain, scattered, topics: entry } = /** @type {CostOptions} */ (JSON.parse(process.argv[2]));
/** @type {typeof import('../../src/topics/index.ts')} */
const { Topics } = await import(entry);

/** Messages between two looks at the clock. */
const AT_ONCE = 200;

/** @typedef {import('../../src/topics/index.ts').TopicSocket} Socket */

/** The least that publishing needs. */
class PlainTopics {
  /** @type {Map<string, Set<Socket>>} */
  #topics = new Map();

  /** @param {Socket} socket @param {string} name */
  subscribe(socket, name) {
    this.#topics.set(name, new Set([socket]));
  }

  /** @param {string} name @param {string} text */
  publish(name, text) {
    for (const socket of this.#topics.get(name) ?? []) if (socket.readyState === 1) socket.send(/** @type {never} */ (text));
  }
}

const topics = plain ? new PlainTopics() : new Topics();
/** @type {string[]} */
const names = [];
for (let number = 0; number < count; number++) {
  const name = `region.${number}.price`;
  names.push(name);
  await topics.subscribe(
    { readyState: 1, bufferedAmount: 0, send() {}, addEventListener() {} },
    patterns ? `region.${number}.*` : name,
  );
}
// Names that are one long string each, as those that come in messages.
const targets = scattered ? names.toSorted(() => Math.random() - 0.5) : [names[count >> 1]];
let next = 0;

async function publish() {
  const begin = process.cpuUsage();
  let published = 0;
  for (const end = performance.now() + duration; performance.now() < end; published += AT_ONCE) {
    let last;
    for (let index = 0; index < AT_ONCE; index++) {
      last = topics.publish(targets[next], 'message');
      next = next + 1 === targets.length ? 0 : next + 1;
    }
    await last;
  }
  const { system, user } = process.cpuUsage(begin);
  return { nanoseconds: ((user + system) * 1000) / published };
}

await publish();
answerCommands({ publish });
report({ event: 'listening' });
