// The log of `listen` and `proxy`: a line for each event, as text for people or as JSON.

import process from 'node:process';
import { now } from '../clock.ts';
import { readChoice } from './arguments.ts';
import { describeCloseCode } from './exit.ts';
import { jsonLine, payloadFields, type Message } from './messages.ts';
import type { Direction } from './recording.ts';
import { painter, safeText } from './terminal.ts';

/** Characters of a message that the log as text shows. */
const MOST_SHOWN = 200;

export const LOG_OPTIONS = {
  log: { value: 'FORMAT', help: "the log on standard output: text, json or none; default 'text'" },
  verbose: { short: 'V', help: 'log each message' },
} as const;

/** Writes events of numbered connections. */
export class Log {
  readonly #format: 'text' | 'json' | 'none';
  readonly #paint = painter(process.stdout);
  readonly #isVerbose: boolean;

  /** @throws {UsageError} */
  constructor(format = 'text', isVerbose = false) {
    this.#format = readChoice('--log', format, ['text', 'json', 'none']);
    this.#isVerbose = isVerbose;
  }

  listening(url: string, detail = ''): void {
    this.#event('listening', { url }, () => `Listening on ${url}${detail}`);
  }

  opened(connection: number, address: string, path: string): void {
    this.#event(
      'open',
      { connection, address, path },
      () => `${this.#name(connection)} open ${safeText(`${address} ${path}`)}`,
    );
  }

  message(connection: number, direction: Direction, message: Message, note = ''): void {
    if (!this.#isVerbose) return;
    this.#event(direction, { connection, ...payloadFields(message), ...(note && { note }) }, () => {
      const sign = direction === 'send' ? this.#paint('cyan', '>') : this.#paint('green', '<');
      const text =
        typeof message === 'string'
          ? message
          : `${message.length} bytes ${message.subarray(0, MOST_SHOWN / 2).toString('hex')}`;
      const shown = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
      return `${this.#name(connection)} ${sign} ${safeText(shown)}${note && this.#paint('yellow', ` (${note})`)}`;
    });
  }

  closed(connection: number, code: number, reason: string): void {
    this.#event('close', { connection, code, reason }, () => {
      const detail = reason && `: ${safeText(reason)}`;
      return `${this.#name(connection)} closed ${describeCloseCode(code)}${detail}`;
    });
  }

  error(connection: number | undefined, error: Error): void {
    this.#event('error', { connection, error: error.message }, () => {
      return `${connection === undefined ? '' : `${this.#name(connection)} `}${this.#paint('red', 'error')} ${safeText(error.message)}`;
    });
  }

  /** The server has stopped. Numbers of connections: closed in order, and cut. */
  stopped(closed: number, terminated: number): void {
    this.#event('shutdown', { closed, terminated }, () => `Stopped: ${closed} connections closed, ${terminated} cut`);
  }

  /** Anything else, such as a request for a file. */
  event(type: string, fields: Readonly<Record<string, unknown>>): void {
    this.#event(type, fields, () => safeText([type, ...Object.values(fields).map(String)].join(' ')));
  }

  #name(connection: number): string {
    return this.#paint('blue', `#${connection}`);
  }

  #event(type: string, fields: object, text: () => string): void {
    if (this.#format === 'none') return;
    const time = new Date(now()).toISOString();
    const line =
      this.#format === 'json' ? jsonLine({ time, type, ...fields }) : `${this.#paint('dim', time.slice(11, 23))} ${text()}`;
    process.stdout.write(`${line}\n`);
  }
}
