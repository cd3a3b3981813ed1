// Options of TLS as programs give them, by Node.js's names, for a Network.

import { ownOptions, SERVER_TLS } from '../base/options.ts';
import type { ClientTls, ServerTls } from './network.ts';
import { isUint8Array } from '../base/realms.ts';

/** The options that make a {@link ClientTls}. */
export const CLIENT_TLS_NAMES: readonly string[] = ['ca', 'cert', 'key', 'rejectUnauthorized', 'servername'];

function pem(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (isUint8Array(value)) return new TextDecoder().decode(value);
  throw new TypeError(`The "${name}" option must be PEM, as a string or bytes`);
}

/**
 * The TLS options among `options`.
 *
 * @param isTrustDemanded Default of `rejectUnauthorized`.
 * @throws {TypeError} for an option of the wrong type.
 */
export function readClientTls(options: Readonly<Record<string, unknown>>, isTrustDemanded: boolean = true): ClientTls {
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  if (servername !== undefined && typeof servername !== 'string') {
    throw new TypeError('The "servername" option must be a string');
  }
  return {
    ca: ca === undefined ? undefined : Array.isArray(ca) ? ca.map((one) => pem('ca', one)) : pem('ca', ca),
    cert: cert === undefined ? undefined : pem('cert', cert),
    key: key === undefined ? undefined : pem('key', key),
    // As Node.js reads it: only `false` itself turns it off.
    rejectUnauthorized: rejectUnauthorized === undefined ? isTrustDemanded : rejectUnauthorized !== false,
    servername,
  };
}

/**
 * The option `tls` of a server.
 *
 * @throws {TypeError} for an option that is missing, of the wrong type, or not supported by the sockets of this runtime.
 */
export function readServerTls(given: object): ServerTls {
  const { cert, key, ...others } = ownOptions(given) as Readonly<Record<string, unknown>>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw new TypeError(`The "tls.${other}" option is not supported by the sockets of this runtime`);
  if (!cert || !key) throw new TypeError(`The "tls" option must be ${SERVER_TLS}`);
  return { cert: pem('tls.cert', cert), key: pem('tls.key', key) };
}
