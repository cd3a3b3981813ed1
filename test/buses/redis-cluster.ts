// Three nodes of Redis that are a cluster, with a replica each or without.

import { connect } from 'node:net';
import { PATIENCE } from '../support/patience.ts';
import { freePort, sleep } from '../support/sockets.ts';
import { Engine, REDIS, type RunningEngine } from './engine.ts';

const SLOTS = 16_384;
const NODES = 3;

/** Sends a command to a node. @returns Its reply, as text. */
export function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    let reply = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      reply += text;
      const [, length] = /^\$(\d+)\r\n/.exec(reply) ?? [];
      const isWhole = length === undefined ? reply.endsWith('\r\n') : reply.length >= Number(length) + length.length + 5;
      if (!isWhole) return;
      socket.destroy();
      if (reply.startsWith('-')) reject(new Error(reply));
      else resolve(reply);
    });
    socket.on('error', reject);
  });
}

/** Fulfilled once the reply to a command has all words. */
async function tells(port: number, command: string, words: readonly string[]): Promise<void> {
  for (const end = Date.now() + PATIENCE; Date.now() < end;) {
    const reply = await ask(port, command).catch(() => '');
    if (words.every((word) => reply.includes(word))) return;
    await sleep(25);
  }
  throw new Error(`${command}: no ${words.join(' and ')}`);
}

export class RedisCluster implements RunningEngine {
  readonly nodes: readonly Engine[];

  private constructor(nodes: readonly Engine[]) {
    this.nodes = nodes;
  }

  /** @param replicas Whether each of the three has one: those are the nodes behind them. */
  static async start(replicas: boolean = false): Promise<RedisCluster> {
    const nodes: { readonly engine: Engine; readonly busPort: number }[] = [];
    for (let index = 0; index < (replicas ? NODES * 2 : NODES); index++) {
      const busPort = await freePort();
      const engine = await Engine.start({
        ...REDIS,
        args: (port, folder) => [
          `--bind 127.0.0.1 --port ${port} --dir ${folder} --appendonly yes --appendfsync everysec`,
          `--cluster-enabled yes --cluster-port ${busPort} --cluster-node-timeout 3000`,
        ],
      });
      nodes.push({ engine, busPort });
    }
    const [first, ...others] = nodes;
    for (const [index, { engine }] of nodes.slice(0, NODES).entries()) {
      const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / NODES));
      await ask(engine.port, `CLUSTER ADDSLOTSRANGE ${from} ${to - 1}`);
    }
    for (const { engine, busPort } of others) await ask(first.engine.port, `CLUSTER MEET 127.0.0.1 ${engine.port} ${busPort}`);
    const cluster = new RedisCluster(nodes.map(({ engine }) => engine));
    await cluster.ready();
    for (const [index, { port }] of cluster.nodes.slice(NODES).entries()) {
      await ask(port, `CLUSTER REPLICATE ${await cluster.#idOf(index)}`);
    }
    for (const index of cluster.nodes.slice(NODES).keys()) await cluster.#isReplica(NODES + index);
    return cluster;
  }

  get port(): number {
    return this.nodes[0].port;
  }

  /** Fulfilled once all nodes serve. */
  async ready(): Promise<void> {
    const words = ['cluster_state:ok', `cluster_known_nodes:${this.nodes.length}`];
    for (const { port } of this.nodes) await tells(port, 'CLUSTER INFO', words);
  }

  /** Makes the replica of a node the master in its place, while both are there. */
  async swap(index: number): Promise<void> {
    await ask(this.nodes[NODES + index].port, 'CLUSTER FAILOVER');
    await this.tookOver(index);
  }

  /** Fulfilled once the replica of a node is the master in its place. */
  async tookOver(index: number): Promise<void> {
    await tells(this.nodes[NODES + index].port, 'INFO replication', ['role:master']);
  }

  async #idOf(index: number): Promise<string> {
    return /[0-9a-f]{40}/.exec(await ask(this.nodes[index].port, 'CLUSTER MYID'))![0];
  }

  async #isReplica(index: number): Promise<void> {
    await tells(this.nodes[index].port, 'INFO replication', ['role:slave', 'master_link_status:up']);
  }

  /** Gives a slot without keys to another node. */
  async moveSlot(slot: number): Promise<void> {
    const ids = await Promise.all(this.nodes.map((_, index) => this.#idOf(index)));
    const owner = Math.min(Math.floor((slot * NODES) / SLOTS), NODES - 1);
    const next = (owner + 1) % NODES;
    // The new owner first.
    for (const index of [next, owner, (next + 1) % NODES]) {
      await ask(this.nodes[index].port, `CLUSTER SETSLOT ${slot} NODE ${ids[next]}`);
    }
  }

  async kill(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  async restart(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.restart()));
    await this.ready();
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
  }
}
