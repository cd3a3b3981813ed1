// Errors of Deno in the form that programs for Node.js know: a `code`, and a message that names the attempt.

import { toError } from '../../src/base/realms.ts';

/** An error as Node.js's sockets have it. */
export type SystemError = Error & { code?: string };

/** Node.js's codes for Deno's errors, where Deno does not give them itself. */
const CODES: Readonly<Record<string, string>> = {
  AddrInUse: 'EADDRINUSE',
  AddrNotAvailable: 'EADDRNOTAVAIL',
  BrokenPipe: 'EPIPE',
  ConnectionAborted: 'ECONNABORTED',
  ConnectionRefused: 'ECONNREFUSED',
  ConnectionReset: 'ECONNRESET',
  NetworkUnreachable: 'ENETUNREACH',
  NotCapable: 'EACCES',
  NotConnected: 'ENOTCONN',
  NotFound: 'ENOENT',
  PermissionDenied: 'EACCES',
  TimedOut: 'ETIMEDOUT',
};

/** The attempt that failed. */
export interface Attempt {
  readonly call: 'listen' | 'connect' | 'read' | 'write';
  /** `host:port`, or the path of a Unix domain socket. */
  readonly place?: string | undefined;
  readonly isPath?: boolean;
}

/** `thrown` as an error with Node.js's code; for a missing permission it names the flag that gives it. */
export function systemError(thrown: unknown, attempt: Attempt): SystemError {
  const cause: SystemError = toError(thrown);
  const { call, place } = attempt;
  const at = place === undefined ? '' : ` ${place}`;
  if (cause.name === 'NotCapable') {
    const flag = attempt.isPath
      ? `--allow-net=unix:${place} --allow-read=${place} --allow-write=${place}`
      : `--allow-net=${place}`;
    return make('EACCES', `${call} EACCES${at}: Deno was started without the permission; run it with ${flag}`, cause);
  }
  if (cause.message.startsWith('failed to lookup address information')) {
    return make('ENOTFOUND', `getaddrinfo ENOTFOUND${at.replace(/:\d+$/, '')}`, cause);
  }
  const code = cause.code ?? CODES[cause.name];
  // Deno's own words follow where Node.js has none, and where it has words of its own.
  const words = code === undefined || call === 'listen' ? `: ${cause.message}` : '';
  return make(code, `${call}${code === undefined ? '' : ` ${code}`}${at}${words}`, cause);
}

function make(code: string | undefined, message: string, cause: Error): SystemError {
  const error: SystemError = new Error(message, { cause });
  if (code !== undefined) error.code = code;
  return error;
}

/** An attempt at a port of a host, or at a path. */
export function attemptAt(call: Attempt['call'], path: string | undefined, host: string, port: number): Attempt {
  if (path !== undefined) return { call, place: path, isPath: true };
  return { call, place: `${host.includes(':') ? `[${host}]` : host}:${port}` };
}
