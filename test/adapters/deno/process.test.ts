// Deno as a process: permissions, and when it ends.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'process-'));
const entry = (name: string): string => new URL(`../../../adapters/${name}.ts`, import.meta.url).href;
let lastScript = 0;

/** Runs a module with the given permissions. */
function run(permissions: readonly string[], source: string): { status: number | null; output: string } {
  const path = join(folder, `${++lastScript}.ts`);
  writeFileSync(path, source);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['run', '--no-prompt', '--no-check', '--allow-env', '--allow-read', ...permissions, path],
    { encoding: 'utf8', timeout: 90_000, cwd: folder },
  );
  return { status, output: stdout + stderr };
}

const ECHO = `
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
server.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
server.on('listening', () => {
  const client = new WebSocket('ws://127.0.0.1:' + server.address().port);
  client.on('open', () => client.send('hello'));
  client.on('message', (data) => { console.log(String(data)); client.close(); server.close(); });
});`;

test.each(['deno', 'node'])('a process ends by itself once server and client are closed (adapters/%s)', (name) => {
  const { status, output } = run(
    ['--allow-net'],
    `import { WebSocket, WebSocketServer } from '${entry(`${name}/index`)}';${ECHO}`,
  );
  expect(output).toBe('hello\n');
  expect(status).toBe(0);
});

test('what a listener throws is an uncaught exception, for clients on connections of Deno too', () => {
  const { output } = run(
    ['--allow-net'],
    `import process from 'node:process';
    import { WebSocket, WebSocketServer } from '${entry('deno/index')}';
    process.on('uncaughtException', (error) => console.log('uncaught', error.message));
    process.on('unhandledRejection', () => console.log('rejected'));
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (ws) => setTimeout(() => (ws.send('one'), ws.send('two')), 50));
    server.on('listening', () => {
      const client = new WebSocket('ws://127.0.0.1:' + server.address().port);
      client.on('message', (data) => {
        if (String(data) === 'one') throw new Error('of a listener');
        console.log(String(data));
        client.close();
        server.close();
      });
    });`,
  );
  expect(output.split('\n').sort()).toEqual(['', 'two', 'uncaught of a listener']);
});

test('a process ends by itself when TLS with a client certificate is given up before it is connected, though the peer is silent', () => {
  const { status, output } = run(
    ['--allow-net'],
    `import { network } from '${entry('deno/network')}';
    const listener = Deno.listen({ port: 0, hostname: '127.0.0.1' });
    const accepting = listener.accept();
    const [cert, key] = ['certificate', 'key'].map((name) =>
      Deno.readTextFileSync(new URL('${new URL('./certificates/', import.meta.url).href}' + name + '.pem')));
    const plan = { host: '127.0.0.1', port: listener.addr.port, tls: { cert, key } };
    network.connect(plan, { onConnect: () => console.log('?'), onError: () => console.log('?') }).abort();
    const silent = await accepting;
    silent.unref();
    listener.close();
    console.log('given up');`,
  );
  expect(output).toBe('given up\n');
  expect(status).toBe(0);
});

test('listening without the permission is an EACCES that names the flag', () => {
  const { output } = run(
    [],
    `import { WebSocketServer } from '${entry('deno/index')}';
    const server = new WebSocketServer({ port: 8080, host: '127.0.0.1' });
    server.on('error', (error) => console.log(error.code, error.message));`,
  );
  expect(output).toBe(
    'EACCES listen EACCES 127.0.0.1:8080: Deno was started without the permission; run it with --allow-net=127.0.0.1:8080\n',
  );
});

test('connecting without the permission is an EACCES that names the flag', () => {
  const { output } = run(
    [],
    `import { WebSocket } from '${entry('deno/index')}';
    const client = new WebSocket('ws://127.0.0.1:9/');
    client.on('error', (error) => console.log(error.code, error.message));`,
  );
  expect(output).toContain('run it with --allow-net=127.0.0.1:9\n');
});

test.each([
  ['127.0.0.1', `host: '127.0.0.1', `],
  ['localhost', `host: 'localhost', `],
  ['0.0.0.0', ''],
  ['[::]', ''],
])('the flag that is named is enough: --allow-net=%s:0', (place, host) => {
  const { output } = run(
    [`--allow-net=${place}:0`],
    `import { WebSocketServer } from '${entry('deno/index')}';
    const server = new WebSocketServer({ ${host}port: 0 });
    server.on('error', (error) => console.log(error.message));
    server.on('listening', () => { console.log('listening'); server.close(); });`,
  );
  expect(output).toBe('listening\n');
});

test('the flags that are named are enough for a Unix domain socket', () => {
  const path = join(folder, 'socket');
  const source = `import { WebSocketServer } from '${entry('deno/index')}';
    import { createServer } from 'node:http';
    import { network } from '${entry('deno/network')}';
    network.listen({ path: '${path}' }, { onListening: () => (console.log('listening'), Deno.exit()), onError: ({ message }) => console.log(message) });`;
  const flags = /--allow-.*$/m.exec(run([], source).output)![0].trim();
  expect(run(flags.split(' '), source).output).toBe('listening\n');
});
