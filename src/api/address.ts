// Where a client connects to: the URL schemes of ws 8, taken apart.

import type { Target } from '../handshake/opening.ts';
import { percentDecode } from '../handshake/percent-encoding.ts';

const SCHEMES: Readonly<Record<string, string>> = { 'http:': 'ws:', 'https:': 'wss:' };

/**
 * Parses a `ws:`, `wss:`, `http:`, `https:` or `ws+unix:` address.
 *
 * @throws {SyntaxError} if it is not a URL, has another scheme, a fragment, or no socket path.
 */
export function parseAddress(address: string | URL): Target {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new SyntaxError(`Invalid URL: ${address as string}`);
  }
  const scheme = SCHEMES[url.protocol];
  if (scheme !== undefined) url = new URL(scheme + url.href.slice(url.protocol.length));
  const isSecure = url.protocol === 'wss:';
  const isUnix = url.protocol === 'ws+unix:';
  if (url.protocol !== 'ws:' && !isSecure && !isUnix) {
    throw new SyntaxError('The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"');
  }
  if (isUnix && !url.pathname) throw new SyntaxError("The URL's pathname is empty");
  if (url.hash) throw new SyntaxError('The URL contains a fragment identifier');

  const defaultPort = isSecure ? 443 : 80;
  const path = url.pathname + url.search;
  // ws+unix:/path/of/socket:/path/of/request
  const colon = isUnix ? path.indexOf(':') : -1;
  const socketPath = isUnix ? (colon === -1 ? path : path.slice(0, colon)) : undefined;
  return {
    href: url.href,
    isSecure,
    authority: socketPath ?? url.host,
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port ? Number(url.port) : defaultPort,
    defaultPort,
    path: isUnix ? (colon === -1 ? '/' : path.slice(colon + 1) || '/') : path,
    socketPath,
    auth: url.username || url.password ? `${percentDecode(url.username)}:${percentDecode(url.password)}` : undefined,
  };
}
