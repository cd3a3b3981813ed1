// The address of a client behind proxies: X-Forwarded-For, and Forwarded of RFC 7239.
//
// Each proxy appends the address that it got the request from, so the list is read from its right end, and only as far as the proxies are
// trusted. Whatever a client has written itself is on the left of that and is never read.

import { refuse } from '../base/options.ts';
import { contains, formatAddress, parseAddress, parseNetwork, type Address, type Network } from './address.ts';

/** Which proxies are trusted, and the header field that they set. */
export interface TrustProxyOptions {
  /** How many proxies stand between the clients and the server. Default 0. */
  readonly hops?: number | undefined;
  /** Addresses of proxies: `10.0.0.0/8`, `2001:db8::/32`, `127.0.0.1`, or `'unix'` for peers on a Unix domain socket. Default: none. */
  readonly networks?: readonly string[] | undefined;
  /**
   * The field that the proxies append to. Default `'x-forwarded-for'`. The other field is ignored, because proxies pass on the value that a client
   * has sent in it.
   */
  readonly header?: 'x-forwarded-for' | 'forwarded' | undefined;
}

/** A number stands for `hops`, a list for `networks`. */
export type TrustProxy = number | readonly string[] | TrustProxyOptions;

const UNIX = 'unix';
const HEADERS: readonly unknown[] = ['x-forwarded-for', 'forwarded'];

function readNetwork(text: unknown): Network {
  const network = typeof text === 'string' ? parseNetwork(text) : undefined;
  if (network !== undefined) return network;
  return refuse(RangeError, 'trustProxy', 'made of addresses or networks such as "10.0.0.0/8"', text);
}

/** Finds the addresses of clients. */
export class ClientAddresses {
  readonly #hops: number;
  readonly #networks: readonly Network[];
  readonly #trustsUnix: boolean;
  /** The field that the proxies append to. */
  readonly header: 'x-forwarded-for' | 'forwarded';

  /**
   * @throws {RangeError} for a number of hops that is not whole or negative, or a text that is no network.
   * @throws {TypeError} for another value. `true` is one: it would trust every client.
   */
  constructor(given: TrustProxy) {
    if ((typeof given !== 'number' && typeof given !== 'object') || given === null) {
      refuse(TypeError, 'trustProxy', 'a number of proxies, a list of networks, or an object', given);
    }
    const isList = Array.isArray(given);
    const options = (typeof given === 'number' ? { hops: given } : isList ? { networks: given } : given) as TrustProxyOptions;
    const { hops = 0, networks = [], header = 'x-forwarded-for' } = options;
    if (!Number.isSafeInteger(hops) || hops < 0) {
      refuse(RangeError, 'trustProxy', 'a whole number of proxies, 0 or more', hops);
    }
    if (!Array.isArray(networks)) refuse(TypeError, 'trustProxy.networks', 'a list of networks', networks);
    if (!HEADERS.includes(header)) {
      refuse(TypeError, 'trustProxy.header', '"x-forwarded-for" or "forwarded"', header);
    }
    this.#hops = hops;
    this.#trustsUnix = networks.includes(UNIX);
    this.#networks = networks.filter((network) => network !== UNIX).map(readNetwork);
    this.header = header;
  }

  /**
   * The client's address: the first, seen from the server, that does not belong to a trusted proxy. Where an entry is no address, it is the
   * address of the proxy that has passed it on.
   *
   * @param peer The address of the socket's other end, canonical; undefined for a Unix domain socket.
   * @param field The value of {@link header}; undefined without one.
   */
  find(peer: string | undefined, field: string | undefined): string | undefined {
    let current = peer === undefined ? undefined : parseAddress(peer);
    let rest = field;
    for (let hops = 0; rest !== undefined && this.#isTrusted(current, hops); hops++) {
      const [before, entry] = this.header === 'forwarded' ? cutForwarded(rest) : cutList(rest);
      const address = entry === undefined ? undefined : parseNode(entry);
      if (address === undefined) break;
      current = address;
      rest = before;
    }
    return current && formatAddress(current);
  }

  #isTrusted(address: Address | undefined, hops: number): boolean {
    if (hops < this.#hops) return true;
    return address === undefined ? this.#trustsUnix : this.#networks.some((network) => contains(network, address));
  }
}

/** The list without its last entry, and that entry; undefined stands for nothing more, or for an entry of no use. */
type Cut = [rest: string | undefined, entry: string | undefined];

function cutList(list: string): Cut {
  const comma = list.lastIndexOf(',');
  return [comma === -1 ? undefined : list.slice(0, comma), list.slice(comma + 1).trim()];
}

/**
 * The same for RFC 7239. The last entry is found from the right, where a trusted proxy has written it: a quote that a client has left open
 * cannot swallow it.
 */
function cutForwarded(list: string): Cut {
  let isQuoted = false;
  let at = list.length - 1;
  for (; at >= 0; at--) {
    if (list[at] === '"') {
      if (!isEscaped(list, at)) isQuoted = !isQuoted;
    } else if (list[at] === ',' && !isQuoted) break;
  }
  return [at === -1 ? undefined : list.slice(0, at), forOf(list.slice(at + 1))];
}

/** Whether an odd number of backslashes stands before `at`. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (start > 0 && text[start - 1] === '\\') start--;
  return (at - start) % 2 === 1;
}

/** The parameters of an entry. A proxy may quote a value that a client has written, such as its Host. */
function splitPairs(entry: string): string[] {
  const pairs: string[] = [];
  let isQuoted = false;
  let start = 0;
  for (let at = 0; at < entry.length; at++) {
    if (isQuoted && entry[at] === '\\') at++;
    else if (entry[at] === '"') isQuoted = !isQuoted;
    else if (entry[at] === ';' && !isQuoted) {
      pairs.push(entry.slice(start, at));
      start = at + 1;
    }
  }
  pairs.push(entry.slice(start));
  return pairs;
}

/** The node of the parameter `for` of one entry; undefined without one, or with two. */
function forOf(entry: string): string | undefined {
  let found: string | undefined;
  for (const pair of splitPairs(entry)) {
    const equals = pair.indexOf('=');
    if (equals === -1 || pair.slice(0, equals).trim().toLowerCase() !== 'for') continue;
    if (found !== undefined) return undefined;
    found = pair.slice(equals + 1).trim();
  }
  if (found === undefined || found[0] !== '"') return found;
  // The text of a node has no character that a quoted string would escape.
  return found.length > 1 && found.endsWith('"') ? found.slice(1, -1) : undefined;
}

/** The address of a node: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`. */
function parseNode(node: string): Address | undefined {
  if (node[0] === '[') {
    const end = node.indexOf(']');
    const inner = node.slice(1, end);
    if (end === -1 || !inner.includes(':') || !isPort(node.slice(end + 1))) return undefined;
    return parseAddress(inner);
  }
  const colon = node.indexOf(':');
  if (colon === -1 || node.includes(':', colon + 1)) return parseAddress(node);
  return isPort(node.slice(colon)) ? parseAddress(node.slice(0, colon)) : undefined;
}

/** Whether `text` is empty, or a colon and a port. */
function isPort(text: string): boolean {
  return /^(:\d{1,5})?$/.test(text);
}
