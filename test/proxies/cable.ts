// Two machines with a cable between them: two network namespaces of Linux, and a pair of virtual Ethernet devices that can be unplugged.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NEEDED = 'Network namespaces need Linux, `ip` (apt-get install iproute2), and root or `sudo` without a password';
const DEVICE = 'cable';

/** Root runs a command itself. */
const AS_ROOT: readonly string[] = process.getuid?.() === 0 ? [] : ['sudo', '-n'];

async function ip(...values: string[]): Promise<void> {
  const [command, ...rest] = [...AS_ROOT, 'ip', ...values];
  try {
    await run(command, rest, { env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } });
  } catch (error) {
    throw new Error(`${NEEDED}. \`${[command, ...rest].join(' ')}\` has failed`, { cause: error });
  }
}

let made = 0;

export class Cable {
  /** The address of the first machine. Namespaces know nothing of each other, so all cables have the same. */
  readonly address: string = '10.0.0.1';
  readonly #names: readonly [string, string];

  private constructor(names: readonly [string, string]) {
    this.#names = names;
  }

  /** Makes both machines. @throws {Error} that says what is missing. */
  static async lay(): Promise<Cable> {
    const name = `wasock-${process.pid}-${made++}`;
    const cable = new Cable([`${name}-a`, `${name}-b`]);
    const [first, second] = cable.#names;
    try {
      await ip('netns', 'add', first);
      await ip('netns', 'add', second);
      await ip('-n', first, 'link', 'add', DEVICE, 'type', 'veth', 'peer', 'name', DEVICE, 'netns', second);
      await ip('-n', first, 'address', 'add', `${cable.address}/24`, 'dev', DEVICE);
      await ip('-n', second, 'address', 'add', '10.0.0.2/24', 'dev', DEVICE);
      await cable.plug();
      await ip('-n', second, 'link', 'set', DEVICE, 'up');
    } catch (error) {
      await cable.remove().catch(() => {});
      throw error;
    }
    return cable;
  }

  /** A command that runs the command behind it on a machine. */
  on(machine: 'first' | 'second'): readonly string[] {
    return [...AS_ROOT, 'ip', 'netns', 'exec', this.#names[machine === 'first' ? 0 : 1]];
  }

  /** No packet passes any more, and no end is told. */
  async unplug(): Promise<void> {
    await ip('-n', this.#names[0], 'link', 'set', DEVICE, 'down');
  }

  async plug(): Promise<void> {
    await ip('-n', this.#names[0], 'link', 'set', DEVICE, 'up');
  }

  /** Removes both machines. Their processes must have ended. */
  async remove(): Promise<void> {
    const results = await Promise.allSettled(this.#names.map((name) => ip('netns', 'delete', name)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
