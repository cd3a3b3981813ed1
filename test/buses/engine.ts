// Engines from Debian packages, started by the tests on free ports of the loopback.

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PATIENCE } from '../support/patience.ts';
import { answers, freePort, sleep } from '../support/sockets.ts';

/** A kind of engine. */
export interface EngineKind {
  readonly binary: string;
  /** The Debian package. */
  readonly install: string;
  /** Arguments of the program. @param folder Its data, which outlive a restart. */
  args(port: number, folder: string): readonly string[];
  /** A program that makes the data before the first start, with its arguments. */
  prepare?(folder: string): readonly string[];
  /** A program that succeeds once the engine can be used, with its arguments. Default: it can once it listens. */
  ready?(port: number): readonly string[];
  /** The user to run it as if these tests run as root, which it refuses. */
  readonly user?: string;
  /** The signal that ends it with all its processes. Default `'SIGKILL'`. */
  readonly stop?: NodeJS.Signals;
}

const run = promisify(execFile);

export const REDIS: EngineKind = {
  binary: '/usr/bin/redis-server',
  install: 'redis-server',
  args: (port, folder) => [`--port ${port}`, '--bind 127.0.0.1', `--dir ${folder}`, '--appendonly yes', '--appendfsync always'],
};

/** Finds the master of servers, and makes a replica the master when that is away. It writes to its configuration. */
export const SENTINEL: EngineKind = {
  ...REDIS,
  args: (port, folder) => [
    join(folder, 'sentinel.conf'),
    '--sentinel',
    `--port ${port}`,
    '--bind 127.0.0.1',
    `--dir ${folder}`,
  ],
  prepare: (folder) => ['touch', join(folder, 'sentinel.conf')],
};

export const NATS: EngineKind = {
  binary: '/usr/sbin/nats-server',
  install: 'nats-server',
  args: (port, folder) => ['-a 127.0.0.1', `-p ${port}`, '-js', `-sd ${folder}`],
};

/** The newest PostgreSQL: Debian has a folder for the programs of each version. */
function postgresFolder(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root) : [];
  const installed = versions.filter((version) => existsSync(join(root, version, 'bin/postgres')));
  return join(root, String(Math.max(...installed.map(Number), 0)), 'bin');
}
const POSTGRES_FOLDER = postgresFolder();

export const POSTGRES: EngineKind = {
  binary: join(POSTGRES_FOLDER, 'postgres'),
  install: 'postgresql',
  user: 'postgres',
  stop: 'SIGQUIT',
  // What a process has written outlives the process without fsync.
  args: (port, folder) => [
    `-D ${folder}`,
    `-p ${port}`,
    '-c listen_addresses=127.0.0.1',
    '-c unix_socket_directories=',
    '-c fsync=off',
    '-c dynamic_shared_memory_type=mmap',
  ],
  prepare: (folder) => [
    join(POSTGRES_FOLDER, 'initdb'),
    '-D',
    folder,
    '--username=wasock',
    '--auth=trust',
    '--encoding=UTF8',
    '--no-locale',
    '--no-sync',
  ],
  ready: (port) => [join(POSTGRES_FOLDER, 'pg_isready'), '-q', '-h', '127.0.0.1', '-p', String(port)],
};

/** A standby of PostgreSQL, which follows another one until it is promoted. */
export function postgresStandby(primaryPort: number): EngineKind {
  const source = ['-h', '127.0.0.1', '-p', String(primaryPort), '-U', 'wasock'];
  return {
    ...POSTGRES,
    prepare: (folder) => [
      join(POSTGRES_FOLDER, 'pg_basebackup'),
      ...source,
      '-D',
      folder,
      '--write-recovery-conf',
      '--checkpoint=fast',
      '--no-sync',
    ],
  };
}

/** PgBouncer in front of PostgreSQL. @param mode Its `pool_mode`. */
export function pgBouncer(postgresPort: number, mode: string): EngineKind {
  return {
    binary: '/usr/sbin/pgbouncer',
    install: 'pgbouncer',
    user: 'postgres',
    args: (port, folder) => {
      const lines = [
        '[databases]',
        `* = host=127.0.0.1 port=${postgresPort} user=wasock`,
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${port}`,
        'unix_socket_dir =',
        'auth_type = any',
        `pool_mode = ${mode}`,
      ];
      writeFileSync(join(folder, 'pgbouncer.ini'), lines.join('\n'));
      return ['-q', join(folder, 'pgbouncer.ini')];
    },
  };
}

/** An engine of one process or more. */
export type RunningEngine = Pick<Engine, 'port' | 'kill' | 'restart' | 'remove'>;

export class Engine {
  readonly port: number;
  readonly #kind: EngineKind;
  readonly #folder: string;
  readonly #owner: { readonly uid?: number; readonly gid?: number };
  #process: ChildProcess | undefined;

  private constructor(kind: EngineKind, port: number, folder: string, owner: { readonly uid?: number; readonly gid?: number }) {
    this.#kind = kind;
    this.port = port;
    this.#folder = folder;
    this.#owner = owner;
  }

  static async start(kind: EngineKind): Promise<Engine> {
    if (!existsSync(kind.binary)) throw new Error(`${kind.binary} is missing: apt-get install ${kind.install}`);
    const folder = await mkdtemp(join(tmpdir(), 'wasock-engine-'));
    const engine = new Engine(kind, await freePort(), folder, await ownerOf(folder, kind));
    if (kind.prepare !== undefined) {
      const [program, ...args] = kind.prepare(folder);
      await run(program, args, { cwd: folder, ...engine.#owner });
    }
    await engine.restart();
    return engine;
  }

  /** Starts it with the data of before. */
  async restart(): Promise<void> {
    for (const end = Date.now() + PATIENCE; Date.now() < end;) {
      // It may refuse to start while processes of the one that was killed are there.
      if (!this.#isRunning) this.#spawn();
      await sleep(50);
      if (this.#isRunning && (await this.#isReady())) return;
    }
    throw new Error(`${this.#kind.binary} does not listen`);
  }

  /** Ends it without a warning. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async remove(): Promise<void> {
    if (this.#isRunning) await this.#end(this.#kind.stop ?? 'SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #isRunning(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  #spawn(): void {
    const { binary, args } = this.#kind;
    const words = args(this.port, this.#folder).flatMap((arg) => arg.split(' '));
    this.#process = spawn(binary, words, { stdio: 'ignore', cwd: this.#folder, ...this.#owner });
  }

  async #isReady(): Promise<boolean> {
    const { ready } = this.#kind;
    if (ready === undefined) return answers(this.port);
    const [program, ...args] = ready(this.port);
    return run(program, args).then(
      () => true,
      () => false,
    );
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.#process!, 'exit');
    this.#process!.kill(signal);
    await ended;
  }
}

/** Gives the folder to the user of the engine. @returns The user, if it is not that of these tests. */
async function ownerOf(folder: string, { user }: EngineKind): Promise<{ readonly uid?: number; readonly gid?: number }> {
  if (user === undefined || process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all(['-u', '-g'].map(async (kind) => Number((await run('id', [kind, user])).stdout)));
  await chown(folder, uid, gid);
  return { uid, gid };
}
