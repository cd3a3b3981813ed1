// packages/ws in the place of ws: installed by each package manager as docs/replacing-ws.md says, from a registry of our own that has the
// two packages and passes on what else is asked for.

import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { BUN, HERE, NODE, project, ROOT, run } from './consumer-project.mjs';

const { version: wsVersion } = JSON.parse(readFileSync(join(ROOT, 'node_modules/ws/package.json'), 'utf8'));
const manifest = JSON.parse(readFileSync(join(ROOT, 'packages/ws/package.json'), 'utf8'));
const PINNED = { graphql: '16.15.0', 'graphql-ws': '6.4.2', 'socket.io': '4.8.4', 'socket.io-client': '4.8.4' };

test('has the version of ws that is followed, and asks for this wasock', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(manifest.version).toBe(wsVersion);
  expect(manifest.dependencies).toEqual({ wasock: `^${version}` });
});

/** What is to hold wherever the package stands for ws. */
const PROGRAM = `
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import WebSocket, { WebSocketServer } from 'ws';
import * as wasock from 'wasock';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';

const require = createRequire(import.meta.url);
const fromEngine = createRequire(createRequire(require.resolve('socket.io')).resolve('engine.io'));
const fromClient = createRequire(createRequire(require.resolve('socket.io-client')).resolve('engine.io-client'));
if (!process.versions.bun) assert.equal(WebSocket, wasock.WebSocket);
for (const from of [require, fromEngine, fromClient]) assert.equal(from('ws'), wasock.WebSocket);
assert.equal(require('ws').Server, wasock.WebSocketServer);
if (!process.versions.bun) assert.match(require('ws/package.json').version, /^8\\./);

const http = createServer();
const wss = new WebSocketServer({ noServer: true });
useServer({ schema: buildSchema('type Query { word: String }'), roots: { query: { word: () => 'graphql' } } }, wss);
const sockets = new Server(http, { transports: ['websocket'] });
sockets.on('connection', (socket) => socket.on('word', (word, answer) => answer(word)));
http.on('upgrade', (request, socket, head) => {
  if (request.url === '/graphql') wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
});
await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
const host = '127.0.0.1:' + http.address().port;
const client = createClient({ url: 'ws://' + host + '/graphql', webSocketImpl: WebSocket, retryAttempts: 0 });
const word = await new Promise((resolve, reject) => {
  client.subscribe({ query: '{ word }' }, { next: ({ data }) => resolve(data.word), error: reject, complete() {} });
});
const socket = io('ws://' + host, { transports: ['websocket'] });
const echoed = await socket.emitWithAck('word', 'socket.io');
console.log(word, echoed);
socket.disconnect();
await client.dispose();
sockets.close();
process.exit();
`;

/** Our client at the development server of Vite. */
const VITE = `
import { createServer } from 'vite';
import WebSocket from 'ws';

const server = await createServer({ configFile: false, logLevel: 'error', server: { host: '127.0.0.1', port: 0 } });
await server.listen();
const { port } = server.httpServer.address();
const ws = new WebSocket('ws://127.0.0.1:' + port + '/?token=' + server.config.webSocketToken, 'vite-hmr');
ws.on('message', (data) => {
  console.log(JSON.parse(data).type);
  process.exit();
});
`;

const ALIAS = 'npm:wasock-ws@^8.23.0';
const managers = [
  {
    name: 'npm',
    // It carries its own ws, and must install and serve beside ours.
    others: { vite: '8.3.8' },
    manifest: { overrides: { ws: '$ws' } },
    install: (folder, registry) => run(folder, 'npm', ['install', '--no-audit', '--no-fund', `--registry=${registry}`]),
  },
  {
    name: 'pnpm',
    files: { 'pnpm-workspace.yaml': `overrides:\n  ws: ${ALIAS}\nminimumReleaseAge: 0\n` },
    install: (folder, registry) =>
      run(folder, NODE[24], [
        join(HERE, 'node_modules/pnpm/bin/pnpm.cjs'),
        'install',
        `--registry=${registry}`,
        `--store-dir=${join(folder, '.store')}`,
      ]),
  },
  {
    name: 'Yarn classic',
    manifest: { resolutions: { ws: ALIAS } },
    install: (folder, registry) =>
      run(folder, process.execPath, [
        join(HERE, 'node_modules/yarn/bin/yarn.js'),
        'install',
        '--registry',
        registry,
        '--cache-folder',
        join(folder, '.cache'),
      ]),
  },
  {
    name: 'Yarn berry',
    manifest: { resolutions: { ws: ALIAS } },
    files: { 'yarn.lock': '' },
    install: (folder, registry) =>
      run(folder, process.execPath, [join(HERE, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js'), 'install'], {
        YARN_NPM_REGISTRY_SERVER: registry,
        YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
        YARN_NODE_LINKER: 'node-modules',
        YARN_ENABLE_TELEMETRY: '0',
        YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
        YARN_ENABLE_GLOBAL_CACHE: 'false',
        YARN_NPM_MINIMAL_AGE_GATE: '0',
      }),
  },
  {
    name: 'Bun',
    manifest: { resolutions: { ws: ALIAS } },
    install: (folder, registry) =>
      run(folder, BUN, ['install', `--registry=${registry}`], { BUN_INSTALL_CACHE_DIR: join(folder, '.cache') }),
  },
];

/** Names of the packages installed as ws anywhere below a folder, pnpm's store included. */
function copiesOf(folder) {
  const files = readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' });
  const manifests = files.filter((file) => !file.includes('@types/') && /(^|\/)(ws|wasock-ws)\/package\.json$/.test(file));
  return [...new Set(manifests.map((file) => JSON.parse(readFileSync(join(folder, 'node_modules', file), 'utf8')).name))];
}

describe('installed', () => {
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim().replace(/\/$/, '');
  let server;
  let registry;

  /** What a registry says of a package. */
  function packument(tarball) {
    const bytes = readFileSync(tarball);
    const text = execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' });
    const { name, version, ...others } = JSON.parse(text);
    const dist = {
      tarball: `${registry}/-/${basename(tarball)}`,
      integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
      shasum: createHash('sha1').update(bytes).digest('hex'),
    };
    const time = {
      created: '2026-01-01T00:00:00.000Z',
      modified: '2026-01-01T00:00:00.000Z',
      [version]: '2026-01-01T00:00:00.000Z',
    };
    return { name, 'dist-tags': { latest: version }, versions: { [version]: { name, version, ...others, dist } }, time };
  }

  beforeAll(async () => {
    const tarballs = inject('tarballs');
    server = createServer((request, response) => {
      const name = request.url.slice(1);
      const file = Object.values(tarballs).find((tarball) => request.url === `/-/${basename(tarball)}`);
      if (file !== undefined) response.end(readFileSync(file));
      else if (name in tarballs)
        response.setHeader('content-type', 'application/json').end(JSON.stringify(packument(tarballs[name])));
      else response.writeHead(302, { location: upstream + request.url }).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    registry = `http://127.0.0.1:${server.address().port}`;
  });
  afterAll(() => server.close());

  test.each(managers)('by $name it is the only ws', async ({ manifest: own = {}, others = {}, files = {}, install }) => {
    const dependencies = { ...PINNED, ...others, ws: ALIAS, wasock: '^0.1.0' };
    const folder = project({
      packages: {},
      manifest: { name: 'program', private: true, type: 'module', dependencies, ...own },
      files: { ...files, 'program.mjs': PROGRAM, 'vite.mjs': VITE },
    });
    await install(folder, registry);
    expect(copiesOf(folder)).toEqual(['wasock-ws']);
    expect(await run(folder, process.execPath, ['program.mjs'])).toBe('graphql socket.io');
    if ('vite' in others) expect(await run(folder, process.execPath, ['vite.mjs'])).toBe('connected');
  });

  test('on Bun, a preload file as documented gives it to what requires ws', async () => {
    const documented = readFileSync(join(ROOT, 'docs/replacing-ws.md'), 'utf8');
    const [, preload] = documented.match(/```js\n\/\/ replace-ws\.mjs\n(.*?)```/s);
    const [, bunfig] = documented.match(/```toml\n# bunfig\.toml\n(.*?)```/s);
    const folder = project({
      packages: {},
      manifest: {
        private: true,
        type: 'module',
        dependencies: { ...PINNED, ws: ALIAS, wasock: '^0.1.0' },
        resolutions: { ws: ALIAS },
      },
      files: { 'program.mjs': PROGRAM, 'replace-ws.mjs': preload, 'bunfig.toml': bunfig },
    });
    await managers.at(-1).install(folder, registry);
    expect(await run(folder, BUN, ['program.mjs'])).toBe('graphql socket.io');
  });
});

test('on Bun, the name ws is its own shim whatever is installed, and ours is ours', async () => {
  const program = `
    import { WebSocket as named } from 'ws';
    import { WebSocket } from 'wasock';
    console.log(named === WebSocket, require('ws') === WebSocket, require('wasock') === WebSocket);`;
  const folder = project({ packages: { wasock: 'wasock', ws: 'wasock-ws' }, files: { 'program.js': program } });
  expect(await run(folder, BUN, ['program.js'])).toBe('false false true');
});

test('wasock-ws gives import and require the same class, without require() of ES modules as well', async () => {
  const program = `
    import WebSocket, * as all from 'ws';
    import { createRequire } from 'node:module';
    import * as wasock from 'wasock';
    const required = createRequire(import.meta.url)('ws');
    const names = Object.keys(wasock).filter((name) => name !== 'module.exports');
    console.log(required === WebSocket, names.every((name) => all[name] === wasock[name]));`;
  const folder = project({ packages: { wasock: 'wasock', ws: 'wasock-ws' }, files: { 'program.mjs': program } });
  expect(await run(folder, process.execPath, ['--no-experimental-require-module', 'program.mjs'])).toBe('true true');
  expect(await run(folder, NODE[26], ['program.mjs'])).toBe('true true');
});
