// A client connection: its options on the command line, its errors in words.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { resolve } from 'node:path';
import type { ClientOptions } from '../api/ws/options.ts';
import type { WebSocket } from '../api/ws/classes.ts';
import type { ProxyConnector } from '../proxy/connector.ts';
import { readDuration, type Values } from './arguments.ts';
import { CommandError, EXIT, UsageError } from './exit.ts';
import type { Host, Library } from './host.ts';
import { safeText } from './terminal.ts';

/** The options of every command that connects to a server. */
export const CLIENT_OPTIONS = {
  header: { value: "'NAME: VALUE'", short: 'H', multiple: true, help: 'add a header field to the request' },
  origin: { value: 'ORIGIN', short: 'o', help: 'the Origin header field' },
  subprotocol: { value: 'NAME', short: 's', multiple: true, help: 'offer a subprotocol' },
  auth: { value: 'USER:PASSWORD', help: 'basic authentication; also from the variable WASOCK_AUTH' },
  follow: { short: 'L', help: 'follow redirects' },
  compress: { help: 'offer permessage-deflate' },
  proxy: { value: 'URL', help: "connect through a proxy: http:, https:, socks5:, or 'env' for HTTP_PROXY and NO_PROXY" },
  unix: { value: 'PATH', help: 'connect to a Unix domain socket; the URL still gives the path of the request' },
  ca: { value: 'FILE', help: 'trust these certificates (PEM)' },
  cert: { value: 'FILE', help: "the client's certificate (PEM)" },
  key: { value: 'FILE', help: "the client's key (PEM)" },
  insecure: { short: 'k', help: 'accept any certificate' },
  timeout: { value: 'TIME', help: 'most time until the connection is open; default 10s' },
} as const;
export type ClientValues = Values<typeof CLIENT_OPTIONS>;

export const DEFAULT_TIMEOUT = '10s';

/** How to open a connection. */
export interface ClientPlan {
  /** For people and recordings. */
  readonly url: URL;
  /** For the constructor. */
  readonly address: string;
  readonly protocols: string[];
  /** `auth` is passed on to the HTTP request. */
  readonly options: ClientOptions & { readonly auth?: string };
}

/** The end of a connection. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
  /** The error that led to it. */
  readonly error: Error | undefined;
}

/** Reads a file that an option names. @throws {CommandError} */
export function readOptionFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(`Cannot read the file of --${option}: ${(error as Error).message}`);
  }
}

/** A URL as people write it: without a scheme it is `ws:`, with a port alone it is on this machine. @throws {UsageError} */
export function readUrl(text: string): URL {
  const full = /^[a-z][a-z+.-]*:\/\//i.test(text)
    ? text
    : `ws://${/^:?\d+(?:\/|$)/.test(text) ? `127.0.0.1:${text.replace(/^:/, '')}` : text}`;
  let url: URL;
  try {
    url = new URL(full);
  } catch {
    throw new UsageError(`Not a URL: ${JSON.stringify(text)}`);
  }
  if (url.protocol === 'http:' || url.protocol === 'https:') url = new URL(full.replace(/^http/i, 'ws'));
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new UsageError(`The URL must start with ws:// or wss://, not ${url.protocol}//`);
  if (url.hash !== '') throw new UsageError('A WebSocket URL has no fragment (#…)');
  return url;
}

function readHeaders(fields: readonly string[]): Map<string, string | string[]> {
  const headers = new Map<string, string | string[]>();
  for (const field of fields) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*?)[ \t]*$/.exec(field) ?? [];
    if (name === undefined) throw new UsageError(`--header must be 'Name: value', not ${JSON.stringify(field)}`);
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : [before, value].flat());
  }
  return headers;
}

/** @throws {UsageError} */
export async function readClientPlan(host: Host, address: string, values: ClientValues): Promise<ClientPlan> {
  const url = readUrl(address);
  const auth = values.auth ?? process.env['WASOCK_AUTH'];
  if (auth !== undefined && !auth.includes(':')) throw new UsageError('--auth must be USER:PASSWORD');
  if (values.proxy !== undefined && values.unix !== undefined) throw new UsageError('--proxy and --unix do not go together');
  if ((values.cert === undefined) !== (values.key === undefined)) throw new UsageError('--cert and --key go together');
  const file = (name: 'ca' | 'cert' | 'key'): object =>
    values[name] === undefined ? {} : { [name]: readOptionFile(name, values[name]) };
  return {
    url,
    address: values.unix === undefined ? url.href : unixAddress(values.unix, url),
    protocols: [...(values.subprotocol ?? [])],
    options: {
      headers: readHeaders(values.header ?? []),
      ...(values.origin !== undefined && { origin: values.origin }),
      ...(auth !== undefined && { auth }),
      ...file('ca'),
      ...file('cert'),
      ...file('key'),
      ...(values.insecure && { rejectUnauthorized: false }),
      ...(values.proxy !== undefined && { proxy: await findProxy(host, values.proxy) }),
      followRedirects: values.follow === true,
      perMessageDeflate: values.compress === true,
      handshakeTimeout: readDuration('--timeout', values.timeout ?? DEFAULT_TIMEOUT),
    },
  };
}

async function findProxy(host: Host, url: string): Promise<ProxyConnector> {
  const { createProxy, proxyFromEnvironment } = await host.loadProxies();
  try {
    return url === 'env' ? proxyFromEnvironment() : createProxy(url);
  } catch (error) {
    throw new UsageError(`--proxy: ${(error as Error).message}`);
  }
}

function unixAddress(path: string, url: URL): string {
  if (url.protocol !== 'ws:') throw new UsageError('--unix is for ws: URLs: there is no TLS over a Unix domain socket');
  if (path.includes(':')) throw new UsageError('--unix: a path with a colon is not possible');
  return `ws+unix:${resolve(path)}:${url.pathname}${url.search}`;
}

/** A connection that is being opened. */
export interface Client {
  readonly ws: WebSocket;
  /** @throws {CommandError} if the connection could not be opened. */
  readonly opened: Promise<void>;
  readonly closed: Promise<Closing>;
  /** Header fields of the response. */
  responseHeaders: Readonly<Record<string, unknown>>;
}

/** Begins to open a connection. */
export function startClient({ WebSocket }: Library, plan: ClientPlan): Client {
  let ws: WebSocket;
  try {
    ws = new WebSocket(plan.address, plan.protocols, plan.options);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  let lastError: Error | undefined;
  ws.on('error', (error) => {
    lastError = error;
  });
  const closed = new Promise<Closing>((done) => {
    ws.once('close', (code, reason) => done({ code, reason: reason.toString(), error: lastError }));
  });
  const opened = ws.ready.then(
    () => {},
    (error: Error) => Promise.reject(openingError(error, plan.url)),
  );
  // A command that ends before looks at it no more.
  opened.catch(() => {});
  const client: Client = { ws, opened, closed, responseHeaders: {} };
  ws.on('upgrade', ({ headers }) => {
    client.responseHeaders = headers;
  });
  return client;
}

/** The error of an opening handshake in words, with its exit code. */
function openingError(error: Error, url: URL): CommandError {
  const { code, errors } = error as NodeJS.ErrnoException & { errors?: readonly Error[] };
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ENOTFOUND: 'unknown host',
    EAI_AGAIN: 'the name of the host cannot be looked up',
    ENOENT: 'no such socket',
  };
  const isTimeout = code === 'ETIMEDOUT' || /timed out/i.test(error.message);
  const detail =
    known[code ?? ''] ?? ([error.message, ...(errors ?? []).map(({ message }) => message)].find(Boolean) || String(code));
  return new CommandError(`Cannot connect to ${url.host}: ${safeText(detail)}`, isTimeout ? EXIT.timeout : EXIT.failed);
}
