// `wasock listen` and `wasock proxy`, against clients of `ws`.

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect as connectTcp, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { certificate, key } from '../support/certificates.ts';
import { Command, endCommands, wasock } from './command.ts';
import { startPeer, type Peer } from './peer.ts';

let folder: string;
let peer: Peer;
const sockets: WebSocket[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wasock-cli-'));
  peer = await startPeer({ handleProtocols: (offered) => [...offered].at(-1) ?? false });
});
afterEach(async () => {
  for (const ws of sockets.splice(0)) ws.terminate();
  await endCommands();
});
afterAll(async () => {
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A server of the command on a port that the system picks. */
async function start(...args: string[]): Promise<{ command: Command; url: string; host: string }> {
  const command = new Command(args);
  const [, url, host] = await command.printed(/Listening on (wss?:\/\/([\w.]+:\d+)\/)/);
  return { command, url, host };
}

/** An open client. Its messages are kept from the start. */
class Client {
  readonly ws: WebSocket;
  readonly #messages: (string | Buffer)[] = [];
  readonly closed: Promise<[number, string]>;

  constructor(url: string, protocols: string[] = [], options: ClientOptions = {}) {
    this.ws = new WebSocket(url, protocols, options);
    sockets.push(this.ws);
    this.ws.on('error', () => {});
    this.ws.on('message', (data, isBinary) => this.#messages.push(isBinary ? (data as Buffer) : (data as Buffer).toString()));
    this.closed = once(this.ws, 'close').then(([code, reason]) => [code as number, (reason as Buffer).toString()]);
  }

  async next(): Promise<string | Buffer> {
    while (this.#messages.length === 0) await once(this.ws, 'message');
    return this.#messages.shift()!;
  }
}

async function connect(url: string, protocols?: string[], options?: ClientOptions): Promise<Client> {
  const client = new Client(url, protocols, options);
  await once(client.ws, 'open');
  return client;
}

describe('wasock listen', () => {
  test('echoes, logs as JSON, and ends with closing handshakes at SIGTERM', async () => {
    const command = new Command(['listen', '0', '--log', 'json', '--verbose']);
    const [, url] = await command.printed(/"url":"(.*?)"/);
    const client = await connect(`${url}chat`);
    client.ws.send('a\u001b[2J');
    expect(await client.next()).toBe('a\u001b[2J');
    client.ws.send(Buffer.from('00ff', 'hex'));
    expect(await client.next()).toEqual(Buffer.from('00ff', 'hex'));
    const { code, stdout } = await command.end('SIGTERM');
    expect([code, await client.closed]).toEqual([0, [1001, '']]);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ time, ...event }) => [typeof time, event]).map(([, event]) => event)).toEqual([
      { type: 'listening', url },
      { type: 'open', connection: 1, address: '127.0.0.1', path: '/chat' },
      { type: 'receive', connection: 1, text: 'a\u001b[2J' },
      { type: 'receive', connection: 1, base64: 'AP8=' },
      { type: 'close', connection: 1, code: 1001, reason: '' },
      { type: 'shutdown', closed: 1, terminated: 0 },
    ]);
  });

  test('logs as text that cannot steer the terminal', async () => {
    const { command, url } = await start('listen', '0', '--verbose');
    const client = await connect(url);
    client.ws.send('a\u001b[2J\nb');
    await command.printed(/#1 < a\\x1b\[2J\\nb\n/);
    client.ws.close(4001, '\u009b1m');
    await command.printed(/#1 closed 4001 code of the application: \\x9b1m\n/);
  });

  test('sends messages of --chat to all others', async () => {
    const { url } = await start('listen', '0', '--chat');
    const [a, b, c] = [await connect(url), await connect(url), await connect(url)];
    a.ws.send('from a');
    expect([await b.next(), await c.next()]).toEqual(['from a', 'from a']);
    b.ws.send('from b');
    expect(await a.next()).toBe('from b');
  });

  test('runs a program for each connection, which ends with it', async () => {
    // It prints its number, echoes in capitals, and says when its input is over.
    const program = `echo $$ $WASOCK_PATH; while read line; do echo "$line" | tr a-z A-Z; done; echo over > '${folder}/over'`;
    const { url } = await start('listen', '0', '--execute', program);
    const [a, b] = [await connect(`${url}x?y`), await connect(url)];
    const [first, second] = [await a.next(), await b.next()];
    expect([String(first).endsWith(' /x?y'), first === second]).toEqual([true, false]);
    a.ws.send('$(touch hacked)');
    expect(await a.next()).toBe('$(TOUCH HACKED)');
    a.ws.close();
    await a.closed;
    await expect.poll(() => readFileSync(join(folder, 'over'), 'utf8')).toBe('over\n');
  });

  test.each([
    ['true', 1000],
    ['exit 3', 1011],
  ])('closes the connection when the program ends: %s', async (program, code) => {
    const { url } = await start('listen', '0', '--execute', program);
    expect((await new Client(url).closed)[0]).toBe(code);
  });

  test('serves no program to web pages of other machines', async () => {
    const { url } = await start('listen', '0', '--execute', 'echo hello');
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', 'http://127.0.0.1.evil.example']) {
      const [error] = (await once(new WebSocket(url, { origin }), 'error')) as [Error];
      expect(error.message).toBe('Unexpected server response: 403');
    }
    for (const options of [{}, { origin: 'http://localhost:3000' }, { origin: 'http://[::1]' }]) {
      expect(await (await connect(url, [], options)).next()).toBe('hello');
    }
  });

  test('drops a program that does not end', async () => {
    const { url } = await start('listen', '0', '--execute', 'trap "" TERM; echo $$; while true; do sleep 1; done');
    const client = await connect(url);
    const pid = Number(await client.next());
    client.ws.terminate();
    const isAlive = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await expect.poll(isAlive).toBe(false);
  });

  test('drops a program at the second signal', async () => {
    const { url, command } = await start('listen', '0', '--execute', 'trap "" TERM; echo ready; sleep 600');
    expect(await (await connect(url)).next()).toBe('ready');
    void command.end('SIGINT');
    await command.printed(/Stopped/);
    // The command has ended once nobody has its standard error any more, which the program has too.
    expect((await command.end('SIGINT')).code).toBe(130);
  });

  test('serves TLS, subprotocols, compression; refuses other paths, origins and connections', async () => {
    writeFileSync(join(folder, 'cert.pem'), certificate);
    writeFileSync(join(folder, 'key.pem'), key);
    const tls = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
    const limits = ['--path', '/chat', '--origin', 'https://a.example', '--max-connections', '1'];
    const { url } = await start('listen', '0', ...tls, ...limits, '--subprotocol', 'b', '--compress');
    const options = { ca: certificate, origin: 'https://a.example', perMessageDeflate: true };
    const refusal = async (path: string, given: ClientOptions): Promise<string> => {
      const ws = new WebSocket(`${url}${path}`, given);
      return ((await once(ws, 'error'))[0] as Error).message;
    };
    expect(await refusal('', options)).toContain('400');
    expect(await refusal('chat', { ...options, origin: 'https://b.example' })).toContain('403');
    const { ws } = await connect(`${url}chat`, ['a', 'b'], options);
    expect([ws.protocol, ws.extensions]).toEqual(['b', 'permessage-deflate']);
    expect(await refusal('chat', options)).toContain('503');
  });

  test('serves files of a folder, and nothing outside of it', async () => {
    const root = join(folder, 'public');
    mkdirSync(join(root, 'sub'), { recursive: true });
    writeFileSync(join(root, 'index.html'), '<p>hello');
    writeFileSync(join(root, 'a b.txt'), 'text');
    writeFileSync(join(root, 'empty.css'), '');
    writeFileSync(join(root, '.hidden'), 'secret');
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    symlinkSync(join(folder, 'secret.txt'), join(root, 'link.txt'));
    symlinkSync(folder, join(root, 'out'));
    const { host, url } = await start('listen', '0', '--static', root);
    const get = async (
      path: string,
      method = 'GET',
      headers = {},
    ): Promise<{ status: number; type: string; location: string; range: string | undefined; tag: string; body: string }> => {
      const [hostname, port] = host.split(':');
      // The path as it is: fetch() would normalize it.
      const [response] = (await once(request({ hostname, port, path, method, headers }).end(), 'response')) as [
        import('node:http').IncomingMessage,
      ];
      let body = '';
      for await (const chunk of response) body += String(chunk);
      return {
        status: response.statusCode!,
        type: response.headers['content-type']!,
        location: response.headers.location!,
        range: response.headers['content-range'],
        tag: response.headers.etag!,
        body,
      };
    };
    expect(await get('/')).toMatchObject({ status: 200, type: 'text/html; charset=utf-8', body: '<p>hello' });
    const part = { status: 206, range: 'bytes 3-5/8', type: 'text/html; charset=utf-8', body: 'hel' };
    const { tag } = await get('/');
    expect(await get('/', 'GET', { Range: 'bytes=3-5' })).toMatchObject(part);
    expect(await get('/', 'GET', { Range: 'bytes=3-5', 'If-Range': tag })).toMatchObject(part);
    const whole = { status: 200, range: undefined, body: '<p>hello' };
    expect(await get('/', 'GET', { Range: 'bytes=3-5', 'If-Range': '"other"' })).toMatchObject(whole);
    expect(await get('/', 'GET', { Range: 'bytes=0-1,3-5' })).toMatchObject(whole);
    expect(await get('/', 'HEAD', { Range: 'bytes=3-5' })).toMatchObject({ status: 200, range: undefined, body: '' });
    expect(await get('/', 'GET', { Range: 'bytes=8-' })).toMatchObject({ status: 416, range: 'bytes */8' });
    expect(await get('/', 'GET', { Range: 'bytes=3-5', 'If-None-Match': tag })).toMatchObject({ status: 304, body: '' });
    expect(await get('/a%20b.txt?query')).toMatchObject({ status: 200, body: 'text' });
    expect(await get('/empty.css')).toMatchObject({ status: 200, body: '' });
    expect(await get('/', 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect(await get('/', 'POST')).toMatchObject({ status: 405 });
    expect(await get('/sub')).toMatchObject({ status: 301, location: '/sub/' });
    expect(await get('//sub')).toMatchObject({ status: 301, location: '/sub/' });
    const outside = ['/../secret.txt', '/sub/../../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/..%5csecret.txt'];
    const others = [
      '/link.txt',
      '/out/secret.txt',
      '/out/',
      '/out',
      '/.hidden',
      '/%00',
      '/%',
      '/sub/',
      '/missing',
      '//etc/passwd',
      '/index.html/',
    ];
    for (const path of [...outside, ...others]) expect([path, (await get(path)).status]).toEqual([path, 404]);
    const client = await connect(url);
    client.ws.send('a');
    expect(await client.next()).toBe('a');
  });

  test('serves topics to everybody', async () => {
    const { url } = await start('listen', '0', '--topics');
    const [a, b] = [await connect(url, ['wasock.topics.v1']), await connect(url, ['wasock.topics.v1'])];
    a.ws.send(JSON.stringify({ type: 'subscribe', id: 1, topic: 'news' }));
    expect(JSON.parse(String(await a.next()))).toMatchObject({ type: 'subscribed', id: 1 });
    b.ws.send(JSON.stringify({ type: 'publish', id: 1, topic: 'news', text: 'hello' }));
    expect(JSON.parse(String(await a.next()))).toMatchObject({ topic: 'news', text: 'hello' });
    expect((await new Client(url).closed)[0]).toBe(1008);
  });

  test.each([
    [['--chat', '--topics'], 2, 'exclude each other'],
    [['--topic-bus', 'http://a/'], 2, '--topic-bus must be a URL of Redis'],
    [['--topic-bus', 'redis://127.0.0.1:1/'], 1, 'npm install redis'],
    [['--static', '/no/such/folder'], 1, 'Cannot serve /no/such/folder'],
    [['--cert', 'a'], 2, '--cert and --key go together'],
    [['--log', 'xml'], 2, '--log must be text, json, none'],
  ])('names a mistake: %j', async (args, code, message) => {
    const ended = await wasock(['listen', '0', ...args], { cwd: folder });
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(message)]);
  });

  test('says that a port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await wasock(['listen', String(port)])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the port is taken') as unknown,
    });
    server.close();
  });

  // A download that is not read, and a request head that does not end, keep a server of node:http that only closes.
  test.each([
    ['the echo', []],
    ['--static', ['--static', '.']],
  ])('ends at SIGTERM although HTTP clients stay: %s', async (_name, args) => {
    writeFileSync(join(folder, 'large.bin'), Buffer.alloc(64 << 20));
    const command = new Command(['listen', '0', ...args], { cwd: folder });
    const [, port] = await command.printed(/Listening on ws:\/\/[\d.]+:(\d+)\//);
    const requests = ['GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n', 'GET / HTTP/1.1\r\nHost: loc'];
    const clients = requests.map(() =>
      connectTcp(Number(port), '127.0.0.1')
        .on('error', () => {})
        .pause(),
    );
    await Promise.all(clients.map(async (client) => void (await once(client, 'connect'))));
    for (const [index, client] of clients.entries()) client.write(requests[index]);
    await once(clients[0], 'readable');
    const begin = performance.now();
    expect((await command.end('SIGTERM')).code).toBe(0);
    expect(performance.now() - begin).toBeLessThan(30_000);
    for (const client of clients) client.destroy();
  });
});

describe('wasock proxy', () => {
  test('passes the handshake, messages, Pings and the close on, and records', async () => {
    const file = join(folder, 'proxy.jsonl');
    const { url, command } = await start('proxy', '0', peer.url, '--verbose', '--record', file, '-H', 'X-Own: 1');
    const headers = { Cookie: 'a=b', 'X-Given': '2' };
    const client = await connect(`${url}path?query`, ['p', 'q'], { headers, origin: 'https://a.example' });
    expect(client.ws.protocol).toBe('q');
    const { url: path, headers: passed } = peer.requests.at(-1)!;
    expect([path, passed]).toEqual([
      '/path?query',
      expect.objectContaining({
        cookie: 'a=b',
        'x-given': '2',
        'x-own': '1',
        origin: 'https://a.example',
        host: `127.0.0.1:${peer.port}`,
      }),
    ]);
    client.ws.send('one');
    client.ws.send(Buffer.from('00ff', 'hex'));
    expect([await client.next(), await client.next()]).toEqual(['one', Buffer.from('00ff', 'hex')]);
    client.ws.ping('are you there');
    expect(String((await once(client.ws, 'pong'))[0])).toBe('are you there');
    client.ws.send('ping');
    expect(String((await once(client.ws, 'ping'))[0])).toBe('are you there');
    client.ws.send('close 4001');
    expect(await client.closed).toEqual([4001, 'over \u001b[31m']);
    await command.printed(/#1 closed 4001/);
    expect((await command.end('SIGINT')).code).toBe(0);
    const events = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ type, text, base64, code }) => [type, text ?? base64 ?? code])).toEqual([
      ['open', undefined],
      ['send', 'one'],
      ['send', 'AP8='],
      ['receive', 'one'],
      ['receive', 'AP8='],
      ['send', 'ping'],
      ['send', 'close 4001'],
      ['close', 4001],
    ]);
  });

  test('passes the close of the client on, and a lost connection', async () => {
    const { url } = await start('proxy', '0', peer.url);
    for (const [end, code] of [
      [(ws: WebSocket) => ws.close(4002, 'done'), 4002],
      [(ws: WebSocket) => ws.terminate(), 1006],
    ] as const) {
      const client = await connect(url);
      const closed = once(peer.sockets.at(-1)!, 'close');
      end(client.ws);
      expect((await closed)[0]).toBe(code);
    }
  });

  test('keeps the host whatever the path of a request is', async () => {
    const { url } = await start('proxy', '0', peer.url);
    await connect(`${url}/evil.example/path`);
    expect(peer.requests.at(-1)!.url).toBe('//evil.example/path');
  });

  test('refuses clients with 502 while the server is away', async () => {
    const { url } = await start('proxy', '0', 'ws://127.0.0.1:1/');
    const ws = new WebSocket(url);
    expect(((await once(ws, 'error'))[0] as Error).message).toContain('502');
  });

  test('delays messages and keeps their order', async () => {
    const { url } = await start('proxy', '0', peer.url, '--delay', '100ms', '--jitter', '50ms', '--only', 'up');
    const client = await connect(url);
    const start_ = performance.now();
    for (let index = 0; index < 20; index++) client.ws.send(String(index));
    const answers: unknown[] = [];
    for (let index = 0; index < 20; index++) answers.push(await client.next());
    expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => String(index)));
    expect(performance.now() - start_).toBeGreaterThan(99);
  });

  test('loses messages: the same ones with the same seed', async () => {
    const rounds: unknown[] = [];
    peer.messages.splice(0);
    for (let round = 0; round < 2; round++) {
      const { url, command } = await start('proxy', '0', peer.url, '--drop', '0.5', '--seed', '7', '--only', 'up');
      const client = await connect(url);
      for (let index = 0; index < 20; index++) client.ws.send(String(index));
      client.ws.close();
      await client.closed;
      await command.end('SIGTERM');
      rounds.push(peer.messages.splice(0));
    }
    const [first, second] = rounds as unknown[][];
    expect(first).toEqual(second);
    expect(first.length).toBeGreaterThan(3);
    expect(first.length).toBeLessThan(17);
  });

  test('cuts connections after a number of messages, or a time', async () => {
    for (const cut of [
      ['--cut-after', '2'],
      ['--cut-time', '100ms'],
    ]) {
      const { url } = await start('proxy', '0', peer.url, ...cut);
      const client = await connect(url);
      const closed = once(peer.sockets.at(-1)!, 'close');
      client.ws.send('one');
      expect([(await client.closed)[0], (await closed)[0]]).toEqual([1006, 1006]);
    }
  });
});
