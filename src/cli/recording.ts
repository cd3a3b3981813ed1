// Recordings of connections: JSON lines, or an HTTP Archive (HAR 1.2) with the `_webSocketMessages` of browsers' DevTools.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { chmod, readFile, stat } from 'node:fs/promises';
import { version } from '../base/version.ts';
import { elapsed, now } from '../clock.ts';
import { beforeEnd, CommandError } from './exit.ts';
import { jsonLine, messageFrom, payloadFields, type Message } from './messages.ts';

/** `send` is from the client to the server, `receive` the other way. */
export type Direction = 'send' | 'receive';

/** A connection as a recording describes it. */
export interface RecordedConnection {
  readonly url: string;
  readonly protocol: string;
  /** Header fields of the request that the command was given, and of the response. Only with `--record-secrets`. */
  readonly requestHeaders: Readonly<Record<string, unknown>>;
  readonly responseHeaders: Readonly<Record<string, unknown>>;
}

/** One connection of a recording. */
export interface Track {
  message(direction: Direction, message: Message): void;
  end(code: number, reason: string): void;
}

/** A recording that is being written. */
export interface Recorder {
  start(opened: RecordedConnection): Track;
  /** Whether the file takes more for now; if not, `onDrain` is called once it does. */
  isFull(onDrain: () => void): boolean;
  /** Completes the file. */
  close(): Promise<void>;
}

/** A message of a recording. `time` is in milliseconds since the connection was open. */
export interface RecordedMessage {
  readonly direction: Direction;
  readonly time: number;
  readonly message: Message;
}

/** Leaves out secrets: the credentials and the query of a URL, and all header fields. */
function withoutSecrets({ url, protocol }: RecordedConnection): RecordedConnection {
  const { protocol: scheme, host, pathname } = new URL(url);
  return { url: `${scheme}//${host}${pathname}`, protocol, requestHeaders: {}, responseHeaders: {} };
}

/**
 * Starts a recording.
 *
 * @param path A name that ends in `.har` makes an HTTP Archive. An existing file is replaced; only its owner may read it.
 * @param hasSecrets Whether to keep headers, credentials and the query of the URL.
 * @throws {CommandError} if the file cannot be written.
 */
export async function startRecording(path: string, hasSecrets: boolean): Promise<Recorder> {
  const stream = createWriteStream(path, { mode: 0o600 });
  try {
    await once(stream, 'open');
    // A file that was there keeps its mode.
    if ((await stat(path)).isFile()) await chmod(path, 0o600);
  } catch (error) {
    stream.destroy();
    throw new CommandError(`Cannot write the recording: ${(error as Error).message}`);
  }
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure = error;
    // A full disk, for example. Code that waits for the file goes on, and `close` reports the error.
    stream.emit('drain');
  });
  const recorder = path.endsWith('.har') ? new HarRecorder(stream) : new LineRecorder(stream);
  const complete = async (): Promise<void> => {
    if (failure !== undefined) return;
    stream.end(recorder.tail());
    await once(stream, 'close').catch(() => {});
  };
  const forget = beforeEnd(complete);
  return {
    start: (opened) => recorder.start(hasSecrets ? opened : withoutSecrets(opened)),
    isFull(onDrain) {
      if (stream.writableNeedDrain) stream.once('drain', onDrain);
      return stream.writableNeedDrain;
    },
    async close() {
      forget();
      await complete();
      if (failure !== undefined) throw new CommandError(`Cannot write the recording: ${failure.message}`);
    },
  };
}

/** A line for each event. */
class LineRecorder {
  readonly #stream: WriteStream;
  #connections = 0;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  start({ url, protocol, requestHeaders, responseHeaders }: RecordedConnection): Track {
    const connection = ++this.#connections;
    const start = elapsed();
    const write = (type: string, fields: object): void => {
      // The process is ending while messages still come.
      if (this.#stream.writableEnded) return;
      const time = Math.round((elapsed() - start) * 1000) / 1000;
      this.#stream.write(`${jsonLine({ type, connection, time, ...fields })}\n`);
    };
    const headers = Object.keys(responseHeaders).length > 0 ? { requestHeaders, responseHeaders } : {};
    write('open', { started: new Date(now()).toISOString(), url, protocol, ...headers });
    return {
      message: (direction, message) => write(direction, payloadFields(message)),
      end: (code, reason) => write('close', { code, reason }),
    };
  }

  tail(): string {
    return '';
  }
}

const nameAndValue = (fields: Readonly<Record<string, unknown>>): object[] =>
  Object.entries(fields).map(([name, value]) => ({ name, value: String(value) }));

/** An entry for each connection, written at its end: the messages of an entry lie in one list. */
class HarRecorder {
  readonly #stream: WriteStream;
  #entries = 0;
  readonly #open = new Set<() => void>();

  constructor(stream: WriteStream) {
    this.#stream = stream;
    const creator = JSON.stringify({ name: 'wasock', version });
    stream.write(`{"log":{"version":"1.2","creator":${creator},"pages":[],"entries":[`);
  }

  start(opened: RecordedConnection): Track {
    const [started, start] = [now(), elapsed()];
    const messages: string[] = [];
    const finish = (code = 1006, reason = ''): void => {
      if (!this.#open.delete(finish) || this.#stream.writableEnded) return;
      const entry = harEntry(opened, started, elapsed() - start, { code, reason });
      // The messages are text already, so that a long connection does not keep an object for each.
      const text = JSON.stringify(entry).replace(/\}$/, `,"_webSocketMessages":[`);
      this.#stream.write(`${this.#entries++ === 0 ? '' : ','}\n${text}\n${messages.join(',\n')}]}`);
    };
    this.#open.add(finish);
    return {
      message(type, message) {
        const [opcode, data] = typeof message === 'string' ? [1, message] : [2, message.toString('base64')];
        messages.push(jsonLine({ type, time: (started + elapsed() - start) / 1000, opcode, data }));
      },
      end: finish,
    };
  }

  tail(): string {
    for (const finish of this.#open) finish();
    return '\n]}}\n';
  }
}

function harEntry(
  opened: RecordedConnection,
  started: number,
  time: number,
  closing: { code: number; reason: string },
): object {
  const url = new URL(opened.url);
  const common = { httpVersion: 'HTTP/1.1', cookies: [], headersSize: -1, bodySize: 0 };
  return {
    startedDateTime: new Date(started).toISOString(),
    time,
    _resourceType: 'websocket',
    request: {
      ...common,
      method: 'GET',
      url: url.href,
      headers: nameAndValue(opened.requestHeaders),
      queryString: Array.from(url.searchParams, ([name, value]) => ({ name, value })),
    },
    response: {
      ...common,
      status: 101,
      statusText: 'Switching Protocols',
      headers: nameAndValue(opened.responseHeaders),
      content: { size: 0, mimeType: 'x-unknown' },
      redirectURL: '',
    },
    cache: {},
    timings: { send: 0, wait: 0, receive: time },
    _webSocketClose: closing,
  };
}

/**
 * Reads the messages of a recording, in their order.
 *
 * @param connection Number of the connection, from 1.
 * @throws {CommandError} if the file cannot be read, is no recording, or lacks the connection.
 */
export async function readRecording(path: string, connection: number): Promise<RecordedMessage[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CommandError(`Cannot read the recording: ${(error as Error).message}`);
  }
  try {
    return path.endsWith('.har') ? readHar(text, connection) : readLines(text, connection);
  } catch (error) {
    throw new CommandError(`${path} is no recording of wasock: ${(error as Error).message}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function directionOf(type: unknown): Direction | undefined {
  return type === 'send' || type === 'receive' ? type : undefined;
}

function readLines(text: string, connection: number): RecordedMessage[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const events = lines.map((line) => JSON.parse(line) as Fields).filter((fields) => fields['connection'] === connection);
  if (events.length === 0) throw new Error(`there is no connection ${connection}`);
  return events.flatMap((fields) => {
    const [direction, message] = [directionOf(fields['type']), messageFrom(fields)];
    if (direction === undefined || message === undefined) return [];
    return { direction, message, time: Number(fields['time']) || 0 };
  });
}

function readHar(text: string, connection: number): RecordedMessage[] {
  const { log } = JSON.parse(text) as { log?: { entries?: Fields[] } };
  const entries = (log?.entries ?? []).filter((entry) => Array.isArray(entry['_webSocketMessages']));
  const entry = entries.at(connection - 1);
  if (entry === undefined) throw new Error(`there is no connection ${connection}`);
  const messages = entry['_webSocketMessages'] as Fields[];
  const start = Number(messages.at(0)?.['time']) || 0;
  return messages.flatMap(({ type, time, opcode, data }) => {
    const direction = directionOf(type);
    if (direction === undefined || (opcode !== 1 && opcode !== 2) || typeof data !== 'string') return [];
    const message = opcode === 1 ? data : Buffer.from(data, 'base64');
    return { direction, message, time: ((Number(time) || 0) - start) * 1000 };
  });
}
