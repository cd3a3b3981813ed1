// One measurement of one library: starts Redis and the servers that a scenario needs, and returns figures by name.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Child, SUBJECT_CORE } from '../children.mjs';
import { NO_WINDOW, startLoad } from '../measurements.mjs';
import { launch } from '../runtimes.mjs';
import { MEMORY_CONNECTIONS, SUBSCRIPTIONS, commandOf, entryPoints, libraryOf } from './scenarios.mjs';

/** @typedef {import('../measurements.mjs').Sample} Sample */
/** @typedef {import('../measurements.mjs').Times} Times */
/** @typedef {import('./scenarios.mjs').Scenario} Scenario */

const START_TIMEOUT = 30_000;
/** Milliseconds that a load generator may need beside its window: connections, and what is on its way at the end. */
const LOAD_TIMEOUT = 60_000;
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));
const COST = fileURLToPath(new URL('cost.mjs', import.meta.url));
export const REDIS = '/usr/bin/redis-server';
/** Others have none either: their masks are undone in plain JavaScript. */
const ENVIRONMENT = { ...process.env, WS_NO_BUFFER_UTIL: '1' };

/** @returns {string | null} Why scenarios with several processes cannot run, or null. */
export function missingRedis() {
  return existsSync(REDIS) ? null : `${REDIS} is missing: apt-get install redis-server (or choose others with --scenario)`;
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** @param {number} port @param {string} command @returns {Promise<string>} The first part of the reply; '' if nothing listens. */
function askRedis(port, command) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.on('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.on('error', () => resolve(''));
  });
}

/** @typedef {{ cpu: number, time: number }} Usage Seconds. A process that is busy answers late: so each has its own time. */

/** A Redis that stores nothing on the disk, on the core of the servers. */
class Redis {
  #folder = mkdtempSync(join(tmpdir(), 'wasock-bench-'));
  port = 0;
  /** @type {Child | null} */
  #child = null;

  async start() {
    this.port = await freePort();
    const settings = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', this.#folder];
    this.#child = new Child('redis-server', SUBJECT_CORE, [REDIS, '--port', String(this.port), ...settings]);
    for (let tries = 0; !(await askRedis(this.port, 'PING')).startsWith('+PONG'); tries++) {
      const failure = this.#child.ended || tries > 100 ? await this.#child.failure() : null;
      if (failure || tries > 100) throw failure ?? new Error('redis-server does not answer');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** @returns {Promise<Usage>} */
  async readUsage() {
    const info = await askRedis(this.port, 'INFO cpu');
    const seconds = (/** @type {string} */ kind) => Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)?.[1]);
    return { cpu: seconds('sys') + seconds('user'), time: performance.now() / 1000 };
  }

  async stop() {
    await this.#child?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A library, or a point of a curve, within one scenario. Its servers serve all rounds, except for memory. */
export class Contestant {
  #name;
  #scenario;
  /** @type {Child[]} */
  #servers = [];
  /** @type {number[]} */
  #ports = [];
  /** @type {Redis | null} */
  #redis = null;

  /** @param {string} name @param {Scenario} scenario */
  constructor(name, scenario) {
    this.#name = name;
    this.#scenario = scenario;
  }

  /**
   * Measures once.
   *
   * @param {Times} times
   * @returns {Promise<Record<string, Sample>>} By the name of the figure.
   * @throws {Error} If a child fails or takes too long.
   */
  measure(times) {
    switch (this.#scenario.kind) {
      case 'cost':
        return this.#measureCost(times);
      case 'memory':
        return this.#measureMemory();
      default:
        return this.#measureLoad(times);
    }
  }

  /** Ends its processes. */
  async stop() {
    for (const server of this.#servers.splice(0)) await server.stop();
    this.#ports = [];
    await this.#redis?.stop();
    this.#redis = null;
  }

  async #serve() {
    if (this.#servers.length > 0) return;
    const { bus, size, subscribers } = this.#scenario;
    if (bus) {
      this.#redis = new Redis();
      await this.#redis.start();
    }
    const command = commandOf(libraryOf(this.#name), { size, ...(this.#redis && { redis: this.#redis.port }) });
    const names = subscribers.map((_, index) => `${this.#name}, server ${index + 1}`);
    this.#servers = names.map((name) => new Child(name, SUBJECT_CORE, command, ENVIRONMENT));
    for (const server of this.#servers) this.#ports.push(Number((await server.next('listening', START_TIMEOUT)).port));
  }

  /** @param {object} job */
  #startLoad(job) {
    const { inFlight, rate, size, subscribers } = this.#scenario;
    const { protocol } = libraryOf(this.#name);
    const servers = this.#ports.map((port, index) => ({ port, subscribers: subscribers[index] }));
    return startLoad(LOAD, { protocol, servers, size, inFlight, rate, ...job });
  }

  /** Of each server, and of Redis. @returns {Promise<Usage[]>} */
  async #readUsage() {
    const usages = this.#servers.map(async (server) => {
      const { cpu, time } = await server.ask('stats');
      return { cpu: Number(cpu), time: Number(time) };
    });
    if (this.#redis) usages.push(this.#redis.readUsage());
    return Promise.all(usages);
  }

  /** @param {Times} times @returns {Promise<Record<string, Sample>>} */
  async #measureLoad(times) {
    await this.#serve();
    const load = this.#startLoad({ kind: this.#scenario.kind, ...times });
    try {
      await load.next('measure', LOAD_TIMEOUT + times.warmup);
      const before = await this.#readUsage();
      const { cpu: loadCpu, latencies, rate } = await load.next('result', LOAD_TIMEOUT + times.duration);
      const after = await this.#readUsage();
      if (latencies) {
        const samples = Object.entries(latencies).map(([name, value]) => [name, { ...NO_WINDOW, value }]);
        return Object.fromEntries(samples);
      }
      const value = Number(rate);
      const shares = after.map(({ cpu, time }, index) => (cpu - before[index].cpu) / (time - before[index].time));
      const subjectCpu = shares.reduce((sum, share) => sum + share, 0);
      return { '': { value, cpu: (subjectCpu * 1e6) / value, faults: null, subjectCpu, loadCpu: Number(loadCpu) } };
    } catch (error) {
      // A server that crashed says more than the generator that lost it.
      for (const server of this.#servers) throw (await server.failure()) ?? error;
      throw error;
    } finally {
      await load.stop();
    }
  }

  /** Fresh servers each time. @returns {Promise<Record<string, Sample>>} Growth by the subscriptions alone: the connections are there before. */
  async #measureMemory() {
    try {
      this.#scenario = { ...this.#scenario, subscribers: [MEMORY_CONNECTIONS] };
      await this.#serve();
      const load = this.#startLoad({ kind: 'hold' });
      try {
        await load.next('held', LOAD_TIMEOUT);
        const [server] = this.#servers;
        const before = await server.ask('collect');
        await server.ask(this.#scenario.topics);
        const after = await server.ask('collect');
        const growth = (/** @type {'heap' | 'rss'} */ field) => (Number(after[field]) - Number(before[field])) / SUBSCRIPTIONS;
        const resident = { 'resident memory': { ...NO_WINDOW, value: growth('rss') } };
        // Bun keeps its own topics outside of the heap.
        if (libraryOf(this.#name).runtime === 'bun') return resident;
        return { heap: { ...NO_WINDOW, value: growth('heap') }, ...resident };
      } finally {
        await load.stop();
      }
    } finally {
      await this.stop();
    }
  }

  /** @param {Times} times @returns {Promise<Record<string, Sample>>} */
  async #measureCost({ duration }) {
    if (this.#servers.length === 0) {
      const { patterns, plain, scattered } = this.#scenario;
      const { topics } = entryPoints('node');
      const options = JSON.stringify({ topics, count: Number(this.#name), patterns, plain, scattered, duration });
      const child = new Child(`${this.#name} names`, SUBJECT_CORE, [...launch('node'), COST, options]);
      this.#servers = [child];
      await child.next('listening', START_TIMEOUT);
    }
    const { nanoseconds } = await this.#servers[0].ask('publish');
    return { '': { ...NO_WINDOW, value: Number(nanoseconds) } };
  }
}
