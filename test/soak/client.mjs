// A process with clients of the soak: `node client.mjs '{"seed":1,"name":"node","slots":50,"urls":{…}}'`. Each slot opens a connection,
// talks, closes it, and opens the next one.

import { hash, randomOf } from './messages.mjs';
import { clients } from './clients.mjs';
import { fail, measure, report, takeCommands } from './process.mjs';
import { CALLBACK_TIME, Speaker } from './speaker.mjs';

const { seed, name, slots, urls } = JSON.parse(process.argv[2]);
const random = randomOf(hash(seed, name));
const STEP = 20;
const TALK_INTERVAL = 400;
/** Milliseconds that a connection lives, at most. */
const LONGEST_LIFE = 20_000;
/** Share of the connections that the client drops, where it can. */
const DROPPED = 0.05;
/** Milliseconds until an opening handshake counts as lost. */
const OPENING_TIMEOUT = 30_000;

const kinds = Object.entries(await clients());
const servers = Object.entries(urls);

class Slot {
  #number;
  #generation = 0;
  #endAt = Infinity;
  #openAt = 0;
  /** @type {Speaker | null} */
  speaker = null;
  isOpening = false;

  constructor(number) {
    this.#number = number;
  }

  get isIdle() {
    return this.speaker === null && !this.isOpening;
  }

  step(now, isStarting) {
    if (this.isIdle && isStarting && now >= this.#openAt) return this.#open(now);
    this.speaker?.resume(!isStarting);
    if (this.isOpening && now > this.#openAt + OPENING_TIMEOUT) {
      this.isOpening = false;
      fail(`seed ${seed}, connection ${name}-${this.#number}-${this.#generation}: not open after ${OPENING_TIMEOUT} ms`);
    }
    if (this.speaker === null || (now < this.#endAt && isStarting)) return;
    this.#endAt = Infinity;
    if (random() < DROPPED) this.speaker.terminate();
    else this.speaker.close();
  }

  #open(now) {
    const [kind, client] = kinds[(this.#number + this.#generation++) % kinds.length];
    const [server, url] = servers[Math.floor(random() * servers.length)];
    const id = `${name}-${this.#number}-${this.#generation}`;
    const kindAndServer = `${name}/${kind} to ${server}`;
    const where = `seed ${seed}, ${kindAndServer}, connection ${id}, at the client`;
    this.isOpening = true;
    this.#openAt = now;
    const query = new URLSearchParams({ id, kind: `${name}/${kind}` });
    let speaker = null;
    client.open(`${url}?${query}`, {
      onOpen: (wire) => {
        this.isOpening = false;
        this.#endAt = performance.now() + random() ** 2 * LONGEST_LIFE;
        this.speaker = speaker = new Speaker({ seed, id, side: 'client', kind: kindAndServer, wire, fail });
        report({ event: 'opened', id });
      },
      onMessage: (data) => (speaker === null ? fail(`${where}: a message before 'open'`) : speaker.hear(data)),
      onError(error) {
        const text = String(error?.stack ?? error?.message ?? error);
        if (speaker === null) fail(`${where}: ${text}`);
        else speaker.error ??= text;
      },
      onClose: (code, reason) => {
        this.isOpening = false;
        if (speaker === null) return fail(`${where}: closed (${code}) before it was open`);
        const { closing, otherCode } = client;
        report({ event: 'end', side: 'client', closing, otherCode, ...speaker.end(code, reason) });
        this.speaker = null;
        this.#openAt = performance.now() + random() * 200;
        const over = speaker;
        setTimeout(() => over.checkCallbacks(), CALLBACK_TIME);
      },
    });
  }
}

const all = Array.from({ length: slots }, (_, number) => new Slot(number));
let isStarting = false;

setInterval(() => {
  const now = performance.now();
  for (const slot of all) slot.step(now, isStarting);
  if (!isStarting) return;
  let count = Math.floor((slots * STEP) / TALK_INTERVAL + random());
  for (; count > 0; count--) all[Math.floor(random() * slots)].speaker?.talk();
}, STEP);

takeCommands({
  start: () => void (isStarting = true),
  stop: () => void (isStarting = false),
  open: () => ({ open: all.filter((slot) => !slot.isIdle).length, rss: process.memoryUsage.rss() }),
  measure,
  exit: () => setTimeout(() => process.exit(), 100) && undefined,
});
