// Runs the examples as people do: each in a process of its own, on a port that the system picks. `ws` is the peer that judges them.

import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { WebSocket } from 'ws';
import { ROOT } from '../support/mini-runner/bundle.ts';

/** Where a runtime of test/runtimes is. */
function installed(name: string): string {
  return join(ROOT, 'test/runtimes/node_modules/.bin', name);
}

export const NODE: string = process.execPath;
export const NODE_24: string = join(ROOT, 'test/runtimes/node_modules/node-24/bin/node');
export const DENO: string = installed('deno');
export const BUN: string = installed('bun');
export const WORKERD: string = installed('workerd');

/** Whether a runtime is installed. */
export function has(binary: string): boolean {
  return existsSync(binary);
}

/** The path of a file of the examples. */
export function example(path: string): string {
  return join(ROOT, 'examples', path);
}

export interface ProgramOptions {
  /** More variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the repository. */
  readonly cwd?: string;
}

const running = new Set<Program>();

/** Ends what a test has started and left running. */
export async function endPrograms(): Promise<void> {
  await Promise.all(Array.from(running, (program) => program.end('SIGKILL')));
}

/** A process, and what it has printed so far. Its fourth file is a control channel, as workerd has it; its lines count as printed. */
export class Program {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown[]>;
  readonly #changes = new EventEmitter();
  #isOver = false;
  /** What it has written to its standard output and control channel. */
  output = '';
  /** What it has written to its standard error. */
  errors = '';

  constructor(binary: string, args: readonly string[], { env, cwd = ROOT }: ProgramOptions = {}) {
    this.#child = spawn(binary, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    running.add(this);
    this.#closed = once(this.#child, 'close');
    void this.#closed.finally(() => {
      running.delete(this);
      this.#isOver = true;
      this.#changes.emit('change');
    });
    const [, output, errors, control] = this.#child.stdio as Readable[];
    for (const stream of [output, control]) {
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        this.#changes.emit('change');
      });
    }
    errors.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
      this.#changes.emit('change');
    });
  }

  /** What `pattern` matches of all that the process prints, as soon as it does. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output) ?? pattern.exec(this.errors);
      if (match !== null) return match;
      if (this.#isOver) throw new Error(`The process ended without printing ${pattern}:\n${this.output}${this.errors}`);
      await once(this.#changes, 'change');
    }
  }

  /** The `host:port` of the first URL that the process prints. */
  async listens(): Promise<string> {
    return (await this.printed(/(?:http|ws):\/\/([\w.]+:\d+)\//))[1];
  }

  /** Its exit code, or the signal that ended it, once its output is complete. */
  async ended(): Promise<unknown> {
    const [code, signal] = await this.#closed;
    return code ?? signal;
  }

  /** Sends it a signal. Resolves as {@link ended} does. */
  async end(signal: NodeJS.Signals): Promise<unknown> {
    this.#child.kill(signal);
    return await this.ended();
  }
}

/** An open WebSocket of `ws` to `url`. */
export async function connect(url: string): Promise<WebSocket> {
  const ws = new WebSocket(url);
  await once(ws, 'open');
  return ws;
}

/** The next message that `ws` receives: a string if it is text. */
export async function nextMessage(ws: WebSocket): Promise<string | Buffer> {
  const [data, isBinary] = (await once(ws, 'message')) as [Buffer, boolean];
  return isBinary ? data : data.toString();
}

/** The code and reason by which `ws` closes. */
export async function closing(ws: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

/** Sends `message`, and gives what comes back. */
export async function exchange(ws: WebSocket, message: string | Buffer): Promise<string | Buffer> {
  const answer = nextMessage(ws);
  ws.send(message);
  return await answer;
}

/** Sends a frame with the reserved opcode 3, then gives the code by which the peer closes. */
export async function breakProtocol(url: string): Promise<number> {
  const ws = await connect(url);
  const closed = closing(ws);
  ws.on('error', () => {});
  (ws as unknown as { readonly _socket: { write(bytes: Buffer): void } })._socket.write(Buffer.from('838000000000', 'hex'));
  return (await closed)[0];
}

/** The error of a handshake that must not succeed. */
export async function refusal(url: string): Promise<string> {
  const ws = new WebSocket(url);
  const [error] = (await once(ws, 'error')) as [Error];
  return error.message;
}
