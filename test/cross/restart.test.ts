// A rolling restart under load: server processes behind a TCP switch, clients that connect again. Each message is acknowledged, or its sender
// sees its connection close before: nothing is lost in silence.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, expect, test, type TestContext } from 'vitest';
import { WebSocket } from '../../adapters/node/index.ts';
import { startProgram, type Program, type ProgramRuntime } from '../support/programs.ts';

const CLIENTS = 40;
const RESTARTS = 3;
/** Messages that are acknowledged between two restarts. */
const LOAD = 400;
/** Messages of one client that wait for their acknowledgement. */
const WINDOW = 8;
const SHUTDOWN = { timeout: 20_000, spread: 600 };

type AtEnd = TestContext['onTestFinished'];

/** What a server has reported at its end. */
interface Account {
  readonly result: { readonly closed: number; readonly terminated: number; readonly unsentMessages: number };
  /** Connections that it has accepted. */
  readonly accepted: number;
  /** Messages that it has received. */
  readonly received: readonly string[];
}

/** A server process that acknowledges each message (test/cross/acknowledging.ts). */
class ServerProcess {
  readonly port: number;
  readonly #program: Program;

  private constructor(program: Program, port: number) {
    this.#program = program;
    this.port = port;
  }

  static async start(atEnd: AtEnd, runtime: ProgramRuntime): Promise<ServerProcess> {
    const program = await startProgram('test/cross/acknowledging.ts', runtime, SHUTDOWN);
    atEnd(() => program.close());
    return new ServerProcess(program, Number(await program.line()));
  }

  /** Sends SIGTERM. The process shuts its server down, tells what it has done, and ends by itself. */
  async stop(): Promise<Account> {
    process.kill(this.#program.pid, 'SIGTERM');
    const account = JSON.parse(await this.#program.line()) as Account;
    const exit = await this.#program.ended;
    if (exit !== 0) throw new Error(`The server has ended with ${exit}`);
    return account;
  }
}

/** Passes new connections on to the server that is named last. Old connections stay where they are. */
class Switch {
  port = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((near) => {
      const far = connect(this.port, '127.0.0.1');
      Switch.#join(near, far);
      Switch.#join(far, near);
    });
  }

  static #join(from: Socket, to: Socket): void {
    from.setNoDelay(true).pipe(to);
    from.on('error', () => to.resetAndDestroy());
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
  }
}

/** Sends numbered messages, and connects again whenever its connection ends. */
class Client {
  readonly acknowledged = new Set<string>();
  /** Messages whose connection ended before their acknowledgement. */
  readonly unknown = new Set<string>();
  /** How each connection ended. */
  readonly codes: number[] = [];
  readonly failures: string[] = [];
  sent = 0;
  isOpen = false;
  readonly #url: string;
  readonly #name: number;
  #isOver = false;

  constructor(url: string, name: number) {
    this.#url = url;
    this.#name = name;
  }

  /** Runs until {@link stop}. */
  async run(): Promise<void> {
    while (!this.#isOver) {
      await this.#connect();
      await new Promise((resolve) => void setTimeout(resolve, 20 + (this.#name % 5) * 10));
    }
  }

  stop(): void {
    this.#isOver = true;
  }

  async #connect(): Promise<void> {
    const waiting: string[] = [];
    const ws = new WebSocket(this.#url, { perMessageDeflate: this.#name % 2 === 0 });
    const send = (): void => {
      while (!this.#isOver && waiting.length < WINDOW && ws.readyState === WebSocket.OPEN) {
        const message = `${this.#name}:${this.sent++}`;
        waiting.push(message);
        ws.send(message.padEnd(message.length + ((this.sent * 37) % 3000), '.'));
      }
      if (this.#isOver && waiting.length === 0) ws.close(1000);
    };
    ws.on('open', send);
    ws.on('message', (data) => {
      const message = (data as Buffer).toString();
      // In order: each acknowledgement is that of the oldest message.
      if (waiting.shift() !== message) this.failures.push(`${message} is acknowledged out of turn`);
      this.acknowledged.add(message);
      setTimeout(send, 2);
    });
    ws.on('open', () => (this.isOpen = true));
    // An opening handshake that meets the shutdown fails: 503, or a reset. Nothing was sent then.
    ws.on('error', ({ message }) => {
      if (this.isOpen) this.failures.push(message);
    });
    const code = await new Promise<number>((resolve) => void ws.on('close', resolve));
    if (this.isOpen) this.codes.push(code);
    this.isOpen = false;
    for (const message of waiting) this.unknown.add(message);
  }
}

describe.each<ProgramRuntime>(['node', 'deno', 'bun'])('servers on %s', (runtime) => {
  test('are restarted under load, and no message is lost in silence', async ({ onTestFinished }) => {
    const front = new Switch();
    onTestFinished(() => front.close());
    const url = await front.listen();
    let server = await ServerProcess.start(onTestFinished, runtime);
    front.port = server.port;
    const clients = Array.from({ length: CLIENTS }, (_, name) => new Client(url, name));
    const runs = clients.map((client) => client.run());
    const accounts: Account[] = [];
    for (let restart = 0; restart < RESTARTS; restart++) {
      const next = await ServerProcess.start(onTestFinished, runtime);
      const count = (): number => clients.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
      // A client between two connections would not see the restart.
      for (const goal = count() + LOAD; count() < goal || !clients.every(({ isOpen }) => isOpen);)
        await new Promise((resolve) => void setTimeout(resolve, 10));
      front.port = next.port;
      accounts.push(await server.stop());
      server = next;
    }
    for (const client of clients) client.stop();
    await Promise.all(runs);
    accounts.push(await server.stop());

    expect(clients.flatMap(({ failures }) => failures)).toEqual([]);
    // Each message is acknowledged, or its sender knows that it may be lost.
    for (const { acknowledged, unknown, sent } of clients) expect(acknowledged.size + unknown.size).toBe(sent);
    // An acknowledged message was received, once, and nothing was received that was not sent.
    const received = accounts.flatMap((account) => account.received);
    expect(new Set(received).size).toBe(received.length);
    const all = new Set(received);
    expect(clients.flatMap(({ acknowledged }) => [...acknowledged]).filter((message) => !all.has(message))).toEqual([]);
    // All ends were clean. The counts of the servers are those of the clients.
    const codes = clients.flatMap((client) => client.codes);
    expect(new Set(codes)).toEqual(new Set([1000, 1001]));
    for (const { result } of accounts) expect(result).toMatchObject({ terminated: 0, unsentMessages: 0 });
    const closed = accounts.reduce((sum, { result }) => sum + result.closed, 0);
    expect(codes.filter((code) => code === 1001).length).toBe(closed);
    expect(accounts.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(codes.length);
    expect(closed).toBeGreaterThanOrEqual(CLIENTS * RESTARTS);
    expect(received.length).toBeGreaterThan(LOAD * RESTARTS);
  });
});
