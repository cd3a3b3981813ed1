// Serves the page: a fixed list of files, read once, with strict headers.

import { readFileSync } from 'node:fs';

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // Isolated pages get a finer clock, which the round-trip times need.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

const HTML = 'text/html; charset=utf-8';
const CSS = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';

/**
 * Request path, name in `page/`, media type. Nothing else is served, so no path of a request ever reaches the disk.
 *
 * @type {[path: string, name: string, type: string][]}
 */
const FILES = [
  ['/', 'index.html', HTML],
  ['/index.html', 'index.html', HTML],
  ['/style.css', 'style.css', CSS],
  ['/parts.css', 'parts.css', CSS],
  ['/main.mjs', 'main.mjs', SCRIPT],
  ['/chat.mjs', 'chat.mjs', SCRIPT],
  ['/connection.mjs', 'connection.mjs', SCRIPT],
  ['/figures.mjs', 'figures.mjs', SCRIPT],
  ['/round-trip.mjs', 'round-trip.mjs', SCRIPT],
  ['/favicon.svg', 'favicon.svg', 'image/svg+xml'],
];

/** @returns {import('node:http').RequestListener} */
export function fileHandler() {
  const files = new Map(
    FILES.map(([path, name, type]) => [path, { type, body: readFileSync(new URL(`page/${name}`, import.meta.url)) }]),
  );
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { ...HEADERS, Allow: 'GET, HEAD', 'Content-Type': 'text/plain' });
      response.end('Only GET and HEAD are answered here.\n');
      return;
    }
    const file = files.get((request.url ?? '').split('?', 1)[0]);
    if (file === undefined) {
      response.writeHead(404, { ...HEADERS, 'Content-Type': 'text/plain' });
      response.end('There is no such page.\n');
      return;
    }
    response.writeHead(200, { ...HEADERS, 'Content-Type': file.type, 'Content-Length': file.body.length });
    response.end(request.method === 'HEAD' ? undefined : file.body);
  };
}
