// `wasock connect`: a prompt for a WebSocket server, and a client for scripts.

import { Buffer } from 'node:buffer';
import type { WebSocket } from '../api/ws/classes.ts';
import { CLOSE_NORMAL, isValidCloseCode } from '../base/close-codes.ts';
import { toError } from '../base/realms.ts';
import { elapsed } from '../clock.ts';
import { backoffDelay } from '../reconnecting/backoff.ts';
import { defineCommand, readChoice, readDuration, type Arguments, type Command, type Options } from './arguments.ts';
import { CLIENT_OPTIONS, DEFAULT_TIMEOUT, readClientPlan, startClient, type Client, type ClientPlan } from './client.ts';
import { CommandError, describeCloseCode, EXIT, exitCodeOf, UsageError, type ExitCode } from './exit.ts';
import type { Host, Library } from './host.ts';
import { Lines, readInput } from './input.ts';
import { decodeBinary, messageFrom, messageOf, type Encoding, type Message } from './messages.ts';
import { Output } from './output.ts';
import { startRecording, type Recorder, type Track } from './recording.ts';
import { showSize, showTime } from './terminal.ts';
import { onSignal, sleep } from './wait.ts';

const OPTIONS = {
  ...CLIENT_OPTIONS,
  execute: { value: 'MESSAGE', short: 'x', multiple: true, help: 'send this message, instead of lines of standard input' },
  once: { help: 'send standard input as one message, print the first answer, and close' },
  wait: { value: 'TIME', short: 'w', help: "stay this long after the last message, or 'forever'; default 2s" },
  binary: { value: 'ENCODING', help: 'lines are binary messages in hex or base64; with --once also raw bytes' },
  json: { help: 'JSON lines, in and out' },
  ping: { value: 'TIME', help: 'send a Ping each TIME, and print its round trip' },
  slash: { help: 'lines such as /ping, /pong and /close are commands' },
  reconnect: { help: 'connect again when the connection is lost' },
  record: { value: 'FILE', help: 'write a recording: JSON lines, or an HTTP Archive if the name ends in .har' },
  'record-secrets': { help: 'keep headers, credentials and the query of the URL in the recording' },
  quiet: { short: 'q', help: 'print messages only' },
} as const satisfies Options;

export const command: Command = defineCommand({
  operands: ['URL'],
  summary: 'Talks to a WebSocket server: by a prompt on a terminal, else by lines of standard input.',
  options: OPTIONS,
  notes: `Examples:
  wasock connect wss://example.com/
  echo '{"id":1}' | wasock connect --once ws://127.0.0.1:8080/ | jq .
  wasock connect --json --execute hello --wait 1s ws://127.0.0.1:8080/`,
  run,
});

/** Waiting times between attempts of `--reconnect`, in milliseconds. */
const BACKOFF = { initial: 500, maximum: 30_000, factor: 2, jitter: 0.5, resetAfter: 5000 };

/** The options, read. */
interface Plan {
  readonly client: ClientPlan;
  readonly execute: readonly string[] | undefined;
  readonly wait: number;
  readonly pingInterval: number | undefined;
  readonly timeout: number;
  readonly binary: Encoding | 'raw' | undefined;
  readonly json: boolean;
  readonly once: boolean;
  readonly slash: boolean;
  readonly reconnect: boolean;
  readonly compress: boolean;
}

async function readPlan(host: Host, { operands: [url], values }: Arguments<typeof OPTIONS>): Promise<Plan> {
  const once = values.once === true;
  const encodings = once ? (['hex', 'base64', 'raw'] as const) : (['hex', 'base64'] as const);
  const pingInterval = values.ping === undefined ? undefined : readDuration('--ping', values.ping);
  if (pingInterval === 0) throw new UsageError('--ping must be more than 0');
  if (once && values.reconnect) throw new UsageError('--once and --reconnect do not go together');
  if (once && (values.execute?.length ?? 0) > 1) throw new UsageError('--once sends one message: give --execute only once');
  if (values.binary !== undefined && values.json)
    throw new UsageError('--binary and --json do not go together: use {"base64": "…"}');
  if (values['record-secrets'] && values.record === undefined) throw new UsageError('--record-secrets needs --record');
  return {
    client: await readClientPlan(host, url, values),
    execute: values.execute,
    wait: values.wait === 'forever' ? Infinity : readDuration('--wait', values.wait ?? '2s'),
    pingInterval,
    timeout: readDuration('--timeout', values.timeout ?? DEFAULT_TIMEOUT),
    binary: values.binary === undefined ? undefined : readChoice('--binary', values.binary, encodings),
    json: values.json === true,
    once,
    slash: values.slash === true,
    reconnect: values.reconnect === true,
    compress: values.compress === true,
  };
}

async function run(host: Host, args: Arguments<typeof OPTIONS>): Promise<ExitCode> {
  const plan = await readPlan(host, args);
  const { values } = args;
  const encoding = plan.binary === 'base64' ? 'base64' : 'hex';
  const output = new Output({ json: plan.json, quiet: values.quiet === true || plan.once, encoding });
  const recorder =
    values.record === undefined ? undefined : await startRecording(values.record, values['record-secrets'] === true);
  try {
    return await new Connect(plan, await host.load(), output, recorder).run();
  } finally {
    await recorder?.close();
  }
}

class Connect {
  readonly #plan: Plan;
  readonly #library: Library;
  readonly #output: Output;
  readonly #recorder: Recorder | undefined;
  readonly #lines: Lines | undefined;
  /** Aborted by a signal: no further connection. */
  readonly #ending = new AbortController();
  #signalCode: ExitCode | undefined;
  #track: Track | undefined;
  #ws: WebSocket | undefined;

  constructor(plan: Plan, library: Library, output: Output, recorder: Recorder | undefined) {
    this.#plan = plan;
    this.#library = library;
    this.#output = output;
    this.#recorder = recorder;
    if (!plan.once && plan.execute === undefined) this.#lines = new Lines();
    this.#lines?.prompt?.once('close', () => output.endPrompt());
  }

  async run(): Promise<ExitCode> {
    const stopListening = onSignal((code) => {
      this.#signalCode = code;
      this.#ending.abort();
      this.#lines?.close();
      this.#ws?.close(CLOSE_NORMAL);
    });
    try {
      const code = this.#plan.reconnect ? await this.#connectAgain() : await this.#connect();
      return this.#signalCode ?? code;
    } catch (error) {
      // Whatever the signal has cut short is no error.
      if (this.#signalCode === undefined || !(error instanceof CommandError)) throw error;
      return this.#signalCode;
    } finally {
      stopListening();
      this.#lines?.close();
    }
  }

  /** Connects until we end the connection ourselves. */
  async #connectAgain(): Promise<ExitCode> {
    for (let retries = 0; ; retries++) {
      const start = elapsed();
      let code: ExitCode | undefined;
      try {
        code = await this.#connect();
      } catch (error) {
        if (!(error instanceof CommandError) || error.exitCode === EXIT.usage) throw error;
        this.#output.note(error.message);
      }
      if (this.#ending.signal.aborted) return code ?? EXIT.failed;
      if (elapsed() - start > BACKOFF.resetAfter) retries = 0;
      const delay = backoffDelay(BACKOFF, retries, Math.random());
      this.#output.note(`Connecting again in ${showTime(delay)}`);
      await sleep(delay, this.#ending.signal);
      if (this.#ending.signal.aborted) return code ?? EXIT.failed;
    }
  }

  async #connect(): Promise<ExitCode> {
    const client = startClient(this.#library, this.#plan.client);
    const { ws } = client;
    this.#ws = ws;
    const over = new AbortController();
    void client.closed.then(() => over.abort());
    // Messages may come with the response: nothing is read before we listen.
    const answer = this.#listen(client);
    await client.opened;
    this.#startTrack(client);
    this.#output.opened(this.#plan.client.url.href.replace(/\/\/[^/]*@/, '//'), ws.protocol, ws.extensions);
    const pings = this.#plan.pingInterval === undefined ? undefined : this.#ping(ws, this.#plan.pingInterval, over.signal);
    let failure: Error | undefined;
    try {
      if (this.#plan.once) await this.#sendOnce(client, answer, over.signal);
      else await this.#sendAll(ws, over.signal);
      if (ws.readyState === ws.OPEN) ws.close(CLOSE_NORMAL);
    } catch (error) {
      failure = toError(error);
      ws.terminate();
    }
    const { code, reason, error } = await client.closed;
    await pings;
    this.#track?.end(code, reason);
    this.#output.endPrompt();
    if (failure !== undefined) throw failure;
    this.#output.closed(code, reason, error);
    if (this.#plan.compress) this.#showCompression();
    return this.#plan.once ? EXIT.done : exitCodeOf(code);
  }

  #startTrack({ ws, responseHeaders }: Client): void {
    const { url, options } = this.#plan.client;
    const requestHeaders = {
      ...Object.fromEntries(options.headers as ReadonlyMap<string, unknown>),
      ...(options.auth !== undefined && { authorization: `Basic ${btoa(options.auth)}` }),
    };
    this.#track = this.#recorder?.start({ url: url.href, protocol: ws.protocol, requestHeaders, responseHeaders });
  }

  /** Prints messages and events. @returns The first message. */
  async #listen({ ws, opened }: Client): Promise<Message> {
    ws.pause();
    void opened.then(
      () => ws.resume(),
      () => {},
    );
    const resume = (): void => ws.resume();
    return await new Promise((first) => {
      ws.on('message', (data, isBinary) => {
        const message = messageOf(data, isBinary);
        this.#track?.message('receive', message);
        first(message);
        if (!this.#plan.once) this.#output.message(message);
        if (this.#output.isFull(resume) || this.#recorder?.isFull(resume)) ws.pause();
      });
      if (this.#plan.json || this.#plan.slash) ws.on('ping', (data) => this.#output.control('ping', data));
      ws.on('pong', (data) => {
        const sent = this.#pings.get(data.toString('latin1'));
        this.#pings.delete(data.toString('latin1'));
        if (sent !== undefined) this.#output.control('pong', data, elapsed() - sent);
        else if (this.#plan.json || this.#plan.slash) this.#output.control('pong', data);
      });
    });
  }

  /** Pings without a Pong, with the time of each. */
  readonly #pings = new Map<string, number>();
  #pingCount = 0;

  #sendPing(ws: WebSocket, text = String(++this.#pingCount)): void {
    if (Buffer.byteLength(text) > 125) throw new UsageError('The data of a Ping has at most 125 bytes');
    // A peer need not answer: only the last ones are waited for.
    if (this.#pings.size >= 100) this.#pings.clear();
    this.#pings.set(Buffer.from(text).toString('latin1'), elapsed());
    ws.ping(text);
  }

  async #ping(ws: WebSocket, interval: number, over: AbortSignal): Promise<void> {
    while (ws.readyState === ws.OPEN) {
      this.#sendPing(ws);
      await sleep(interval, over);
    }
  }

  async #sendOnce({ ws, closed }: Client, answer: Promise<Message>, over: AbortSignal): Promise<void> {
    const { execute, binary, timeout } = this.#plan;
    const input = execute === undefined ? await readInput(over) : Buffer.from(execute[0]);
    if (!over.aborted) {
      await this.#send(ws, binary === 'raw' ? input : this.#messageOfLine(input.toString().replace(/\r?\n$/, '')));
    }
    const message = await Promise.race([answer, sleep(timeout, over)]);
    if (message === undefined) {
      if (!over.aborted) throw new CommandError(`No answer within ${showTime(timeout)}`, EXIT.timeout);
      const { code } = await closed;
      const text = `The connection was closed before an answer came: ${describeCloseCode(code)}`;
      throw new CommandError(text, exitCodeOf(code) || EXIT.failed);
    }
    if (binary === 'raw') this.#output.raw(Buffer.from(message));
    else this.#output.message(message);
  }

  async #sendAll(ws: WebSocket, over: AbortSignal): Promise<void> {
    const { execute, wait } = this.#plan;
    for (const message of execute ?? []) await this.#send(ws, this.#messageOfLine(message));
    if (this.#lines !== undefined) await this.#sendLines(ws, this.#lines, over);
    if (this.#lines?.prompt === undefined) await sleep(wait, this.#both(over));
    // The end of the input is ours.
    if (!over.aborted) this.#ending.abort();
  }

  /** Aborted with `over`, or by a signal. */
  #both(over: AbortSignal): AbortSignal {
    return AbortSignal.any([over, this.#ending.signal]);
  }

  async #sendLines(ws: WebSocket, lines: Lines, over: AbortSignal): Promise<void> {
    this.#output.prompt = lines.openPrompt;
    lines.openPrompt?.prompt();
    const ended = new Promise<'ended'>((resolve) => over.addEventListener('abort', () => resolve('ended')));
    while (!over.aborted) {
      const line = await Promise.race([lines.next(), ended]);
      // A connection that is ending takes nothing: the line is for the next one.
      if (ws.readyState !== ws.OPEN) await ended;
      if (over.aborted) return;
      lines.taken();
      if (line === undefined) return;
      try {
        await this.#takeLine(ws, line);
      } catch (error) {
        if (over.aborted) return;
        if (!(error instanceof UsageError)) throw error;
        if (lines.prompt === undefined) throw error;
        this.#output.complain(error.message);
        continue;
      }
      lines.openPrompt?.prompt();
    }
  }

  async #takeLine(ws: WebSocket, line: string): Promise<void> {
    if (this.#plan.slash && line.startsWith('/')) return this.#takeCommand(ws, line);
    if (this.#lines?.prompt !== undefined && line === '') return;
    if (!this.#plan.json) return await this.#send(ws, this.#messageOfLine(line));
    if (line.trim() === '') return;
    let fields: Readonly<Record<string, unknown>> | null;
    try {
      fields = JSON.parse(line) as Readonly<Record<string, unknown>> | null;
    } catch {
      throw new UsageError(`Not JSON: ${line}`);
    }
    const message = messageFrom(fields ?? {});
    if (message !== undefined) return await this.#send(ws, message);
    if (typeof fields?.['ping'] === 'string') return this.#sendPing(ws, fields['ping']);
    if (typeof fields?.['close'] === 'number')
      return close(ws, fields['close'], typeof fields['reason'] === 'string' ? fields['reason'] : '');
    throw new UsageError(`A line must have "text", "base64", "ping" or "close": ${line}`);
  }

  #takeCommand(ws: WebSocket, line: string): void {
    const [, name, rest] = /^\/(\w*)\s*(.*)$/s.exec(line) ?? ['', '', ''];
    if (name === 'ping') return this.#sendPing(ws, rest === '' ? undefined : rest);
    if (name === 'pong') return ws.pong(rest);
    if (name === 'close') {
      const [, code, reason] = /^(\d*)\s*(.*)$/s.exec(rest) ?? ['', '', ''];
      return close(ws, code === '' ? CLOSE_NORMAL : Number(code), reason);
    }
    throw new UsageError('Commands are /ping [DATA], /pong [DATA] and /close [CODE [REASON]]');
  }

  #messageOfLine(line: string): Message {
    const { binary } = this.#plan;
    return binary === 'hex' || binary === 'base64' ? decodeBinary(line, binary) : line;
  }

  /** Sends a message. If the connection is ending, its end tells why the message is lost. */
  async #send(ws: WebSocket, message: Message): Promise<void> {
    this.#track?.message('send', message);
    try {
      await ws.sendAsync(message);
    } catch (error) {
      if (ws.readyState === ws.OPEN) throw error;
    }
  }

  #showCompression(): void {
    const { compressedOut, compressedIn } = this.#library.metrics().client;
    const ratio = (name: string, { messages, compressedBytes, payloadBytes }: typeof compressedIn): string =>
      messages === 0
        ? `${name} nothing`
        : `${name} ${showSize(payloadBytes)} as ${showSize(compressedBytes)} (${((100 * compressedBytes) / payloadBytes).toFixed(1)} %)`;
    this.#output.note(`Compression: ${ratio('sent', compressedOut)}, ${ratio('received', compressedIn)}`);
  }
}

/** @throws {UsageError} for a code or a reason that must not be sent. */
function close(ws: WebSocket, code: number, reason: string): void {
  if (!isValidCloseCode(code)) throw new UsageError('A close code is 1000 to 1014 but for 1004 to 1006, or 3000 to 4999');
  if (Buffer.byteLength(reason) > 123) throw new UsageError('A close reason has at most 123 bytes');
  ws.close(code, reason);
}
