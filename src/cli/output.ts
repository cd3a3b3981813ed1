// Prints the events of `connect`: messages to standard output, everything else to standard error. As text, or as JSON lines.

import { Buffer } from 'node:buffer';
import process from 'node:process';
import type { Interface } from 'node:readline';
import { describeCloseCode } from './exit.ts';
import { jsonLine, payloadFields, type Encoding, type Message } from './messages.ts';
import { painter, safeLines, safeText, showTime, type Paint } from './terminal.ts';

/** Bytes of a binary message that a terminal shows; all are written to a pipe. */
const MOST_SHOWN = 1024;

/** Back to the start of the line, and erase it (ECMA-48). */
const CLEAR_LINE = '\r\x1b[K';

export interface OutputSettings {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly encoding: Encoding;
}

export class Output {
  readonly #settings: OutputSettings;
  readonly #isTerminal = process.stdout.isTTY;
  readonly #paint: Paint = painter(process.stdout);
  readonly #paintNote: Paint = painter(process.stderr);
  /** The prompt, if there is one: it is drawn again below each line. */
  prompt: Interface | undefined;

  constructor(settings: OutputSettings) {
    this.#settings = settings;
  }

  /** Prints a message that was received. In a pipe it is as it came, with a line feed; on a terminal it cannot steer the terminal. */
  message(message: Message): void {
    if (this.#settings.json) return this.#event('message', payloadFields(message));
    if (!this.#isTerminal)
      return this.#write(`${typeof message === 'string' ? message : message.toString(this.#settings.encoding)}\n`);
    // Further lines are indented, so that a message cannot look like several lines of ours.
    const text = typeof message === 'string' ? safeLines(message).replaceAll('\n', '\n  ') : this.#binary(message);
    this.#write(`${this.#paint('green', '<')} ${text}\n`);
  }

  #binary(message: Buffer): string {
    const text = message.subarray(0, MOST_SHOWN).toString(this.#settings.encoding);
    const shown = this.#settings.encoding === 'hex' ? text.replaceAll(/(..)(?=.)/g, '$1 ') : text;
    const rest = message.length > MOST_SHOWN ? ' …' : '';
    return `${this.#paint('dim', `${message.length} bytes`)} ${shown}${rest}`;
  }

  /** A Ping or Pong of the peer, and the round trip of our own Ping in milliseconds. */
  control(type: 'ping' | 'pong', data: Buffer, roundTrip?: number): void {
    if (this.#settings.json)
      return this.#event(type, { ...payloadFields(data), ...(roundTrip !== undefined && { roundTrip }) });
    this.note(
      roundTrip === undefined
        ? `${type} ${data.length === 0 ? '' : safeText(data.toString('latin1'))}`.trim()
        : `pong ${showTime(roundTrip)}`,
    );
  }

  opened(url: string, protocol: string, extensions: string): void {
    if (this.#settings.json) return this.#event('open', { url, protocol, extensions });
    const details = [protocol && `subprotocol ${protocol}`, extensions].filter(Boolean).map((text) => ` (${safeText(text)})`);
    this.note(`Connected to ${safeText(url)}${details.join('')}`);
  }

  closed(code: number, reason: string, error: Error | undefined): void {
    if (this.#settings.json) {
      return this.#event('close', {
        code,
        reason,
        meaning: describeCloseCode(code).slice(5),
        ...(error && { error: error.message }),
      });
    }
    const details = [reason && `: ${safeText(reason)}`, error && ` (${safeText(error.message)})`].filter(Boolean);
    this.note(`Closed: ${describeCloseCode(code)}${details.join('')}`);
  }

  /** Takes the prompt away, for the last lines. */
  endPrompt(): void {
    if (this.prompt !== undefined) process.stdout.write(CLEAR_LINE);
    this.prompt = undefined;
  }

  /** A remark of ours, for people. */
  note(text: string): void {
    if (this.#settings.quiet || this.#settings.json) return;
    this.#around(process.stderr, `${this.#paintNote('dim', text)}\n`);
  }

  /** A mistake in a line that was typed. */
  complain(text: string): void {
    this.#around(process.stderr, `${this.#paintNote('red', text)}\n`);
  }

  #event(type: string, fields: object): void {
    this.#write(`${jsonLine({ type, ...fields })}\n`);
  }

  /** Bytes as they are: `--binary raw`. */
  raw(bytes: Buffer): void {
    process.stdout.write(bytes);
  }

  #write(text: string): void {
    this.#around(process.stdout, text);
  }

  /** Writes above the prompt. */
  #around(stream: NodeJS.WriteStream, text: string): void {
    if (this.prompt !== undefined) stream.write(CLEAR_LINE);
    stream.write(text);
    this.prompt?.prompt(true);
  }

  /** Whether the reader is slower than the peer; if so, `onDrain` is called once it has caught up. */
  isFull(onDrain: () => void): boolean {
    if (process.stdout.writableNeedDrain) process.stdout.once('drain', onDrain);
    return process.stdout.writableNeedDrain;
  }
}
