// The documentation site. Its pages are the documents that GitHub shows, and some that only bring files of the repository in.

import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { referencePages } from './reference.mjs';

const DOCS = fileURLToPath(new URL('..', import.meta.url));
const { repository } = JSON.parse(readFileSync(join(DOCS, '../package.json'), 'utf8'));
/** Address of a file of the repository; undefined as long as package.json names none. */
const REPOSITORY = repository?.url?.replace(/^git\+/, '').replace(/\.git$/, '');

/** Pages of the site for files outside of docs/. */
const PAGES = new Map([
  ['../README.md', '/guide/start'],
  ['../CHANGELOG.md', '/changelog'],
  ['../SECURITY.md', '/reporting'],
  ['../CONTRIBUTING.md', '/contributing'],
  ['../examples/README.md', '/examples'],
  ['../bench/README.md', '/benchmark'],
]);

/**
 * Where a link leads on the site: a page, the repository, or undefined for nowhere.
 *
 * @param {string} link As in the document.
 * @param {string} file Path of the document's file, relative to docs/.
 */
function target(link, file) {
  if (/^[a-z]+:|^[#/]/.test(link)) return link;
  const [path, anchor] = link.split('#');
  const place = normalize(join(dirname(file), path));
  if (!place.startsWith('..')) return link;
  const page = PAGES.get(place);
  if (page !== undefined) return anchor === undefined ? page : `${page}#${anchor}`;
  return REPOSITORY === undefined ? undefined : `${REPOSITORY}/blob/main/${place.slice(3)}`;
}

/** @param {import('markdown-it').default} markdown */
function resolveLinks(markdown) {
  markdown.core.ruler.push('links of the repository', ({ tokens, env }) => {
    for (const { children } of tokens) {
      let isOpen = true;
      for (const token of children ?? []) {
        if (token.type === 'link_close' && !isOpen) {
          token.tag = 'span';
          isOpen = true;
        }
        if (token.type !== 'link_open') continue;
        // A page that includes a file has that file's links.
        const file = env.frontmatter?.file ?? env.relativePath;
        const link = target(token.attrGet('href'), file);
        if (link !== undefined) token.attrSet('href', link);
        else {
          token.tag = 'span';
          token.attrs = [];
          isOpen = false;
        }
      }
    }
  });
}

/** Most characters of code that a table does not break: on a phone, and on a larger screen. */
const TINY = 14;
const SHORT = 24;
/** Columns of a table that is wider than the text. */
const MANY = 7;

/** Marks short code and wide tables for style.css. @param {import('markdown-it').default} markdown */
function markTables(markdown) {
  markdown.core.ruler.push('tables', ({ tokens }) => {
    for (const [index, token] of tokens.entries()) {
      for (const child of token.children ?? []) {
        const { length } = child.content;
        if (child.type === 'code_inline' && length <= SHORT) child.attrJoin('class', length <= TINY ? 'tiny' : 'short');
      }
      if (token.type !== 'table_open') continue;
      // So that the keyboard can scroll it.
      token.attrSet('tabindex', '0');
      const end = tokens.findIndex(({ type }, at) => at > index && type === 'thead_close');
      const columns = tokens.slice(index, end).filter(({ type }) => type === 'th_open').length;
      if (columns >= MANY) token.attrJoin('class', 'wide');
    }
  });
  // The rule of VitePress would leave out the class.
  markdown.renderer.rules.table_open = (tokens, index, options, _env, self) => self.renderToken(tokens, index, options);
}

/** Draws the charts of the benchmark in the colours and for the width of the page, in place of their pictures. @param {import('markdown-it').default} markdown */
function drawCharts(markdown) {
  markdown.core.ruler.push('charts', ({ tokens, Token }) => {
    for (let index = tokens.length - 2; index > 0; index--) {
      const [image, ...others] = tokens[index].children ?? [];
      if (image?.type !== 'image' || others.length > 0) continue;
      const [, name] = /bench\/results\/([\w-]+)\.svg$/.exec(image.attrGet('src')) ?? [];
      if (name === undefined) continue;
      const chart = new Token('html_block', '', 0);
      chart.content = `<Chart name="${name}" />\n`;
      // With the paragraph around it.
      tokens.splice(index - 1, 3, chart);
    }
  });
}

/** @param {import('markdown-it').default} markdown */
function extendMarkdown(markdown) {
  resolveLinks(markdown);
  drawCharts(markdown);
  markTables(markdown);
}

const guide = [
  { text: 'Get started', link: '/guide/start' },
  { text: 'Server', link: '/guide/server' },
  { text: 'Client', link: '/guide/client' },
  { text: 'Browser', link: '/guide/browser' },
  { text: 'Runtimes', link: '/runtimes' },
  { text: 'Frameworks', link: '/frameworks' },
  { text: 'Compression', link: '/guide/compression' },
  { text: 'Backpressure', link: '/guide/backpressure' },
  { text: 'Heartbeat', link: '/guide/heartbeat' },
  { text: 'Beyond ws', link: '/extras' },
  { text: 'Reconnecting client', link: '/reconnecting' },
  { text: 'Topics', link: '/topics' },
  { text: 'Proxies', link: '/proxies' },
  { text: 'Testing', link: '/testing' },
  { text: 'Command line', link: '/cli' },
  { text: 'DEFLATE by itself', link: '/deflate' },
  { text: 'Examples', link: '/examples' },
];

const production = [
  { text: 'Operations', link: '/operations' },
  { text: 'Observability', link: '/observability' },
  { text: 'Security', link: '/security' },
  { text: 'Report a vulnerability', link: '/reporting' },
  { text: 'Performance', link: '/performance' },
  { text: 'Benchmark', link: '/benchmark' },
];

const migration = [
  { text: 'Replace ws', link: '/replacing-ws' },
  { text: 'Differences from ws', link: '/ws-compatibility' },
  { text: 'uWebSockets.js', link: '/migration/uwebsockets' },
  { text: 'socket.io', link: '/migration/socket-io' },
  { text: 'partysocket, reconnecting-websocket', link: '/migration/partysocket' },
  { text: 'jest-websocket-mock', link: '/testing#from-jest-websocket-mock' },
  { text: 'mock-socket', link: '/testing#from-mock-socket' },
  { text: 'Older APIs', link: '/compat/' },
  { text: 'websocket (WebSocket-Node)', link: '/compat/websocket' },
  { text: 'ws 0.4', link: '/compat/classic' },
  { text: 'fibjs', link: '/compat/fibjs' },
  { text: 'JSH', link: '/compat/jsh' },
];

const standards = [
  { text: 'RFC 6455 and RFC 7692', link: '/conformance' },
  { text: 'WHATWG WebSockets', link: '/conformance-w3c' },
  { text: 'Architecture', link: '/architecture' },
  { text: 'Contributing', link: '/contributing' },
  { text: 'Stability', link: '/stability' },
  { text: 'Changelog', link: '/changelog' },
];

export default defineConfig({
  title: 'wasock',
  description: 'One WebSocket library for Node.js, Deno, Bun, workers and browsers.',
  lang: 'en',
  // Pages that only the site has.
  rewrites: { 'site/:page.md': ':page.md' },
  cleanUrls: true,
  lastUpdated: false,
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  outDir: './.vitepress/dist',
  cacheDir: './.vitepress/cache',
  markdown: { config: extendMarkdown },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/guide/start' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Playground', link: '/playground' },
    ],
    sidebar: [
      { text: 'Guide', items: guide },
      { text: 'Production', items: production },
      { text: 'Migration', items: migration },
      { text: 'Reference', collapsed: true, items: referencePages(DOCS) },
      { text: 'Standards and project', items: standards },
    ],
    ...(REPOSITORY === undefined ? {} : { socialLinks: [{ icon: 'github', link: REPOSITORY }] }),
  },
  vite: {
    // The playground runs the sources of the library.
    server: { fs: { allow: [join(DOCS, '..')] } },
  },
});
