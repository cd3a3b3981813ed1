// Every limit of the main entry points: its option, its default as the sources have it, and the answer to a peer beyond it. docs/security.md has
// this as a table; test/docs.test.ts compares the comments of the options with it.

import { ADMISSION_OPTIONS } from '../../src/admission/options.ts';
import * as defaults from '../../src/base/options.ts';
import { DEFAULT_MAXIMUM_PAYLOAD } from '../../src/compat/fibjs/message.ts';
import { ConnectionSettings } from '../../src/protocol/settings.ts';

const seconds = (milliseconds: number): string => `${milliseconds / 1000} s`;
const bytes = (count: number): string => (count >= 2 ** 30 ? `${count / 2 ** 30} GiB` : `${count / 2 ** 20} MiB`);
const settings = new ConnectionSettings({ role: 'server' });

/** A limit of 0 is none. */
const ofZero = (limit: number): string => (limit === 0 ? 'none' : limit.toLocaleString('en'));

export interface Limit {
  readonly option: string;
  readonly subject: string;
  /** As the documents write it. */
  readonly byDefault: string;
  readonly beyond: string;
}

/** In the order of a connection's life. */
export const LIMITS: readonly Limit[] = [
  {
    option: 'headersTimeout',
    subject: "time for TLS and a request's header, of a server that listens by itself",
    byDefault: seconds(defaults.DEFAULT_HEADERS_TIMEOUT),
    beyond: 'status 408, connection closed',
  },
  {
    option: 'handshakeTimeout',
    subject: "time of a client's opening handshake",
    byDefault: 'none, as in `ws`',
    beyond: "'error' event",
  },
  {
    option: 'maxRedirects',
    subject: 'redirects that a client follows, if it follows them',
    byDefault: String(defaults.DEFAULT_MAX_REDIRECTS),
    beyond: "'error' event",
  },
  { option: 'allowedOrigins', subject: 'web pages that may connect', byDefault: 'all', beyond: 'status 403' },
  {
    option: 'maxPayload',
    subject: 'bytes of a message, inflated',
    byDefault: bytes(settings.maxPayload),
    beyond: 'close code 1009',
  },
  {
    option: 'maxFragments',
    subject: 'fragments of a message',
    byDefault: ofZero(settings.maxFragments),
    beyond: 'close code 1008',
  },
  {
    option: 'maxBufferedChunks',
    subject: 'reads for one unfinished frame',
    byDefault: ofZero(settings.maxBufferedChunks),
    beyond: 'close code 1008',
  },
  {
    option: 'maxBufferedAmount',
    subject: 'bytes that wait for one peer',
    byDefault: bytes(settings.maxBufferedAmount),
    beyond: 'connection dropped, or see `bufferPolicy`',
  },
  {
    option: 'heartbeat',
    subject: 'silence of a peer',
    byDefault: `off; true: ${seconds(defaults.DEFAULT_HEARTBEAT_INTERVAL)} + ${seconds(defaults.DEFAULT_HEARTBEAT_TIMEOUT)}`,
    beyond: 'connection dropped',
  },
  {
    option: 'closeTimeout',
    subject: 'time of the closing handshake',
    byDefault: seconds(settings.closeTimeout),
    beyond: 'socket destroyed',
  },
];

/** The defaults in the comments of options, by name, or by the file and the name where that file has another one; `|` between those of two sides. */
export const IN_COMMENTS: ReadonlyMap<string, string> = new Map([
  ['maxPayload', `Default ${bytes(defaults.DEFAULT_MAX_PAYLOAD)}.`],
  ...['src/compat/fibjs/socket.ts', 'src/compat/fibjs/upgrade.ts'].map(
    (file) => [`${file} maxPayload`, `Default ${bytes(DEFAULT_MAXIMUM_PAYLOAD)}.`] as const,
  ),
  ...['src/native/options.ts', 'src/nodejs/lowlevel/receiver.ts', 'src/nodejs/lowlevel/per-message-deflate.ts'].map(
    (file) => [`${file} maxPayload`, '0, the default, for'] as const,
  ),
  ['src/platform.ts maxPayload', 'Left out:'],
  ['maxFragments', 'the default'],
  ['maxBufferedChunks', 'the default'],
  ['maxBufferedAmount', `Default ${bytes(defaults.DEFAULT_MAX_BUFFERED_AMOUNT)}.`],
  ['closeTimeout', `Default ${defaults.DEFAULT_CLOSE_TIMEOUT.toLocaleString('en')}.`],
  ['src/compat/websocket-node/types.ts closeTimeout', 'Default 5,000.'],
  ['handshakeTimeout', `Default ${defaults.DEFAULT_HANDSHAKE_TIMEOUT.toLocaleString('en')}.`],
  ['src/api/ws/options.ts handshakeTimeout', 'Default: none.'],
  ['src/compat/classic/types.ts handshakeTimeout', 'Default 30,000.|Default 10,000.'],
  ['src/handshake/opening.ts handshakeTimeout', 'left out for no limit'],
  ['headersTimeout', `Default ${defaults.DEFAULT_HEADERS_TIMEOUT.toLocaleString('en')}.`],
  ['maxRedirects', `Default ${defaults.DEFAULT_MAX_REDIRECTS}.`],
  ['maxReceivedFrameSize', 'Default 1 MiB for a client, 64 KiB for a server.'],
  ['maxReceivedMessageSize', 'Default 8 MiB for a client, 1 MiB for a server.'],
  ['fragmentationThreshold', 'Default 16 KiB.'],
  ['keepaliveInterval', 'Default 20,000.'],
  ['keepaliveGracePeriod', 'Default 10,000.'],
  ['adapters/bun/bun.ts idleTimeout', "Bun's default: 120."],
  ['adapters/deno/native.ts idleTimeout', 'Default 30.'],
  ['src/protocol/heartbeat.ts interval', `Default ${defaults.DEFAULT_HEARTBEAT_INTERVAL.toLocaleString('en')}.`],
  ['src/protocol/heartbeat.ts timeout', `Default ${defaults.DEFAULT_HEARTBEAT_TIMEOUT.toLocaleString('en')}.`],
  ['src/api/ws/options.ts interval', `Default ${defaults.DEFAULT_HEARTBEAT_INTERVAL.toLocaleString('en')}.`],
  ['src/api/ws/options.ts timeout', `Default ${defaults.DEFAULT_HEARTBEAT_TIMEOUT.toLocaleString('en')}.`],
  ['src/admission/shutdown.ts timeout', `Default ${defaults.DEFAULT_SHUTDOWN_TIMEOUT.toLocaleString('en')}.`],
  ['src/admission/shutdown.ts spread', 'Default 0:'],
  ['src/api/w3c/promises.ts maximum', `Default ${bytes(defaults.DEFAULT_MAX_WAITING_BYTES)}.`],
  ...ADMISSION_OPTIONS.map((name) => [name, 'efault'] as const),
]);

/** The comments of options in a source: the name of each option that has one, with the comment in one line. */
export function commentsIn(source: string): [name: string, comment: string][] {
  const found = source.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s*(?:readonly )?(\w+)\?: /g);
  return Array.from(found, ([, comment, name]) => [name, comment.replaceAll(/\s*\*\s*/g, ' ').trim()]);
}
