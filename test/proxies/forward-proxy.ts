// Proxies for clients from Debian packages, on loopback: Squid and tinyproxy with Basic authentication, Squid with TLS as well, and microsocks.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificate, key } from '../support/certificates.ts';
import { PATIENCE } from '../support/patience.ts';
import { answers, freePort, sleep } from '../support/sockets.ts';

export type ForwardProxyName = 'squid' | 'tinyproxy' | 'microsocks';

export const USER = 'ann';
const PASSWORD = 's3cret';
/** `openssl passwd -apr1 -salt abcdefgh s3cret` */
const HASH = '$apr1$abcdefgh$M2T3erDstkD7SsE2QQnfH0';

/** Where a proxy listens, and its folder. */
interface Place {
  readonly folder: string;
  readonly port: number;
  readonly tlsPort: number;
}

interface Kind {
  readonly scheme: 'http' | 'socks5';
  readonly hasTls: boolean;
  readonly files: (place: Place) => Readonly<Record<string, string>>;
  readonly command: (place: Place) => readonly [string, ...string[]];
}

const KINDS: Readonly<Record<ForwardProxyName, Kind>> = {
  squid: {
    scheme: 'http',
    hasTls: true,
    files: ({ folder, port, tlsPort }) => ({
      users: `${USER}:${HASH}\n`,
      'certificate.pem': certificate,
      'key.pem': key,
      'squid.conf': `
http_port 127.0.0.1:${port}
https_port 127.0.0.1:${tlsPort} tls-cert=${folder}/certificate.pem tls-key=${folder}/key.pem
auth_param basic program /usr/lib/squid/basic_ncsa_auth ${folder}/users
auth_param basic children 1
acl users proxy_auth REQUIRED
http_access allow users
http_access deny all
cache deny all
access_log none
cache_log ${folder}/cache.log
pid_filename none
coredump_dir none
netdb_filename none
shutdown_lifetime 0 seconds
visible_hostname proxy.example
`,
    }),
    // Under a name of its own: Squid has shared memory by that name.
    command: ({ folder, port }) => ['squid', '-n', `test${port}`, '-N', '-d1', '-f', join(folder, 'squid.conf')],
  },
  tinyproxy: {
    scheme: 'http',
    hasTls: false,
    files: ({ port }) => ({
      'tinyproxy.conf': `
Port ${port}
Listen 127.0.0.1
Timeout 60
MaxClients 20
BasicAuth ${USER} ${PASSWORD}
`,
    }),
    command: ({ folder }) => ['tinyproxy', '-d', '-c', join(folder, 'tinyproxy.conf')],
  },
  microsocks: {
    scheme: 'socks5',
    hasTls: false,
    files: () => ({}),
    command: ({ port }) => ['microsocks', '-i', '127.0.0.1', '-p', String(port), '-u', USER, '-P', PASSWORD],
  },
};

export class RealForwardProxy {
  readonly #kind: Kind;
  readonly #place: Place;
  readonly #process: ChildProcess;

  private constructor(kind: Kind, place: Place, process_: ChildProcess) {
    this.#kind = kind;
    this.#place = place;
    this.#process = process_;
  }

  static async start(name: ForwardProxyName): Promise<RealForwardProxy> {
    const kind = KINDS[name];
    const folder = await mkdtemp(join(tmpdir(), `${name}-`));
    // Squid gives up the rights of root before it reads and writes there.
    await chmod(folder, 0o777);
    const place = { folder, port: await freePort(), tlsPort: await freePort() };
    for (const [file, text] of Object.entries(kind.files(place))) await writeFile(join(folder, file), text);
    const [command, ...given] = kind.command(place);
    const process_ = spawn(command, given, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Where Debian puts Squid, which is not on the PATH of every user.
      env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
    });
    let text = '';
    for (const stream of [process_.stdout, process_.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    process_.on('error', (error) => (text += error.message));
    const proxy = new RealForwardProxy(kind, place, process_);
    for (const end = Date.now() + PATIENCE; Date.now() < end;) {
      if ((await answers(place.port)) && (!kind.hasTls || (await answers(place.tlsPort)))) return proxy;
      if (process_.pid === undefined) throw new Error(`${command} is missing: apt-get install ${name}`);
      if (process_.exitCode !== null) break;
      await sleep(50);
    }
    await proxy.stop();
    throw new Error(`${command} does not listen: ${text}`);
  }

  /** @param credentials `user:password@` */
  url(credentials: string = `${USER}:${PASSWORD}@`): string {
    return `${this.#kind.scheme}://${credentials}127.0.0.1:${this.#place.port}`;
  }

  /** With TLS to the proxy, whose certificate is that of the tests. */
  tlsUrl(): string {
    return `https://${USER}:${PASSWORD}@localhost:${this.#place.tlsPort}`;
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode, pid } = this.#process;
    if (exitCode === null && signalCode === null && pid !== undefined) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      if ((await Promise.race([ended, sleep(5000)])) === undefined) this.#process.kill('SIGKILL');
      await ended;
    }
    await rm(this.#place.folder, { recursive: true, force: true });
  }
}
