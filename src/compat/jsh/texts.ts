// Error texts of JSH. It is written in Go: these are the words of Go's net package and of its usual WebSocket library, which programs match on.

import type { Target } from '../../api/address.ts';
import { CLOSE_ABNORMAL, CLOSE_MESSAGE_TOO_BIG } from '../../base/close-codes.ts';
import type { PeerError } from '../../base/errors.ts';

export const NOT_OPEN = 'websocket is not open';
export const NOT_AN_ADDRESS = 'malformed ws or wss URL';
export const BAD_HANDSHAKE = 'websocket: bad handshake';

/** What a system call says, by code. */
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

/** What an error of a socket tells about the attempt to connect. */
interface SystemError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  /** Where several addresses were tried. */
  readonly errors?: readonly SystemError[];
}

/** Why a client could not connect. */
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
  // What has no code is our own verdict on the answer.
  return code === '' ? BAD_HANDSHAKE : message;
}

/** The end of a connection by a Close frame; without one, of code 1006, by the loss of the socket. */
export function closeError(code: number, reason: string): Error {
  const text = code === CLOSE_ABNORMAL ? 'unexpected EOF' : reason;
  return new Error(`websocket: close ${code}${CLOSE_CODES[code] ?? ''}${text === '' ? '' : `: ${text}`}`);
}

/** What a peer did wrong, or what went wrong with the socket. */
export function readError(error: PeerError | Error): Error {
  const isTooLong = (error as Partial<PeerError>).closeCode === CLOSE_MESSAGE_TOO_BIG;
  return new Error(`websocket: ${isTooLong ? 'read limit exceeded' : error.message}`, { cause: error });
}

/** The type of a value in Go, as JSH passes it on. */
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
