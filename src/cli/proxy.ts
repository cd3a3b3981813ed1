// `wasock proxy`: passes connections on to a server, shows and records their messages, and makes faults on purpose.

import type { IncomingMessage } from 'node:http';
import type { WebSocket } from '../api/ws/classes.ts';
import type { RawData } from '../api/ws/types.ts';
import {
  defineCommand,
  readChoice,
  readDuration,
  readNumber,
  type Arguments,
  type Command,
  type Options,
} from './arguments.ts';
import { CLIENT_OPTIONS, readClientPlan, startClient, type Client, type ClientPlan } from './client.ts';
import { EXIT, UsageError, type ExitCode } from './exit.ts';
import { Lane, seededRandom, type Faults } from './faults.ts';
import type { Host, Library } from './host.ts';
import { Log, LOG_OPTIONS } from './log.ts';
import { messageOf } from './messages.ts';
import { startRecording, type Direction, type Recorder } from './recording.ts';
import { readServerPlan, serveUntilSignal, SERVER_OPTIONS, startServer } from './server.ts';
import { sleep } from './wait.ts';

const { header, ca, insecure, timeout, unix, proxy } = CLIENT_OPTIONS;
const OPTIONS = {
  delay: { value: 'TIME', help: 'each message waits this long' },
  jitter: { value: 'TIME', help: 'and up to this long on top, at random; the order stays' },
  drop: { value: 'PROBABILITY', help: 'lose messages at random: 0 to 1' },
  'cut-after': { value: 'NUMBER', help: 'cut a connection after this many messages, without a Close frame' },
  'cut-time': { value: 'TIME', help: 'cut a connection after this time, without a Close frame' },
  only: { value: 'DIRECTION', help: "delay and drop only what goes to the server, 'up', or to the client, 'down'" },
  seed: { value: 'NUMBER', help: 'make the same random choices each time' },
  record: { value: 'FILE', help: 'write a recording: JSON lines, or an HTTP Archive if the name ends in .har' },
  'record-secrets': { help: 'keep headers, credentials and the query of the URL in the recording' },
  compress: { help: 'agree on permessage-deflate with both sides' },
  header,
  ca,
  insecure,
  timeout,
  unix,
  proxy,
  ...SERVER_OPTIONS,
  ...LOG_OPTIONS,
} as const satisfies Options;
type ProxyValues = Arguments<typeof OPTIONS>['values'];

export const command: Command = defineCommand({
  operands: ['PORT', 'URL'],
  summary: 'Passes connections on to a server, and makes faults on purpose.',
  options: OPTIONS,
  notes: `The path and the header fields of a request are passed on, unless URL has a path of its own.

Examples:
  wasock proxy 9090 ws://127.0.0.1:8080/ --verbose
  wasock proxy 9090 ws://127.0.0.1:8080/ --delay 200ms --jitter 100ms --drop 0.01
  wasock proxy 9090 wss://example.com/ --record talk.har`,
  run,
});

/** How to spoil connections. */
interface FaultPlan {
  readonly up: Faults | undefined;
  readonly down: Faults | undefined;
  readonly cutAfter: number;
  /** Milliseconds; undefined for never. */
  readonly cutTime: number | undefined;
}

function readFaults(values: ProxyValues): FaultPlan {
  const seed = values.seed === undefined ? undefined : readNumber('--seed', values.seed, { isInteger: true });
  const faults: Faults = {
    delay: readDuration('--delay', values.delay ?? '0'),
    jitter: readDuration('--jitter', values.jitter ?? '0'),
    drop: readNumber('--drop', values.drop ?? '0', { most: 1 }),
    random: seed === undefined ? Math.random : seededRandom(seed),
  };
  const only = values.only === undefined ? undefined : readChoice('--only', values.only, ['up', 'down']);
  const cutAfter = values['cut-after'];
  return {
    up: only === 'down' ? undefined : faults,
    down: only === 'up' ? undefined : faults,
    cutAfter: cutAfter === undefined ? Infinity : readNumber('--cut-after', cutAfter, { isInteger: true }),
    cutTime: values['cut-time'] === undefined ? undefined : readDuration('--cut-time', values['cut-time']),
  };
}

/** Header fields that belong to one connection, or that our client writes itself. */
const OWN_FIELDS =
  /^(?:connection|upgrade|host|keep-alive|te|trailer|transfer-encoding|content-length|proxy-.*|sec-websocket-.*|origin)$/;

/** The plan of the connection to the server, for a request. */
function planFor(plan: ClientPlan, request: IncomingMessage): ClientPlan {
  const url = new URL(plan.url);
  if (url.pathname === '/' && url.search === '') {
    // By the setters: a path such as `//host` must not change the host.
    const [path, query = ''] = (request.url ?? '/').split(/\?(.*)/s);
    url.pathname = path;
    url.search = query;
  }
  const passed = Object.entries(request.headers).filter(([name]) => !OWN_FIELDS.test(name)) as [string, string | string[]][];
  const own = plan.options.headers as ReadonlyMap<string, string | string[]>;
  const { origin } = request.headers;
  return {
    url,
    address: plan.address.startsWith('ws+unix:')
      ? `${plan.address.split(':', 2).join(':')}:${url.pathname}${url.search}`
      : url.href,
    protocols: (request.headers['sec-websocket-protocol'] ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    options: { ...plan.options, headers: new Map([...passed, ...own]), ...(origin !== undefined && { origin }) },
  };
}

async function run(host: Host, { operands: [port, url], values }: Arguments<typeof OPTIONS>): Promise<ExitCode> {
  const plan = readServerPlan(port, values);
  const client = await readClientPlan(host, url, {
    header: values.header,
    ca: values.ca,
    insecure: values.insecure,
    timeout: values.timeout,
    unix: values.unix,
    proxy: values.proxy,
    compress: values.compress,
  });
  const faults = readFaults(values);
  const log = new Log(values.log, values.verbose);
  if (values['record-secrets'] && values.record === undefined) throw new UsageError('--record-secrets needs --record');
  const recorder =
    values.record === undefined ? undefined : await startRecording(values.record, values['record-secrets'] === true);
  try {
    const library = await host.load();
    const upstreams = new Upstreams(library, client, log);
    const { server, address } = await startServer(library, plan, {
      perMessageDeflate: values.compress === true,
      autoPong: false,
      verifyClient: ({ req }, done) => upstreams.open(req, done),
      handleProtocols: (_offered, request) => upstreams.of(request)?.ws.protocol || false,
    });
    let connections = 0;
    server.on('connection', (ws, request) => {
      const connection = ++connections;
      log.opened(connection, request.clientAddress ?? '', request.url ?? '');
      new Pair(connection, ws, upstreams.take(request)!, faults, log, recorder).start(request);
    });
    await serveUntilSignal(
      server,
      plan,
      log,
      `ws${plan.tls ? 's' : ''}://${address}/`,
      ` for ${client.url.protocol}//${client.url.host}/`,
    );
  } finally {
    await recorder?.close();
  }
  return EXIT.done;
}

/** Connections to the server, by the requests that they are for. A client is accepted once its connection is open. */
class Upstreams {
  readonly #library: Library;
  readonly #plan: ClientPlan;
  readonly #log: Log;
  readonly #clients = new WeakMap<IncomingMessage, Client & { readonly plan: ClientPlan }>();

  constructor(library: Library, plan: ClientPlan, log: Log) {
    this.#library = library;
    this.#plan = plan;
    this.#log = log;
  }

  of(request: IncomingMessage): (Client & { readonly plan: ClientPlan }) | undefined {
    return this.#clients.get(request);
  }

  /** The connection for a client that is accepted: its {@link Pair} ends it. */
  take(request: IncomingMessage): (Client & { readonly plan: ClientPlan }) | undefined {
    const client = this.#clients.get(request);
    this.#clients.delete(request);
    return client;
  }

  open(request: IncomingMessage, done: (isAccepted: boolean, code?: number, message?: string) => void): void {
    const refuse = (error: Error): void => {
      this.#log.error(undefined, error);
      done(false, 502, 'Bad Gateway');
    };
    let client: Client;
    const plan = planFor(this.#plan, request);
    try {
      client = startClient(this.#library, { ...plan, options: { ...plan.options, autoPong: false } });
    } catch (error) {
      // A request of the client of which no request can be made: it is no mistake of the command line.
      return refuse(error as Error);
    }
    this.#clients.set(request, Object.assign(client, { plan }));
    // A client that leaves before it is accepted takes its connection along.
    const leave = (): void => client.ws.terminate();
    request.socket.once('close', leave);
    // Nothing is read before the client is there.
    client.ws.once('open', () => {
      client.ws.pause();
      request.socket.off('close', leave);
      done(true);
      // No connection was made: the client has left, or has ended its side, or the server is closing.
      if (this.#clients.has(request)) leave();
    });
    client.opened.catch(refuse);
  }
}

/** A connection of a client with its connection to the server. */
class Pair {
  readonly #connection: number;
  readonly #client: WebSocket;
  readonly #server: WebSocket;
  readonly #upstream: Client & { readonly plan: ClientPlan };
  readonly #faults: FaultPlan;
  readonly #log: Log;
  readonly #recorder: Recorder | undefined;
  readonly #cut = new AbortController();
  #messages = 0;

  constructor(
    connection: number,
    client: WebSocket,
    upstream: Client & { readonly plan: ClientPlan },
    faults: FaultPlan,
    log: Log,
    recorder: Recorder | undefined,
  ) {
    this.#connection = connection;
    this.#client = client;
    this.#server = upstream.ws;
    this.#upstream = upstream;
    this.#faults = faults;
    this.#log = log;
    this.#recorder = recorder;
  }

  start(request: IncomingMessage): void {
    const track = this.#recorder?.start({
      url: this.#upstream.plan.url.href,
      protocol: this.#server.protocol,
      requestHeaders: request.headers,
      responseHeaders: this.#upstream.responseHeaders,
    });
    const record = (direction: Direction, data: RawData, isBinary: boolean): void =>
      track?.message(direction, messageOf(data, isBinary));
    this.#join(this.#client, this.#server, 'send', this.#faults.up, record);
    this.#join(this.#server, this.#client, 'receive', this.#faults.down, record);
    this.#server.once('close', (code, reason) => {
      this.#log.closed(this.#connection, code, reason.toString());
      track?.end(code, reason.toString());
    });
    const { cutTime } = this.#faults;
    if (cutTime !== undefined) void sleep(cutTime, this.#cut.signal).then(() => this.#cutNow());
    this.#server.resume();
  }

  #join(
    from: WebSocket,
    to: WebSocket,
    direction: Direction,
    faults: Faults | undefined,
    record: (direction: Direction, data: RawData, isBinary: boolean) => void,
  ): void {
    const lane = new Lane(from, to, faults, this.#cut.signal);
    const resume = (): void => from.resume();
    from.on('error', (error) => this.#log.error(this.#connection, error));
    from.on('message', (data, isBinary) => {
      const isDropped = lane.drops();
      this.#log.message(this.#connection, direction, messageOf(data, isBinary), isDropped ? 'dropped' : '');
      if (!isDropped) {
        record(direction, data, isBinary);
        lane.pass((data as Buffer).length, (target) => target.send(data, { binary: isBinary }));
        if (this.#recorder?.isFull(resume)) from.pause();
      }
      if (++this.#messages >= this.#faults.cutAfter) this.#cutNow();
    });
    from.on('ping', (data) => lane.pass(data.length, (target) => target.ping(data)));
    from.on('pong', (data) => lane.pass(data.length, (target) => target.pong(data)));
    from.once('close', (code, reason) => {
      lane.end(code, reason);
      this.#ends++;
      if (this.#ends === 2) this.#cut.abort();
    });
  }

  #ends = 0;

  #cutNow(): void {
    if (this.#cut.signal.aborted) return;
    this.#cut.abort();
    this.#log.event('cut', { connection: this.#connection });
    this.#client.terminate();
    this.#server.terminate();
  }
}
