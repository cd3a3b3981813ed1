// A process under attack, its peers, and the memory and time that an attack costs it. Needs Linux's /proc, as the pinned runtimes need Linux.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import { PATIENCE } from '../support/patience.ts';
import { acceptanceHead, requestHead, until } from '../support/sockets.ts';
import { startProgram, type Program, type ProgramRuntime } from '../support/programs.ts';
import type { Order, Report, VictimPlan } from './victim.ts';

/** The runtimes that are attacked, by the name that they have in tables. */
export const RUNTIMES: readonly (readonly [name: string, runtime: ProgramRuntime])[] = [
  ['Node.js 24', 'node-24'],
  ['Deno', 'deno'],
  ['Bun', 'bun'],
];
/** Those, and the machine's Node.js. */
export const ALL_RUNTIMES: typeof RUNTIMES = [['Node.js', 'node'], ...RUNTIMES];

export type Role = 'server' | 'client';

const PROGRAM = 'test/attacks/victim.ts';
const MIB = 2 ** 20;
/** Milliseconds of CPU time in one tick of /proc. */
const TICK = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** The costs of an attack. */
export interface Costs {
  /** MiB above the memory before the attack, at its peak. */
  readonly memory: number;
  /** Milliseconds of CPU time. */
  readonly cpu: number;
  /** Longest time in milliseconds in which the event loop did not turn. */
  readonly block: number;
}

/** Bounds of the costs, generous: an attack that is not bounded at all costs far more. */
export interface Bounds {
  readonly memory: number;
  readonly cpu: number;
}

/** What {@link Victim.endures} writes for the table in docs/security.md, where the variable names a file. */
export interface Recorded extends Costs {
  readonly attack: string;
  readonly bound: string;
  readonly runtime: string;
}
const RECORD = process.env['RECORD_ATTACKS'];

/** The end of a connection, for a peer. */
export function closed(socket: Socket): Promise<unknown> {
  return socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve));
}

/** Writes `chunk` until it has been written `times`, as fast as the victim reads. Stops when the connection ends. @returns Chunks written. */
export async function pour(socket: Socket, chunk: Uint8Array | string, times: number = Infinity): Promise<number> {
  for (let index = 0; index < times; index++) {
    if (socket.destroyed || !socket.writable) return index;
    if (!socket.write(chunk)) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          socket.off('drain', go).off('close', go);
          resolve();
        };
        socket.on('drain', go).on('close', go);
      });
    } else if (index % 64 === 63) await new Promise((resolve) => void setImmediate(resolve));
  }
  return times;
}

export class Victim {
  readonly runtime: string;
  readonly role: Role;
  readonly port: number;
  readonly #program: Program;
  readonly #options: object;
  #waiting: Promise<unknown> = Promise.resolve();

  private constructor(runtime: string, role: Role, program: Program, options: object, port: number) {
    this.runtime = runtime;
    this.role = role;
    this.port = port;
    this.#program = program;
    this.#options = options;
  }

  /** Starts a server with `options`, or a program whose clients get them. Ends it with the test. */
  static async start(runtime: ProgramRuntime, role: Role, options: object = {}): Promise<Victim> {
    const plan: VictimPlan = role === 'server' ? { server: options } : {};
    const program = await startProgram(PROGRAM, runtime, plan);
    onTestFinished(() => program.close());
    const { port } = JSON.parse(await program.line()) as { port: number };
    return new Victim(runtime, role, program, options, port);
  }

  get #isSecure(): boolean {
    return 'tls' in this.#options;
  }

  /** Gives an order and waits for its answer. Orders are answered one after the other. */
  async order<Answer = unknown>(order: Order): Promise<Answer> {
    const answer = this.#waiting.then(async () => {
      this.#program.send(JSON.stringify(order));
      return JSON.parse(await this.#program.line()) as Answer;
    });
    this.#waiting = answer.catch(() => {});
    return await answer;
  }

  report(): Promise<Report> {
    return this.order<Report>({ do: 'report' });
  }

  /** Waits until the victim's report fulfils `condition`. */
  async reports(what: string, condition: (report: Report) => boolean): Promise<Report> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const report = await this.report();
      if (condition(report)) return report;
      if (Date.now() > end) throw new Error(`Waited for ${what}: ${JSON.stringify(report)}`);
      await new Promise((resolve) => void setTimeout(resolve, 20));
    }
  }

  /** A TCP connection to the server, with TLS if it has that. */
  async dial(isSecure: boolean = this.#isSecure): Promise<Socket> {
    const { port } = this;
    const socket = isSecure
      ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : connectTcp({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    await once(socket, isSecure ? 'secureConnect' : 'connect');
    onTestFinished(() => void socket.destroy());
    return socket;
  }

  /** So many of them. */
  async dialAll(count: number, isSecure?: boolean): Promise<Socket[]> {
    return await inBatches(count, () => this.dial(isSecure));
  }

  /** Peers of open connections: clients of the server, or servers that its clients have connected to. What the victim sends is read and dropped. */
  async peers(count: number, path: string = '/', fields: readonly string[] = []): Promise<Socket[]> {
    if (this.role === 'client') return await this.#servers(count, fields);
    return await inBatches(count, async () => {
      const socket = await this.dial();
      const head = readHead(socket);
      socket.write(requestHead(path, fields));
      assert.match(await head, /^HTTP\/1\.1 101 /);
      return socket.resume();
    });
  }

  async #servers(count: number, fields: readonly string[]): Promise<Socket[]> {
    const sockets: Socket[] = [];
    const url = await this.serve((socket, key) => {
      socket.write(acceptanceHead(key, fields));
      sockets.push(socket.resume());
    });
    await inBatches(count, () => this.order({ do: 'connect', url, options: this.#options }));
    await until('the clients', () => sockets.length === count);
    return sockets;
  }

  /** A server for the victim's clients. @param onRequest Gets the socket and the key of each request. @returns Its URL. */
  async serve(onRequest: (socket: Socket, key: string) => void): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      onTestFinished(() => void socket.destroy());
      void readHead(socket).then((head) => onRequest(socket, /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? ''));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  /**
   * Measures an attack, and checks its costs. After it the victim must have thrown nothing, and a server must serve the next client.
   *
   * @param what The attack, and its bound, as the table of docs/security.md has them.
   */
  async endures(
    what: readonly [attack: string, bound: string],
    bounds: Bounds,
    attack: () => Promise<unknown>,
  ): Promise<Costs> {
    await this.#warmUp();
    const process = this.#program.pid;
    // Sets the peak of the memory back.
    writeFileSync(`/proc/${process}/clear_refs`, '5');
    const memoryBefore = memoryOf(process).now;
    const cpuBefore = cpuOf(process);
    await attack();
    const { block, unhandled } = await this.report();
    const costs: Costs = {
      memory: Math.max(0, Math.round((memoryOf(process).peak - memoryBefore) / MIB)),
      cpu: Math.round(cpuOf(process) - cpuBefore),
      block,
    };
    assert.deepEqual(unhandled, []);
    if (this.role === 'server') await this.#serves();
    if (RECORD !== undefined) {
      const recorded: Recorded = { attack: what[0], bound: what[1], runtime: this.runtime, ...costs };
      appendFileSync(RECORD, `${JSON.stringify(recorded)}\n`);
    }
    assert.ok(costs.memory < bounds.memory, `${costs.memory} MiB, at most ${bounds.memory}`);
    assert.ok(costs.cpu < bounds.cpu, `${costs.cpu} ms of CPU time, at most ${bounds.cpu}`);
    return costs;
  }

  /** What a process does once, such as compiling, is no cost of an attack. */
  async #warmUp(): Promise<void> {
    const [message, close] = this.role === 'server' ? ['8182000000006869', '88820000000003e8'] : ['81026869', '880203e8'];
    for (const peer of await this.peers(3)) {
      peer.end(Buffer.from(message + close, 'hex'));
      await closed(peer);
    }
    await this.reports('the end of the first connections', ({ open }) => open === 0);
    await this.order({ do: 'reset' });
  }

  /** The next client gets a WebSocket and an echo, after a time if there is a limit on handshakes. */
  async #serves(): Promise<void> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const socket = await this.dial();
      const head = readHead(socket);
      socket.write(requestHead());
      if ((await head).startsWith('HTTP/1.1 101 ')) {
        const answered = once(socket, 'data');
        socket.write(Buffer.from('8182000000006869', 'hex'));
        assert.match(String((await answered)[0]), /hi/);
        return void socket.destroy();
      }
      if (Date.now() > end) throw new Error(`The server does not serve: ${await head}`);
      await new Promise((resolve) => void setTimeout(resolve, 100));
    }
  }
}

/** Reads an HTTP head, and what comes with it. */
export function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let head = '';
    const onData = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (head.includes('\r\n\r\n')) finish();
    };
    const finish = (): void => {
      socket.off('data', onData).off('close', finish);
      resolve(head);
    };
    socket.on('data', onData).on('close', finish);
  });
}

async function inBatches<Value>(count: number, make: () => Promise<Value>): Promise<Value[]> {
  const values: Value[] = [];
  while (values.length < count) {
    values.push(...(await Promise.all(Array.from({ length: Math.min(100, count - values.length) }, make))));
  }
  return values;
}

/** Resident memory of a process in bytes. */
function memoryOf(process: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${process}/status`, 'utf8');
  const read = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1]);
  return { now: read('VmRSS'), peak: read('VmHWM') };
}

/** Milliseconds of CPU time of a process, in user and system mode. */
function cpuOf(process: number): number {
  // The second field, the name, is in parentheses and may have spaces.
  const fields = readFileSync(`/proc/${process}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}
