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
  #isClosed = false;
  #next: Promise<string | undefined> | undefined;

  constructor() {
    const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
    this.#interface = createInterface({
      input: process.stdin,
      ...(isTerminal && { output: process.stdout, prompt: '> ', historySize: 1000, removeHistoryDuplicates: true }),
      terminal: isTerminal,
      crlfDelay: Infinity,
    });
    this.#interface.once('close', () => (this.#isClosed = true));
    this.#lines = this.#interface[Symbol.asyncIterator]();
    this.prompt = isTerminal ? this.#interface : undefined;
    // Ctrl+C ends the lines, as Ctrl+D does.
    this.prompt?.on('SIGINT', () => this.#interface.close());
  }

  /** The prompt, until the lines are over: from then on Node.js 24 refuses to draw it. */
  get openPrompt(): Interface | undefined {
    return this.#isClosed ? undefined : this.prompt;
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

/** The whole of standard input, or what has come before `over` is aborted. */
export async function readInput(over: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  };
  const ended = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()));
  if (!over.aborted) await Promise.race([read(), ended]);
  // An input without end would keep the process.
  if (over.aborted) process.stdin.destroy();
  return Buffer.concat(chunks);
}
