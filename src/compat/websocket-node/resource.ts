// Parses the target of a request to the shape of node:url's `parse`, which is deprecated.

import { parse } from 'node:querystring';
import type { UrlWithParsedQuery } from 'node:url';

const ORIGIN_ONLY = { protocol: null, slashes: null, auth: null, host: null, port: null, hostname: null };

/** Splits `text` into path, query and fragment. */
function pathParts(text: string): Pick<UrlWithParsedQuery, 'hash' | 'search' | 'query' | 'pathname' | 'path'> {
  const hashAt = text.indexOf('#');
  const path = hashAt === -1 ? text : text.slice(0, hashAt);
  const searchAt = path.indexOf('?');
  const search = searchAt === -1 ? null : path.slice(searchAt);
  return {
    hash: hashAt === -1 ? null : text.slice(hashAt),
    search,
    query: parse(search?.slice(1) ?? ''),
    pathname: searchAt === -1 ? path : path.slice(0, searchAt),
    path,
  };
}

/**
 * Parses the target of a request (RFC 9112 section 3.2): path and query, or a whole URL if it came through a proxy.
 *
 * Never throws: a target that is no URL counts as a path.
 */
export function parseResource(target: string): UrlWithParsedQuery {
  if (!target.startsWith('/') && URL.canParse(target)) {
    const { protocol, host, hostname, port, pathname, search, hash, href } = new URL(target);
    const parts = pathParts(pathname + search + hash);
    return { ...ORIGIN_ONLY, protocol, slashes: true, host, hostname, port: port || null, ...parts, href };
  }
  return { ...ORIGIN_ONLY, ...pathParts(target), href: target };
}
