// Error texts of JSH, which is written in Go. They are those of Go's net package and of a common WebSocket library of Go. Programs compare them.

import type { Target } from '../../handshake/opening.ts';
import { CLOSE_ABNORMAL, CLOSE_MESSAGE_TOO_BIG } from '../../base/close-codes.ts';
import type { PeerError } from '../../base/errors.ts';

export const NOT_OPEN = 'websocket is not open';
export const NOT_AN_ADDRESS = 'malformed ws or wss URL';
export const BAD_HANDSHAKE = 'websocket: bad handshake';

/** Texts of failed system calls, by code. */
const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  ConnectionRefused: 'connection refused',
};

const CLOSE_CODES: Readonly<Record<number, string>> = {
  1000: ' (normal)',
  1001: ' (going away)',
  1002: ' (protocol error)',
  1003: ' (unsupported data)',
  1005: ' (no status)',
  1006: ' (abnormal closure)',
  1007: ' (invalid payload data)',
  1008: ' (policy violation)',
  1009: ' (message too big)',
  1010: ' (mandatory extension missing)',
  1011: ' (internal server error)',
  1015: ' (TLS handshake error)',
};

/** An error of a socket that could not connect. */
interface SystemError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  /** The errors of all addresses, if several were tried. */
  readonly errors?: readonly SystemError[];
}

/** The error of a client that could not connect. */
export function dialError(error: SystemError, target: Target): Error {
  return new Error(dialText(error, target), { cause: error });
}

function dialText(error: SystemError, target: Target): string {
  const { code = '', message } = error;
  const { address = target.host, port = target.port } = error.errors?.[0] ?? error;
  const dial = `dial tcp ${address.includes(':') ? `[${address}]` : address}:${port}`;
  if (SYSTEM[code] !== undefined) return `${dial}: connect: ${SYSTEM[code]}`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${target.host}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${target.host}: server misbehaving`;
  if (code === 'ECONNRESET') return 'unexpected EOF';
  if (code.startsWith('HPE_')) return 'malformed HTTP response';
  if (message === 'Opening handshake has timed out') return `${dial}: i/o timeout`;
  // An error without a code comes from our check of the response.
  return code === '' ? BAD_HANDSHAKE : message;
}

/** The error of a connection that ended by a Close frame, or without one: code 1006. */
export function closeError(code: number, reason: string): Error {
  const text = code === CLOSE_ABNORMAL ? 'unexpected EOF' : reason;
  return new Error(`websocket: close ${code}${CLOSE_CODES[code] ?? ''}${text === '' ? '' : `: ${text}`}`);
}

/** The error for a violation, or for an error of the socket. */
export function readError(error: PeerError | Error): Error {
  const isTooLong = (error as Partial<PeerError>).closeCode === CLOSE_MESSAGE_TOO_BIG;
  return new Error(`websocket: ${isTooLong ? 'read limit exceeded' : error.message}`, { cause: error });
}

/** The Go type to which JSH converts a value. */
export function typeName(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return '<nil>';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'int64' : 'float64';
    case 'bigint':
      return '*big.Int';
    case 'symbol':
      return '*goja.Symbol';
    case 'function':
      return 'func(goja.FunctionCall) goja.Value';
    default:
      if (value === null) return '<nil>';
      return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
  }
}
