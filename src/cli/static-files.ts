// Files of a folder over HTTP, for `listen --static`.

import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream';
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
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
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

/** The real path of the file, or of the `index.html` of the folder; undefined if it is not there, or lies outside of `root` by a link. */
async function find(root: string, target: string): Promise<{ path: string; size: number } | 'folder' | undefined> {
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
    return file.isFile() && isInside(root, path) ? { path, size: file.size } : undefined;
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

async function answer(root: string, { method, url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
  const found = await find(root, url);
  if (found === undefined) return refuse(response, 404, 'Not Found');
  if (found === 'folder') {
    const [path] = url.split(/[?#]/, 1);
    // One slash at the start: a Location of `//host` would lead elsewhere.
    return refuse(response, 301, 'Moved Permanently', { Location: `${path.replace(/^\/+/, '/')}/` });
  }
  response.writeHead(200, {
    'Content-Type': TYPES[extname(found.path).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': found.size,
    // RFC 9110 section 14.3: each answer has the whole file.
    'Accept-Ranges': 'none',
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  });
  if (method === 'HEAD') response.end();
  // The length is set: a file that grows meanwhile must not exceed it.
  else pipeline(createReadStream(found.path, { end: Math.max(0, found.size - 1) }), response, () => {});
}
