// The proxy of the environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY. No standard describes them; docs/proxies.md compares their readers.

import { contains, isMapped, parseAddress, parseNetwork, type Address, type Network } from '../admission/address.ts';
import type { Destination } from './negotiation.ts';

/** Gives a variable of the environment. */
export type Variables = (name: string) => string | undefined;

/** The value of a variable. Its name in lower case goes first, as in Node.js and curl. */
function read(variables: Variables, name: string): string | undefined {
  const lowerCase = variables(name.toLowerCase());
  if (lowerCase) return lowerCase;
  const value = variables(name) || undefined;
  // In a CGI program, HTTP_PROXY is the field `Proxy` of a client's request. Deno asks for a permission for each variable that is read.
  return value !== undefined && name === 'HTTP_PROXY' && variables('REQUEST_METHOD') !== undefined ? undefined : value;
}

/** The URL of the proxy for `ws:` (HTTP_PROXY) or `wss:` URLs (HTTPS_PROXY); undefined for none. It has a scheme: `http:` if it had none. */
export function proxyOf(variables: Variables, isSecure: boolean): string | undefined {
  const url = read(variables, isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  return url === undefined || url.includes('://') ? url : `http://${url}`;
}

/** An entry of NO_PROXY. */
interface Exception {
  readonly port: number | undefined;
  /** `*`: all hosts. */
  readonly isForAll: boolean;
  /** Stands for itself and for all names below it. */
  readonly name: string;
  readonly network: Network | undefined;
  /** First and last address. */
  readonly range: readonly [Address, Address] | undefined;
}

/** The servers that NO_PROXY excepts: they are connected to without a proxy. */
export class Exceptions {
  readonly #entries: readonly Exception[];

  constructor(variables: Variables) {
    const texts = (read(variables, 'NO_PROXY') ?? '').split(/[\s,]+/);
    this.#entries = texts.filter((text) => text !== '').map(parseException);
  }

  has({ host, port }: Destination): boolean {
    const address = parseAddress(host);
    const name = withoutEndDot(host.toLowerCase());
    return this.#entries.some(
      (entry) =>
        (entry.port === undefined || entry.port === port) &&
        (entry.isForAll || (address === undefined ? isBelow(name, entry.name) : isAmong(address, entry.network, entry.range))),
    );
  }
}

/** `*`, `example.com`, `.example.com`, `*.example.com`, `10.0.0.1`, `10.0.0.0/8`, `10.0.0.1-10.0.0.9`, `::1`, `[::1]`; a port may follow. */
function parseException(text: string): Exception {
  const isBare = parseNetwork(text) !== undefined || text.split('-').every((end) => parseAddress(end) !== undefined);
  const colon = isBare ? -1 : text.lastIndexOf(':');
  const digits = text.slice(colon + 1);
  const hasPort = colon > 0 && /^\d{1,5}$/.test(digits);
  const host = (hasPort ? text.slice(0, colon) : text).replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const [first, last] = host.split('-').map(parseAddress);
  return {
    port: hasPort ? Number(digits) : undefined,
    isForAll: host === '*',
    name: withoutEndDot(host.replace(/^\*?\./, '')),
    network: parseNetwork(host),
    range: first !== undefined && last !== undefined ? [first, last] : undefined,
  };
}

function withoutEndDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

function isBelow(name: string, other: string): boolean {
  return name === other || name.endsWith(`.${other}`);
}

/** An IPv4 address has the form of one of IPv6 here. `::/0` holds those of IPv6 alone all the same. */
function isAmong(address: Address, network: Exception['network'], range: Exception['range']): boolean {
  const first = network?.address ?? range?.[0];
  if (first === undefined || isMapped(first) !== isMapped(address)) return false;
  if (network !== undefined) return contains(network, address);
  return range !== undefined && compare(range[0], address) <= 0 && compare(address, range[1]) <= 0;
}

function compare(left: Address, right: Address): number {
  const at = left.findIndex((group, index) => group !== right[index]);
  return at === -1 ? 0 : left[at] - right[at];
}
