// `wasock listen`: a server that echoes, chats, runs a program, or serves topics.

import type { IncomingMessage } from 'node:http';
import type { WebSocket, WebSocketServer } from '../api/ws/classes.ts';
import type { ServerOptions } from '../api/ws/options.ts';
import { defineCommand, readDuration, type Arguments, type Command, type Options } from './arguments.ts';
import { EXIT, UsageError, type ExitCode } from './exit.ts';
import type { Host, Library } from './host.ts';
import { Log, LOG_OPTIONS } from './log.ts';
import { messageOf } from './messages.ts';
import { readServerPlan, serveUntilSignal, SERVER_OPTIONS, startServer } from './server.ts';

/** Bytes of echoes that may wait for a client. */
const MOST_WAITING = 1_048_576;
/** Bytes of a chat that may wait for a client before it is closed. */
const MOST_WAITING_CHAT = 16 * MOST_WAITING;

const OPTIONS = {
  chat: { help: 'send each message to all other clients' },
  execute: { value: 'PROGRAM', short: 'x', help: 'run a program for each connection: its lines are messages' },
  topics: { help: 'serve topics (wasock.topics.v1) to everybody' },
  'topic-bus': { value: 'URL', help: 'serve topics over Redis: redis://…' },
  static: { value: 'FOLDER', help: 'serve the files of a folder over HTTP as well' },
  origin: { value: 'ORIGIN', short: 'o', multiple: true, help: 'only web pages of this origin may connect' },
  subprotocol: { value: 'NAME', short: 's', multiple: true, help: 'subprotocols to agree on' },
  path: { value: 'PATH', help: 'the only path to accept' },
  compress: { help: 'agree on permessage-deflate' },
  ping: { value: 'TIME', help: 'ping silent clients each TIME, and drop those that do not answer' },
  ...SERVER_OPTIONS,
  ...LOG_OPTIONS,
} as const satisfies Options;

export const command: Command = defineCommand({
  operands: ['PORT'],
  summary: 'Serves WebSockets. Without --chat, --execute or --topics, each message is sent back.',
  options: OPTIONS,
  notes: `Examples:
  wasock listen 8080
  wasock listen 8080 --chat --static public
  wasock listen 8080 --execute 'tr a-z A-Z'`,
  run,
});

/** Whether a web page comes from this machine. */
const isLocalPage = (origin: string): boolean => /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i.test(origin);

/** Serves a connection. */
type Serve = (ws: WebSocket, request: IncomingMessage, connection: number) => void;

async function run(host: Host, { operands: [port], values }: Arguments<typeof OPTIONS>): Promise<ExitCode> {
  const plan = readServerPlan(port, values);
  const log = new Log(values.log, values.verbose);
  const isTopics = values.topics === true || values['topic-bus'] !== undefined;
  if ([values.chat === true, values.execute !== undefined, isTopics].filter(Boolean).length > 1) {
    throw new UsageError('--chat, --execute and --topics exclude each other');
  }
  const interval = values.ping === undefined ? undefined : readDuration('--ping', values.ping);
  if (interval === 0) throw new UsageError('--ping must be more than 0');
  const library = await host.load();
  const topics = isTopics ? await (await import('./topics.ts')).startTopics(values['topic-bus'], log) : undefined;
  try {
    const files =
      values.static === undefined ? undefined : await (await import('./static-files.ts')).staticFiles(values.static, log);
    const protocols = topics === undefined ? (values.subprotocol ?? []) : [topics.protocol];
    const options: ServerOptions<typeof WebSocket> = {
      perMessageDeflate: values.compress === true,
      heartbeat: interval === undefined ? false : { interval, timeout: interval },
      // Messages of others wait for a client that does not read: not without end.
      ...(values.chat && { maxBufferedAmount: MOST_WAITING_CHAT }),
      handleProtocols: (offered) => protocols.find((name) => offered.has(name)) ?? false,
      ...(values.path !== undefined && { path: values.path }),
      // A program must not serve every page that a browser of this machine shows.
      ...(values.origin !== undefined
        ? { allowedOrigins: [...values.origin] }
        : values.execute !== undefined && { allowedOrigins: isLocalPage }),
    };
    const { server, address } = await startServer(library, plan, options, files);
    const serve = topics?.serve ?? (await chooseServe(library, server, values, log));
    let connections = 0;
    server.on('connection', (ws, request) => {
      const connection = ++connections;
      log.opened(connection, request.clientAddress ?? '', request.url ?? '');
      ws.on('error', (error) => log.error(connection, error));
      ws.on('close', (code, reason) => log.closed(connection, code, reason.toString()));
      serve(ws, request, connection);
    });
    await serveUntilSignal(
      server,
      plan,
      log,
      `ws${plan.tls ? 's' : ''}://${address}/`,
      files && ` and http${plan.tls ? 's' : ''}://${address}/`,
    );
  } finally {
    await topics?.close();
  }
  return EXIT.done;
}

/** The one of the options, or the echo. */
async function chooseServe(
  { broadcast }: Library,
  { clients }: WebSocketServer,
  { chat, execute }: Arguments<typeof OPTIONS>['values'],
  log: Log,
): Promise<Serve> {
  if (execute !== undefined) {
    const { runProgram } = await import('./program.ts');
    return (ws, request, connection) => {
      ws.on('message', (data, isBinary) => log.message(connection, 'receive', messageOf(data, isBinary)));
      runProgram(execute, ws, request, (error) => log.error(connection, error));
    };
  }
  return (ws, _request, connection) => {
    ws.on('message', (data, isBinary) => {
      log.message(connection, 'receive', messageOf(data, isBinary));
      if (chat) return broadcast(clients, data, { binary: isBinary, except: ws });
      ws.send(data, { binary: isBinary });
      if (ws.bufferedAmount <= MOST_WAITING) return;
      // A client that does not read its echoes is not read either.
      ws.pause();
      ws.once('drain', () => ws.resume());
    });
  };
}
