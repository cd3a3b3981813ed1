// One measurement of one implementation: starts the child processes that a scenario needs and returns a figure.

import { fileURLToPath } from 'node:url';

import { Child, LOAD_CORE, SUBJECT_CORE } from './children.mjs';

/** @typedef {import('./implementations.mjs').Implementation} Implementation */
/** @typedef {import('./implementations.mjs').Role} Role */
/** @typedef {import('./scenarios.mjs').Scenario} Scenario */

/**
 * @typedef {object} Sample
 * @property {number} value In the scenario's unit.
 * @property {number | null} cpu Microseconds of CPU time of the process under test for a message, delivery or handshake.
 * @property {number | null} faults Minor page faults of the process under test for the same; null where /proc is missing.
 * @property {number | null} subjectCpu Share of a core that the process under test used.
 * @property {number | null} loadCpu Share of a core that the load generator used.
 *
 * @typedef {{ warmup: number, duration: number }} Times Milliseconds.
 */

const START_TIMEOUT = 15_000;
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));
const SINK = fileURLToPath(new URL('sink.mjs', import.meta.url));
/** Connections opened and closed before idle memory is measured, so that code and pools loaded once are not counted. */
const IDLE_WARMUP_CONNECTIONS = 200;
/** What a sample without a window has. */
export const NO_WINDOW = { cpu: null, faults: null, subjectCpu: null, loadCpu: null };

/** Which program of an implementation a scenario runs. @type {Record<Scenario['kind'], Role>} */
const roleOf = {
  echo: 'server',
  deflate: 'server',
  fanout: 'server',
  'fanout-deflate': 'server',
  handshake: 'server',
  idle: 'server',
  'idle-deflate': 'server',
  client: 'client',
  start: 'start',
  codec: 'codec',
};

/** @param {Implementation} implementation @param {Role} role @param {string[]} parameters */
function startSubject(implementation, role, parameters) {
  const environment = { ...process.env, ...implementation.environment };
  return new Child(`${implementation.name} ${role}`, SUBJECT_CORE, implementation.command(role, parameters), environment);
}

/** @param {string} program @param {object} job */
export function startLoad(program, job) {
  return new Child('load generator', LOAD_CORE, [process.execPath, program, JSON.stringify(job)]);
}

/**
 * Reads the window of a counting child, and the CPU time and page faults of the process under test meanwhile.
 *
 * @param {Child} counter
 * @param {Child} subject
 * @param {Times} times
 * @returns {Promise<Sample>}
 */
async function readWindow(counter, subject, times) {
  await counter.next('measure', START_TIMEOUT + times.warmup);
  const before = { ...(await subject.ask('stats')), faults: subject.countFaults() };
  const { cpu: loadCpu, rate } = await counter.next('result', START_TIMEOUT + times.duration);
  const after = { ...(await subject.ask('stats')), faults: subject.countFaults() };
  const seconds = Number(after.time) - Number(before.time);
  const subjectCpu = (Number(after.cpu) - Number(before.cpu)) / seconds;
  const value = Number(rate);
  const faults = before.faults === null || after.faults === null ? null : (after.faults - before.faults) / seconds / value;
  return { value, cpu: (subjectCpu * 1e6) / value, faults, subjectCpu, loadCpu: Number(loadCpu) };
}

/** An implementation within one scenario. Its server, if it has one, serves all rounds. */
export class Contestant {
  #implementation;
  #scenario;
  /** @type {Child | null} */
  #server = null;
  #port = 0;

  /** @param {Implementation} implementation @param {Scenario} scenario */
  constructor(implementation, scenario) {
    this.#implementation = implementation;
    this.#scenario = scenario;
  }

  /**
   * Measures once.
   *
   * @param {Times} times
   * @returns {Promise<Sample>}
   * @throws {Error} If a child fails or takes too long.
   */
  measure(times) {
    switch (this.#scenario.kind) {
      case 'client':
        return this.#measureClient(times);
      case 'start':
        return this.#measureStart();
      case 'codec':
        return this.#measureCodec(times);
      case 'idle':
      case 'idle-deflate':
        return this.#measureIdle();
      default:
        return this.#measureServer(times);
    }
  }

  /** Ends the server. */
  async stop() {
    await this.#server?.stop();
    this.#server = null;
  }

  /** @returns {Promise<Child>} */
  async #serve() {
    if (this.#server && !this.#server.ended) return this.#server;
    const { kind, afresh, loop, tls } = this.#scenario;
    const switches = { deflate: kind.endsWith('deflate'), afresh, loop, tls };
    const parameters = Object.entries(switches).flatMap(([name, isOn]) => (isOn ? [`--${name}`] : []));
    parameters.push(`--mode=${kind.startsWith('fanout') ? 'fanout' : 'echo'}`);
    this.#server = startSubject(this.#implementation, roleOf[kind], parameters);
    this.#port = Number((await this.#server.next('listening', START_TIMEOUT)).port);
    return this.#server;
  }

  /** @param {Times} times @returns {Promise<Sample>} */
  async #measureServer(times) {
    const server = await this.#serve();
    const { raw } = this.#implementation;
    const load = startLoad(LOAD, { ...this.#scenario, ...times, raw, port: this.#port });
    try {
      return await readWindow(load, server, times);
    } catch (error) {
      // A server that crashed says more than the generator that lost it.
      throw (await server.failure()) ?? error;
    } finally {
      await load.stop();
    }
  }

  /** @param {Times} times @returns {Promise<Sample>} */
  async #measureClient(times) {
    const { inFlight, size } = this.#scenario;
    const sink = startLoad(SINK, { size, inFlight, ...times });
    /** @type {Child | null} */
    let client = null;
    try {
      const { port } = await sink.next('listening', START_TIMEOUT);
      client = startSubject(this.#implementation, 'client', [`--port=${port}`]);
      return await readWindow(sink, client, times);
    } catch (error) {
      // A client that threw says more than the sink that lost it.
      throw (await client?.failure()) ?? error;
    } finally {
      await client?.stop();
      await sink.stop();
    }
  }

  /** @returns {Promise<Sample>} */
  async #measureStart() {
    const child = startSubject(this.#implementation, 'start', []);
    try {
      const { milliseconds } = await child.next('result', START_TIMEOUT);
      return { ...NO_WINDOW, value: Number(milliseconds) };
    } finally {
      await child.stop();
    }
  }

  /** @param {Times} times @returns {Promise<Sample>} */
  async #measureCodec({ warmup, duration }) {
    const parameters = [`--size=${this.#scenario.size}`, `--warmup=${warmup}`, `--duration=${duration}`];
    const child = startSubject(this.#implementation, 'codec', parameters);
    try {
      await child.next('measure', START_TIMEOUT + warmup);
      const { cpu, rate } = await child.next('result', START_TIMEOUT + duration);
      return { ...NO_WINDOW, value: Number(rate), cpu: (Number(cpu) * 1e6) / Number(rate), subjectCpu: Number(cpu) };
    } finally {
      await child.stop();
    }
  }

  /** A fresh server each time: memory that an earlier round left behind would hide what this one takes. @returns {Promise<Sample>} */
  async #measureIdle() {
    const { connections } = this.#scenario;
    try {
      const server = await this.#serve();
      await this.#hold(IDLE_WARMUP_CONNECTIONS, async () => {});
      const before = await server.ask('collect');
      let after = before;
      await this.#hold(connections, async () => {
        after = await server.ask('collect');
      });
      return { ...NO_WINDOW, value: (Number(after.rss) - Number(before.rss)) / connections };
    } finally {
      await this.stop();
    }
  }

  /** Holds connections open meanwhile. @param {number} connections @param {() => Promise<void>} meanwhile */
  async #hold(connections, meanwhile) {
    const { raw } = this.#implementation;
    const load = startLoad(LOAD, { ...this.#scenario, connections, raw, port: this.#port });
    try {
      await load.next('held', START_TIMEOUT + connections * 20);
      await meanwhile();
    } finally {
      await load.stop();
    }
  }
}
