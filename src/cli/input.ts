// Lines to send: from a prompt with history, or from standard input.

import { Buffer } from 'node:buffer';
import process from 'node:process';
import { createInterface, type Interface } from 'node:readline';

/** Lines one by one. A line that a lost connection did not take is there for the next one. */
export class Lines {
  /** The prompt, on a terminal. */
  readonly prompt: Interface | undefined;
  readonly #lines: AsyncIterator<string, unknown>;
  readonly #interface: Interface;
  #next: Promise<string | undefined> | undefined;

  constructor() {
    const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
    this.#interface = createInterface({
      input: process.stdin,
      ...(isTerminal && { output: process.stdout, prompt: '> ', historySize: 1000, removeHistoryDuplicates: true }),
      terminal: isTerminal,
      crlfDelay: Infinity,
    });
    this.#lines = this.#interface[Symbol.asyncIterator]();
    this.prompt = isTerminal ? this.#interface : undefined;
    // Ctrl+C ends the lines, as Ctrl+D does.
    this.prompt?.on('SIGINT', () => this.#interface.close());
  }

  /** The next line, and again until {@link taken}; undefined at the end. */
  async next(): Promise<string | undefined> {
    this.#next ??= this.#lines.next().then(({ value, done }) => (done ? undefined : value));
    return await this.#next;
  }

  taken(): void {
    this.#next = undefined;
  }

  close(): void {
    this.#interface.close();
  }
}

/** The whole of standard input. */
export async function readInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
