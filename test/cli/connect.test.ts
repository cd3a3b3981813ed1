// `wasock connect` against the server of `ws`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { certificate, clientCertificate, clientKey, key } from '../support/certificates.ts';
import { BIN, Command, endCommands, wasock } from './command.ts';
import { startPeer, type Peer } from './peer.ts';

let peer: Peer;
let folder: string;
beforeAll(async () => {
  peer = await startPeer({ perMessageDeflate: true, handleProtocols: (offered) => [...offered].at(-1) ?? false });
  folder = mkdtempSync(join(tmpdir(), 'wasock-cli-'));
});
afterEach(endCommands);
afterAll(async () => {
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('wasock connect', () => {
  test('sends lines of standard input, and prints the answers', async () => {
    expect(await wasock(['connect', '--wait', '0', peer.url], { input: 'one\ntwo' })).toEqual({
      code: 0,
      stdout: 'one\ntwo\n',
      stderr: `Connected to ${peer.url}\nClosed: 1000 normal closure\n`,
    });
  });

  test('sends the messages of --execute', async () => {
    expect((await wasock(['connect', '-x', 'one', '-x', 'two', '-w', '0', '-q', peer.url])).stdout).toBe('one\ntwo\n');
  });

  test('stays for --wait, and ends when the peer closes before', async () => {
    const { code, stderr } = await wasock(['connect', '-x', 'close', '-w', 'forever', peer.url]);
    expect([code, stderr.split('\n')[1]]).toEqual([0, 'Closed: 1005 no close code']);
  });

  test('takes a URL without a scheme, and a port alone', async () => {
    for (const url of [`127.0.0.1:${peer.port}`, `:${peer.port}/`, String(peer.port), `http://127.0.0.1:${peer.port}`]) {
      expect((await wasock(['connect', '-q', '-x', 'a', '-w', '0', url])).stdout).toBe('a\n');
    }
  });

  test('sends headers, origin, credentials and subprotocols', async () => {
    const args = [
      '-H',
      'X-One: 1',
      '-H',
      'X-Two:2',
      '-o',
      'https://a.example',
      '-s',
      'first',
      '-s',
      'second',
      '--auth',
      'me:secret',
    ];
    const { stderr } = await wasock(['connect', ...args, '-x', 'a', '-w', '0', peer.url]);
    expect(stderr).toContain('(subprotocol second)');
    expect(peer.requests.at(-1)?.headers).toMatchObject({
      'x-one': '1',
      'x-two': '2',
      origin: 'https://a.example',
      authorization: 'Basic bWU6c2VjcmV0',
    });
    await wasock(['connect', '-x', 'a', '-w', '0', peer.url], { env: { WASOCK_AUTH: 'me:secret' } });
    expect(peer.requests.at(-1)?.headers.authorization).toBe('Basic bWU6c2VjcmV0');
  });

  test('shows the ratio of --compress', async () => {
    const { stderr } = await wasock(['connect', '--compress', '-x', 'a'.repeat(5000), '-w', '0', peer.url]);
    expect(stderr).toContain('(permessage-deflate)');
    expect(stderr).toMatch(/Compression: sent 4\.9 KiB as \d+ B \(\d\.\d %\), received 4\.9 KiB as \d+ B/);
    expect((await wasock(['connect', '-x', 'a', '-w', '0', peer.url])).stderr).not.toContain('deflate');
  });

  test.each([
    ['hex', '00 ff', '00ff'],
    ['base64', 'AP8=', 'AP8='],
  ])('sends and prints binary messages in %s', async (encoding, line, printed) => {
    const { stdout } = await wasock(['connect', '--binary', encoding, '-w', '0', peer.url], { input: `${line}\n` });
    expect([stdout, peer.messages.at(-1)]).toEqual([`${printed}\n`, Buffer.from([0, 255])]);
  });

  test('speaks JSON lines', async () => {
    const input = '{"text":"escape"}\n{"base64":"AP8="}\n{"ping":"now"}\n{"close":4000,"reason":"enough"}\n';
    const { code, stdout, stderr } = await wasock(['connect', '--json', peer.url], { input });
    expect(lines(stdout)).toEqual([
      { type: 'open', url: peer.url, protocol: '', extensions: '' },
      { type: 'message', text: 'a\u001b]0;title\u0007\u009b2J\nb\u202ec\u007f' },
      { type: 'message', base64: 'AP8=' },
      { type: 'pong', base64: 'bm93', roundTrip: expect.any(Number) as unknown },
      { type: 'close', code: 4000, reason: 'enough', meaning: 'code of the application' },
    ]);
    // Whatever the peer has sent, a line of JSON cannot steer a terminal.
    // oxlint-disable-next-line no-control-regex -- they must not be there
    expect(stdout).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect([code, stderr]).toEqual([3, '']);
  });

  test('prints round trips of --ping', async () => {
    const command = new Command(['connect', '--ping', '20ms', peer.url], { input: 'open' });
    await command.printed(/pong [\d.]+ .?s\npong/);
    command.endInput();
    expect((await command.ended()).code).toBe(0);
  });

  test('writes what a peer sends unchanged to a pipe, and harmless among its own remarks', async () => {
    const { stdout } = await wasock(['connect', '-q', '-x', 'escape', '-w', '0', peer.url]);
    expect(stdout).toBe('a\u001b]0;title\u0007\u009b2J\nb\u202ec\u007f\n');
    expect((await wasock(['connect', '-x', 'close 4001', peer.url])).stderr).toContain(
      String.raw`Closed: 4001 code of the application: over \x1b[31m`,
    );
  });
});

describe('wasock connect --once', () => {
  test('prints the first answer', async () => {
    expect(await wasock(['connect', '--once', peer.url], { input: 'a\nb\n' })).toEqual({
      code: 0,
      stdout: 'a\nb\n',
      stderr: '',
    });
    expect(peer.messages.at(-1)).toBe('a\nb');
  });

  test('passes raw bytes', async () => {
    const bytes = Buffer.from('00ff0a80', 'hex');
    const command = new Command(['connect', '--once', '--binary', 'raw', peer.url], { input: bytes });
    expect((await command.ended()).code).toBe(0);
    expect(command.bytes).toEqual(bytes);
  });

  test.each([
    ['no answer', ['--timeout', '2s', '-x', 'nothing'], 4, 'No answer within 2.00 s'],
    ['a close before it', ['-x', 'close'], 1, 'closed before an answer came: 1005'],
    ['an error of the peer before it', ['-x', 'close 4001'], 3, 'closed before an answer came: 4001'],
    ['a lost connection', ['-x', 'cut'], 5, '1006 connection lost'],
  ])('has an exit code for %s', async (_, args, expected, message) => {
    const { code, stderr } = await wasock(['connect', '--once', ...args, peer.url]);
    expect([code, stderr]).toEqual([expected, expect.stringContaining(message)]);
  });
});

describe('the exit code of wasock connect', () => {
  test.each([
    ['close 4001', 3, 'Closed: 4001 code of the application'],
    ['close 1001', 0, 'Closed: 1001 going away'],
    ['cut', 5, 'Closed: 1006 connection lost'],
  ])('tells the end: %s', async (message, expected, text) => {
    const { code, stderr } = await wasock(['connect', '-x', message, peer.url]);
    expect([code, stderr]).toEqual([expected, expect.stringContaining(text)]);
  });

  test('is 1 if nobody listens, the request is refused, or the name is unknown', async () => {
    const server = createServer((_request, response) => response.writeHead(401).end()).listen(0, '127.0.0.1');
    server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n'));
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await wasock(['connect', `:${port}`])).toEqual({
      code: 1,
      stdout: '',
      stderr: `wasock: Cannot connect to 127.0.0.1:${port}: Unexpected server response: 401\n`,
    });
    await new Promise((resolve) => server.close(resolve));
    // Nothing listens at port 1 of the loopback interface.
    expect(await wasock(['connect', ':1'])).toMatchObject({
      code: 1,
      stderr: 'wasock: Cannot connect to 127.0.0.1:1: connection refused\n',
    });
  });

  test('is 4 if the server does not answer the handshake', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    server.on('upgrade', () => {});
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect((await wasock(['connect', '--timeout', '200ms', `:${port}`])).code).toBe(4);
    server.closeAllConnections();
    server.close();
  });

  test('is 130 and 143 after a signal, with a closing handshake', async () => {
    for (const [signal, expected] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const command = new Command(['connect', peer.url], { input: 'open' });
      await command.printed(/Connected/);
      const ws = peer.sockets.at(-1)!;
      const closed = once(ws, 'close');
      expect((await command.end(signal)).code).toBe(expected);
      expect((await closed)[0]).toBe(1000);
    }
  });
});

describe('the end of a connection', () => {
  /** A server that does something with each connection. */
  async function serve(
    use: (ws: WebSocket, request: IncomingMessage) => void,
  ): Promise<{ server: WebSocketServer; url: string }> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    server.on('connection', (ws, request) =>
      use(
        ws.on('error', () => {}),
        request,
      ),
    );
    await once(server, 'listening');
    onTestFinished(() => {
      for (const ws of server.clients) ws.terminate();
      server.close();
    });
    return { server, url: `:${(server.address() as AddressInfo).port}` };
  }

  test('is told, not an error of a line that comes too late', async () => {
    const { code, stderr } = await wasock(['connect', '--json', peer.url], { input: '{"close":4000}\n{"text":"late"}\n' });
    expect([code, stderr]).toEqual([3, '']);
  });

  test('is told, not an error of the message that it has cut short', async () => {
    const { url } = await serve((_ws, { socket }) => socket.once('data', () => socket.resetAndDestroy()));
    const { code, stderr } = await wasock(['connect', '--once', url], { input: 'a'.repeat(32 << 20) });
    expect([code, stderr]).toEqual([
      5,
      expect.stringMatching(/^wasock: The connection was closed before an answer came: 1006/),
    ]);
  });

  test('ends --once although its input goes on', async () => {
    const { url } = await serve((ws) => ws.close(4001));
    const { code, stderr } = await new Command(['connect', '--once', url], { input: 'open' }).ended();
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/^wasock: The connection was closed before an answer came: 4001/),
    ]);
  });

  test('comes at a signal although the input of --once goes on', async () => {
    const { server, url } = await serve(() => {});
    const command = new Command(['connect', '--once', url], { input: 'open' });
    await once(server, 'connection');
    expect(await command.end('SIGINT')).toMatchObject({ code: 130, stderr: '' });
  });

  test.each([
    ['connect', []],
    ['connect', ['--once']],
    ['replay', ['a.jsonl']],
  ])('has the exit code of a signal before the connection is open: %s %j', async (name, args) => {
    writeFileSync(join(folder, 'a.jsonl'), '{"type":"send","connection":1,"time":0,"text":"a"}\n');
    const server = createTcpServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `:${(server.address() as AddressInfo).port}`;
    const command = new Command([name, ...args, url], { input: 'open', cwd: folder });
    await once(server, 'connection');
    expect(await command.end('SIGINT')).toMatchObject({ code: 130, stderr: '' });
    server.close();
  });
});

describe('wasock connect', () => {
  test('connects by TLS: trusts --ca, refuses other certificates, accepts any with --insecure', async () => {
    const http = createSecureServer({
      cert: certificate,
      key,
      ca: certificate,
      requestCert: true,
      rejectUnauthorized: false,
    }).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const server = new WebSocketServer({ server: http });
    const names: unknown[] = [];
    server.on('connection', (ws, request) => {
      names.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
      ws.on('message', (data) => ws.send(data, { binary: false }));
    });
    const url = `wss://127.0.0.1:${(http.address() as AddressInfo).port}/`;
    expect(await wasock(['connect', '--once', '-x', 'a', url])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/certificate/) as unknown,
    });
    expect(await wasock(['connect', '--once', '-x', 'a', '-k', url])).toMatchObject({ code: 0, stdout: 'a\n' });
    const files = { ca: certificate, cert: clientCertificate, key: clientKey };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const args = Object.keys(files).flatMap((name) => [`--${name}`, join(folder, name)]);
    expect(await wasock(['connect', '--once', '-x', 'a', ...args, url])).toMatchObject({ code: 0, stdout: 'a\n' });
    expect(names).toEqual([undefined, 'test client']);
    http.closeAllConnections();
    http.close();
  });

  test('connects to a Unix domain socket', async () => {
    const http = createServer();
    const socket = join(folder, 'peer.sock');
    http.listen(socket);
    await once(http, 'listening');
    const unix = await startPeer({ server: http, port: undefined, host: undefined });
    const { stdout } = await wasock(['connect', '--once', '-x', 'a', '--unix', socket, 'ws://localhost/path?q']);
    expect([stdout, unix.requests[0].url]).toEqual(['a\n', '/path?q']);
    await unix.close();
    http.close();
  });

  test('follows redirects if it is told to', async () => {
    const http = createServer().listen(0, '127.0.0.1');
    http.on('upgrade', (_request, socket) => socket.end(`HTTP/1.1 302 Found\r\nLocation: ${peer.url}\r\n\r\n`));
    await once(http, 'listening');
    const url = `:${(http.address() as AddressInfo).port}`;
    expect(await wasock(['connect', '--once', '-x', 'a', '-L', url])).toMatchObject({ code: 0, stdout: 'a\n' });
    expect(await wasock(['connect', '--once', '-x', 'a', url])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('302') as unknown,
    });
    http.close();
  });

  test('connects again with --reconnect, and sends the next line then', async () => {
    const command = new Command(['connect', '--reconnect', '-w', '0', peer.url], { input: 'open' });
    command.type('cut\n');
    await command.printed(/Connecting again in/);
    command.type('after\n');
    await command.printed(/after/);
    command.endInput();
    expect(await command.ended()).toMatchObject({ code: 0, stdout: 'after\n' });
  });

  test('records JSON lines, without what may be secret', async () => {
    const file = join(folder, 'a.jsonl');
    const url = peer.url.replace('//', '//me:secret@');
    const args = ['connect', '-q', '-x', 'a', '-H', 'X-Token: secret', '-w', '0', '--record', file, `${url}chat?token=secret`];
    await wasock(args);
    const fields = { connection: 1, time: expect.any(Number) as unknown };
    expect(lines(readFileSync(file, 'utf8'))).toEqual([
      { ...fields, type: 'open', started: expect.stringMatching(/Z$/) as unknown, url: `${peer.url}chat`, protocol: '' },
      { ...fields, type: 'send', text: 'a' },
      { ...fields, type: 'receive', text: 'a' },
      { ...fields, type: 'close', code: 1000, reason: '' },
    ]);
    expect(statSync(file).mode & 0o077).toBe(0);
    await wasock([...args, '--record-secrets']);
    expect(readFileSync(file, 'utf8').match(/secret/g)!.length).toBeGreaterThanOrEqual(3);
  });

  test('records an HTTP Archive', async () => {
    const file = join(folder, 'a.har');
    const input = '{"text":"ä"}\n{"base64":"AP8="}\n';
    await wasock(['connect', '--json', '-H', 'X-Token: secret', '-w', '0', '--record', file, `${peer.url}?token=secret`], {
      input,
    });
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain('secret');
    const { log } = JSON.parse(text) as { log: { version: string; entries: Record<string, unknown>[] } };
    expect(log.version).toBe('1.2');
    expect(log.entries).toHaveLength(1);
    const time = expect.any(Number) as unknown;
    expect(log.entries[0]).toMatchObject({
      _resourceType: 'websocket',
      request: { method: 'GET', url: peer.url, headers: [], queryString: [] },
      response: { status: 101 },
      _webSocketMessages: [
        { type: 'send', time, opcode: 1, data: 'ä' },
        { type: 'send', time, opcode: 2, data: 'AP8=' },
        { type: 'receive', time, opcode: 1, data: 'ä' },
        { type: 'receive', time, opcode: 2, data: 'AP8=' },
      ],
    });
  });

  test('completes the recording although the reader of its output ends early', async () => {
    const file = join(folder, 'unread.har');
    const args = ['connect', '-x', 'a', '-w', 'forever', '--record', file, peer.url];
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.destroy();
    expect((await once(child, 'close'))[0]).toBe(0);
    const { log } = JSON.parse(readFileSync(file, 'utf8')) as { log: { entries: Record<string, unknown>[] } };
    expect(log.entries).toMatchObject([{ _webSocketMessages: [{ type: 'send' }, { type: 'receive', data: 'a' }] }]);
  });

  test('says why a recording cannot be written', async () => {
    const file = join(folder, 'missing', 'a.jsonl');
    expect(await wasock(['connect', '--record', file, peer.url])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Cannot write the recording') as unknown,
    });
  });
});
