// Files of a folder over HTTP, for `listen --static`.

import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream';
import { hasCurrent, readRange } from './byte-range.ts';
import { CommandError } from './exit.ts';
import type { Log } from './log.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.htm': 'text/html; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webm': 'video/webm',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

/**
 * The path of a file below `root` for the target of a request; undefined if it names none that may be served. Names that begin with a point
 * are hidden, `.` and `..` among them. A backslash separates folders on Windows.
 */
export function pathOf(root: string, target: string): string | undefined {
  const [path] = target.split(/[?#]/, 1);
  if (!path.startsWith('/')) return undefined;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  // oxlint-disable-next-line no-control-regex -- no file name should have them
  if (/[\0-\x1f\\:]/.test(decoded)) return undefined;
  const names = decoded.split('/').filter((name) => name !== '');
  return names.some((name) => name.startsWith('.')) ? undefined : join(root, ...names);
}

/** Whether a real path is below the real path of a folder. */
function isInside(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** A file that is served. */
interface Found {
  readonly path: string;
  readonly size: number;
  /** Entity tag: another one once the file was written. */
  readonly tag: string;
}

/** The real path of the file, or of the `index.html` of the folder; undefined if it is not there, or lies outside of `root` by a link. */
async function find(root: string, target: string): Promise<Found | 'folder' | undefined> {
  const asked = pathOf(root, target);
  if (asked === undefined) return undefined;
  try {
    let path = await realpath(asked);
    const hasSlash = target.split(/[?#]/, 1)[0].endsWith('/');
    const isFolder = (await stat(path)).isDirectory();
    // Links of a page are relative to its folder only with a slash at the end.
    if (isFolder !== hasSlash) return isFolder && isInside(root, path) ? 'folder' : undefined;
    if (isFolder) path = await realpath(join(path, 'index.html'));
    const file = await stat(path);
    if (!file.isFile() || !isInside(root, path)) return undefined;
    return { path, size: file.size, tag: `"${file.size.toString(36)}-${file.mtimeMs.toString(36)}"` };
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers }).end(`${text}\n`);
}

/** Serves the files of `folder`. @throws {CommandError} if it is no folder. */
export async function staticFiles(folder: string, log: Log): Promise<RequestListener> {
  let root: string;
  try {
    root = await realpath(folder);
    if (!(await stat(root)).isDirectory()) throw new Error('it is no folder');
  } catch (error) {
    throw new CommandError(`Cannot serve ${folder}: ${(error as Error).message}`);
  }
  return (request, response) => {
    response.on('finish', () =>
      log.event('request', { method: request.method, path: request.url, status: response.statusCode }),
    );
    void answer(root, request, response);
  };
}

async function answer(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '/' } = request;
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
  const found = await find(root, url);
  if (found === undefined) return refuse(response, 404, 'Not Found');
  if (found === 'folder') {
    const [path] = url.split(/[?#]/, 1);
    // One slash at the start: a Location of `//host` would lead elsewhere.
    return refuse(response, 301, 'Moved Permanently', { Location: `${path.replace(/^\/+/, '/')}/` });
  }
  sendFile(found, request, response);
}

function sendFile({ path, size, tag }: Found, { method, headers }: IncomingMessage, response: ServerResponse): void {
  const fields = { 'Accept-Ranges': 'bytes', 'Cache-Control': 'no-cache', ETag: tag };
  if (hasCurrent(headers['if-none-match'], tag)) {
    response.writeHead(304, fields).end();
    return;
  }
  // RFC 9110 section 14.2: a range is for GET only, and section 13.1.5: with If-Range only if the file is still the same.
  const ifRange = headers['if-range'];
  const isRanged = method === 'GET' && (ifRange === undefined || ifRange === tag);
  const range = isRanged ? readRange(headers.range, size) : undefined;
  if (range === 'unsatisfiable') {
    return refuse(response, 416, 'Range Not Satisfiable', { ...fields, 'Content-Range': `bytes */${size}` });
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  response.writeHead(range === undefined ? 200 : 206, {
    ...fields,
    'Content-Type': TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': end - start + 1,
    ...(range !== undefined && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
    'X-Content-Type-Options': 'nosniff',
  });
  if (method === 'HEAD') response.end();
  // The length is set: a file that grows meanwhile must not exceed it.
  else pipeline(createReadStream(path, { start, end: Math.max(0, end) }), response, () => {});
}
