// The reverse proxies of examples/reverse-proxies, started in front of a server of a test, with the ports of the moment.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificate, key } from '../support/certificates.ts';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { PATIENCE } from '../support/patience.ts';
import { answers, freePort, sleep } from '../support/sockets.ts';

export type ProxyName = 'nginx' | 'haproxy' | 'caddy';

interface Kind {
  readonly file: string;
  /** The Debian package. */
  readonly install: string;
  /** The directive of a time-out, in the example and in seconds. Left out: it cuts no idle connection. */
  readonly idle?: readonly [inExample: RegExp, directive: string];
  command(folder: string): readonly [string, ...string[]];
}

const KINDS: Readonly<Record<ProxyName, Kind>> = {
  nginx: {
    file: 'nginx.conf',
    install: 'nginx-light',
    idle: [/proxy_read_timeout 75s/, 'proxy_read_timeout'],
    command: (folder) => ['nginx', '-p', folder, '-c', 'nginx.conf', '-e', 'error.log', '-g', 'daemon off;'],
  },
  haproxy: {
    file: 'haproxy.cfg',
    install: 'haproxy',
    idle: [/timeout tunnel 75s/, 'timeout tunnel'],
    command: (folder) => ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')],
  },
  caddy: {
    file: 'Caddyfile',
    install: 'caddy',
    command: (folder) => ['caddy', 'run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'],
  },
};

export class ReverseProxy {
  readonly url: string;
  readonly tlsUrl: string;
  /** Whether it cuts connections that are idle for the seconds that were asked for. */
  readonly cutsIdle: boolean;
  readonly #kind: Kind;
  readonly #folder: string;
  readonly #adminPort: number;
  readonly #processes: ChildProcess[] = [];

  private constructor(kind: Kind, folder: string, port: number, tlsPort: number, adminPort: number) {
    this.#kind = kind;
    this.#folder = folder;
    this.#adminPort = adminPort;
    this.cutsIdle = kind.idle !== undefined;
    this.url = `ws://127.0.0.1:${port}`;
    this.tlsUrl = `wss://127.0.0.1:${tlsPort}`;
  }

  /**
   * @param target Port of the server behind it.
   * @param idleSeconds Seconds after which it cuts an idle connection, if it does.
   */
  static async start(name: ProxyName, target: number, idleSeconds: number = 60): Promise<ReverseProxy> {
    const kind = KINDS[name];
    const folder = await mkdtemp(join(tmpdir(), `${name}-`));
    const [port, tlsPort, adminPort] = [await freePort(), await freePort(), await freePort()];
    let text = await readFile(join(ROOT, 'examples/reverse-proxies', kind.file), 'utf8');
    text = text.replaceAll('8081', String(target)).replaceAll('8080', String(port)).replaceAll('8443', String(tlsPort));
    text = text.replace('admin off', `admin 127.0.0.1:${adminPort}`);
    if (kind.idle !== undefined) text = text.replace(kind.idle[0], `${kind.idle[1]} ${idleSeconds}s`);
    text = text.replaceAll(/certificate(?:-and-key)?\.pem|key\.pem/g, (file) => join(folder, file));
    await writeFile(join(folder, kind.file), text);
    await writeFile(join(folder, 'certificate.pem'), certificate);
    await writeFile(join(folder, 'key.pem'), key);
    await writeFile(join(folder, 'certificate-and-key.pem'), certificate + key);
    const proxy = new ReverseProxy(kind, folder, port, tlsPort, adminPort);
    await proxy.#spawn(port);
    return proxy;
  }

  async #spawn(port: number, ...more: string[]): Promise<void> {
    const [command, ...given] = this.#kind.command(this.#folder);
    const process_ = spawn(command, [...given, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // Where Debian puts them, which is not on the PATH of every user.
      env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
    });
    let text = '';
    process_.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    process_.on('error', (error) => (text += error.message));
    this.#processes.push(process_);
    for (const end = Date.now() + PATIENCE; Date.now() < end;) {
      if (await answers(port)) return;
      if (process_.pid === undefined) throw new Error(`${command} is missing: apt-get install ${this.#kind.install}`);
      if (process_.exitCode !== null) throw new Error(`${command} has ended: ${text}`);
      await sleep(50);
    }
    throw new Error(`${command} does not listen: ${text}`);
  }

  /** Reads the configuration again. Caddy does by its administration interface, which the example turns off. */
  async reload(): Promise<void> {
    const old = this.#processes[0];
    if (this.#kind === KINDS.nginx) old.kill('SIGHUP');
    else if (this.#kind === KINDS.haproxy) await this.#spawn(Number(new URL(this.url).port), '-sf', String(old.pid));
    else {
      const file = join(this.#folder, this.#kind.file);
      const address = `127.0.0.1:${this.#adminPort}`;
      const reload = spawn('caddy', ['reload', '--force', '--config', file, '--adapter', 'caddyfile', '--address', address]);
      const [code] = (await once(reload, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`caddy reload has ended with ${code}`);
    }
    await sleep(200);
  }

  async stop(): Promise<void> {
    for (const each of this.#processes) {
      if (each.exitCode !== null || each.signalCode !== null || each.pid === undefined) continue;
      const ended = once(each, 'exit');
      each.kill('SIGTERM');
      if ((await Promise.race([ended, sleep(3000)])) === undefined) each.kill('SIGKILL');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
