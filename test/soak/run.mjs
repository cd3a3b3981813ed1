// Soak: servers of ours on Node.js, Deno and Bun, and thousands of connections from many clients, for as long as asked: `npm run soak`.
//
// Each message is checked, byte for byte. At the end of each connection both ends report what they have sent and received, and this
// program compares the two. Memory, file descriptors, timers and listeners are compared before and after: docs/operations.md has the figures.

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { launch, missingRuntime, titleOf, versionOf } from '../../bench/runtimes.mjs';
import { after, Child } from './child.mjs';
import { Ledger } from './ledger.mjs';
import { compare, print } from './measurements.mjs';
import { CALLBACK_TIME } from './speaker.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    short: { type: 'boolean', default: false },
    seed: { type: 'string' },
    slots: { type: 'string' },
    only: { type: 'string', default: 'node,deno,bun' },
  },
});
const minutes = Number(values.minutes ?? (values.short ? 1 : 10));
if (!(minutes > 0)) throw new RangeError('--minutes is a number above 0');
const seed = Number(values.seed ?? randomInt(2 ** 31));
if (!Number.isInteger(seed)) throw new RangeError('--seed is a whole number');
const slots = Number(values.slots ?? (values.short ? 30 : 100));
if (!Number.isInteger(slots) || slots < 1) throw new RangeError('--slots is a number of connections, 1 or more');

/** Share of the time before the first measurement: code is compiled, and pools are filled. */
const WARM_UP = 0.3;
/** Milliseconds in which all connections have to be closed at the end. */
const PATIENCE = 150_000;
/** The processes with clients. Node.js 20 has no WebSocket of its own. */
const CLIENTS = ['node-24', 'deno', 'bun'];
const CERTIFICATE = fileURLToPath(new URL('../adapters/deno/certificates/authority.pem', import.meta.url));

const ledger = new Ledger(seed);
/** @type {string[]} */
const failures = [];

function take(name, report) {
  if (report.event === 'end') ledger.add(report);
  else if (report.event === 'opened') ledger.opened(report.id);
  else failures.push(`${name}: ${report.message ?? JSON.stringify(report)}`);
}

/** Starts a program on a runtime. */
function start(program, runtime, argument) {
  const missing = missingRuntime(runtime);
  if (missing) throw new Error(missing);
  const name = `${program} on ${runtime}`;
  const command = [...launch(runtime), fileURLToPath(new URL(`${program}.mjs`, import.meta.url)), JSON.stringify(argument)];
  const trust = { NODE_EXTRA_CA_CERTS: CERTIFICATE, DENO_CERT: CERTIFICATE };
  return new Child(name, command, trust, (report) => take(name, report));
}

/** Sends a command to all. @param {Iterable<Child>} children @param {string} command */
async function askAll(children, command) {
  return await Promise.all([...children].map((child) => child.ask(command)));
}

/** Waits until no connection is open. */
async function settle(children) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const counts = await askAll(children, 'open');
    if (counts.every(({ open }) => open === 0)) return;
    if (Date.now() > deadline)
      return void failures.push(`connections are open after ${PATIENCE} ms: ${JSON.stringify(counts)}`);
    await sleep(200);
  }
}

/** Lets the clients work for a time, then waits for the end of all connections. */
async function work(servers, clients, milliseconds) {
  await askAll(servers.values(), 'talk');
  await askAll(clients.values(), 'start');
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    await sleep(Math.min(60_000, end - Date.now()));
    const memory = await askAll([...servers.values(), ...clients.values()], 'open');
    console.log(
      `${new Date().toISOString().slice(11, 19)} ${ledger.connections} connections, ${ledger.messages} messages, MiB: ${memory.map(({ rss }) => Math.round(rss / 2 ** 20)).join(' ')}`,
    );
    if (failures.length + ledger.failures.length > 20) break;
  }
  await askAll(servers.values(), 'hush');
  await askAll(clients.values(), 'stop');
  await settle([...servers.values(), ...clients.values()]);
  await sleep(CALLBACK_TIME + 2000);
}

async function measureAll(children) {
  const all = await Promise.all([...children].map(async ([name, child]) => [name, await child.ask('measure')]));
  return new Map(all);
}

/** Shuts a server down. Its process has to end by itself. */
async function stop(name, server) {
  await server.ask('shutdown');
  const code = await Promise.race([server.ended, after(60_000, `the process of the ${name} does not end`)]);
  if (code !== 0) failures.push(`${name} ended with ${code}`);
}

async function run() {
  const runtimes = values.only.split(',');
  console.log(`seed ${seed}, ${minutes} minutes, ${slots * CLIENTS.length} connections at once`);
  const servers = new Map(runtimes.map((name) => [`server on ${name}`, start('server', name, { seed })]));
  const urls = {};
  for (const [name, child] of servers) {
    const { urls: own } = await child.ask('urls');
    for (const [kind, url] of Object.entries(own)) urls[`${name.slice('server on '.length)}/${kind}`] = url;
  }
  const clients = new Map(CLIENTS.map((name) => [`clients on ${name}`, start('client', name, { seed, name, slots, urls })]));
  const all = new Map([...servers, ...clients]);
  await work(servers, clients, minutes * 60_000 * WARM_UP);
  const before = await measureAll(all);
  await work(servers, clients, minutes * 60_000 * (1 - WARM_UP));
  const last = await measureAll(all);
  ledger.finish();
  failures.push(...compare(before, last, seed));
  for (const [name, server] of servers) await stop(name, server);
  await askAll(clients.values(), 'exit');
  print(before, last, ledger);
  for (const name of runtimes) console.log(`${titleOf(name)} ${versionOf(name)}`);
}

try {
  await run();
} catch (error) {
  failures.push(error.stack);
}
failures.push(...ledger.failures);
for (const failure of failures.slice(0, 50)) console.error(`FAILED: ${failure}`);
console.log(failures.length === 0 ? 'Nothing lost' : `${failures.length} failures; again with --seed ${seed}`);
process.exit(failures.length === 0 ? 0 : 1);
