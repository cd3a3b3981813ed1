// IP addresses and networks: a strict parser, the canonical text, and the key by which clients are counted.
//
// node:net has a parser, but not every runtime has node:net, and the parser also accepts zones. Every runtime has URL, whose IPv6 parser is strict.
// Parsing IPv4 takes 0.3 µs, IPv6 2 µs (Node 26, busy machine).

/** An address as eight groups of 16 bits. IPv4 has its IPv4-mapped form (RFC 4291 section 2.5.5.2). */
export type Address = readonly number[];

/** Longest text of an address: IPv6 with an IPv4 address at its end. */
const LONGEST = 45;
const GROUPS = 8;
/** The first groups of an IPv4-mapped address. */
const MAPPED: Address = [0, 0, 0, 0, 0, 0xffff];

const BYTE = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
/** The dotted form. Leading zeros are refused, since some parsers read them as octal. */
const DOTTED = new RegExp(`^(${BYTE}\\.){3}${BYTE}$`);

/** An address in the dotted form, as two groups. */
function parseDotted(text: string): number[] | undefined {
  if (!DOTTED.test(text)) return undefined;
  const [first, second, third, fourth] = text.split('.');
  return [+first * 256 + +second, +third * 256 + +fourth];
}

/** The canonical text of an IPv6 address (RFC 5952), which the URL parser of every runtime makes; undefined for other text. */
function canonical(text: string): string | undefined {
  const url = `http://[${text}]`;
  // No other character may reach the parser: it would end the host.
  return /^[\da-f:.]+$/i.test(text) && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined;
}

/** The groups of one side of `::`. */
function groupsOf(half: string): number[] {
  return half === '' ? [] : half.split(':').map((group) => parseInt(group, 16));
}

/**
 * Parses the text of an IPv4 or IPv6 address (RFC 4291 section 2.2). Zones, ports and brackets are refused.
 *
 * @returns undefined if the text is not an address.
 */
export function parseAddress(text: string): Address | undefined {
  if (text.length > LONGEST) return undefined;
  if (!text.includes(':')) {
    const groups = parseDotted(text);
    return groups && [...MAPPED, ...groups];
  }
  const halves = canonical(text)?.split('::').map(groupsOf);
  if (halves === undefined) return undefined;
  const [head, tail] = halves;
  return tail ? [...head, ...Array<number>(GROUPS - head.length - tail.length).fill(0), ...tail] : head;
}

/** Whether an address is one of IPv4. */
export function isMapped(address: Address): boolean {
  return MAPPED.every((group, index) => address[index] === group);
}

/** The canonical text of an address (RFC 5952); dotted for IPv4. */
export function formatAddress(address: Address): string {
  if (isMapped(address)) return [address[6] >> 8, address[6] & 255, address[7] >> 8, address[7] & 255].join('.');
  return canonical(address.map((group) => group.toString(16)).join(':'))!;
}

/**
 * The text of a socket's address: canonical, without its zone, IPv4 dotted. Other text, such as the path of a Unix domain socket, is no address.
 *
 * @returns undefined if there is none.
 */
export function normalizeAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  // Most addresses of sockets are of IPv4, with a prefix if the socket serves IPv6 as well.
  const dotted = text.startsWith('::ffff:') ? text.slice(7) : text;
  if (DOTTED.test(dotted)) return dotted;
  const address = parseAddress(text.split('%')[0]);
  return address && formatAddress(address);
}

/**
 * The key by which clients are counted: an IPv4 address, or the /64 network of an IPv6 address, since one subscriber has all of its
 * addresses. Clients without an address, such as those of a Unix domain socket, share one key.
 */
export function addressKey(text: string | undefined): string {
  const address = text === undefined ? undefined : parseAddress(text);
  if (address === undefined) return '';
  return isMapped(address) ? text! : `${formatAddress([...address.slice(0, 4), 0, 0, 0, 0])}/64`;
}

/** A network: the first `bits` bits of an address. */
export interface Network {
  readonly address: Address;
  readonly bits: number;
}

/** Parses `address/bits`, or a single address. @returns undefined if the text is neither. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash === -1) return { address, bits: 128 };
  const length = text.slice(slash + 1);
  const most = text.includes(':') ? 128 : 32;
  if (!/^\d{1,3}$/.test(length) || Number(length) > most) return undefined;
  return { address, bits: 128 - most + Number(length) };
}

/** Whether `address` belongs to `network`. */
export function contains(network: Network, address: Address): boolean {
  for (let at = 0; at < GROUPS; at++) {
    const bits = Math.min(16, network.bits - at * 16);
    if (bits <= 0) return true;
    if ((network.address[at] ^ address[at]) >> (16 - bits) !== 0) return false;
  }
  return true;
}
