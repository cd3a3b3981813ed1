// Engines from Debian packages, started by the tests on free ports of the loopback.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers, freePort, sleep } from '../support/sockets.ts';

/** A kind of engine. */
export interface EngineKind {
  readonly binary: string;
  /** The Debian package. */
  readonly install: string;
  /** Arguments of the program. @param folder Its data, which outlive a restart. */
  args(port: number, folder: string): readonly string[];
}

export const REDIS: EngineKind = {
  binary: '/usr/bin/redis-server',
  install: 'redis-server',
  args: (port, folder) => [`--port ${port}`, '--bind 127.0.0.1', `--dir ${folder}`, '--appendonly yes', '--appendfsync always'],
};

export const NATS: EngineKind = {
  binary: '/usr/sbin/nats-server',
  install: 'nats-server',
  args: (port, folder) => ['-a 127.0.0.1', `-p ${port}`, '-js', `-sd ${folder}`],
};

export class Engine {
  readonly port: number;
  readonly #kind: EngineKind;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(kind: EngineKind, port: number, folder: string) {
    this.#kind = kind;
    this.port = port;
    this.#folder = folder;
  }

  static async start(kind: EngineKind): Promise<Engine> {
    if (!existsSync(kind.binary)) throw new Error(`${kind.binary} is missing: apt-get install ${kind.install}`);
    const engine = new Engine(kind, await freePort(), await mkdtemp(join(tmpdir(), 'wasock-engine-')));
    await engine.restart();
    return engine;
  }

  /** Starts it with the data of before. */
  async restart(): Promise<void> {
    const { binary, args } = this.#kind;
    this.#process = spawn(
      binary,
      args(this.port, this.#folder).flatMap((arg) => arg.split(' ')),
      { stdio: 'ignore' },
    );
    for (let tries = 0; tries < 400; tries++) {
      if (await answers(this.port)) return;
      await sleep(50);
    }
    throw new Error(`${binary} does not listen`);
  }

  /** Ends it without a warning. */
  async kill(): Promise<void> {
    const ended = once(this.#process!, 'exit');
    this.#process!.kill('SIGKILL');
    await ended;
  }

  async remove(): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
