// A cluster of Redis: commands go to the node of their key, and subscriptions over connections of our own.
//
// The clients subscribe again by themselves when a node is lost, but do not tell when, so messages could be lost in silence. Here a lost connection is
// given up, its subscriptions are made again on nodes that are there, and that is reported.

import { toError } from '../base/realms.ts';
import { setTimer } from '../clock.ts';
import {
  BYTES_AS_BUFFERS,
  SENDS_ONCE,
  subscriberOfIoRedis,
  subscriberOfNodeRedis,
  toArgument,
  type Emitter,
  type IoRedis,
  type NodeRedis,
  type OnMessage,
  type RedisClient,
  type RedisLink,
  type RedisLinkEvents,
  type Subscriber,
  type Value,
} from './redis-clients.ts';
import { encodeUtf8 } from './utf8.ts';

/** A cluster client of a library. */
export interface Cluster {
  /** Whether there are connections to all masters for commands. */
  isReady(): boolean;
  command(values: readonly Value[], key: string): Promise<unknown>;
  /** Asks for the nodes of now, unless the client does so by itself when one is lost: a replica may have taken over. */
  refresh?(): void;
  /** Addresses of the masters, `host:port`. */
  masters(): readonly string[];
  /** The address of the master for a channel, as far as the client knows. */
  ownerOf(channel: string): string | undefined;
  /** Connects to a node, without connecting again. @param onLost May be called more than once. */
  connect(address: string, onMessage: OnMessage, onLost: (error: Error) => void): Promise<Subscriber>;
}

/** A subscription. */
interface Subscription {
  readonly channel: string;
  readonly kind: 'name' | 'sharded' | 'pattern';
}

const SLOTS = 16_384;
/** Milliseconds between two attempts to make lost subscriptions again. */
const HEAL_INTERVAL = 200;
/** Most nodes that refer to another one. */
const MOST_REDIRECTIONS = 5;

/** Slot of a key: CRC-16/XMODEM of its hash tag, or of the whole key. */
export function slotOf(key: string): number {
  const start = key.indexOf('{');
  const end = key.indexOf('}', start + 1);
  const tag = start >= 0 && end > start + 1 ? key.slice(start + 1, end) : key;
  let crc = 0;
  for (const byte of encodeUtf8(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return crc % SLOTS;
}

export class ClusterLink implements RedisLink {
  readonly isCluster = true;
  readonly #cluster: Cluster;
  readonly #events: RedisLinkEvents;
  /** Connections by address. */
  readonly #nodes: Map<string, Promise<Subscriber>> = new Map();
  readonly #wanted: Map<string, Subscription> = new Map();
  /** Addresses of the nodes that have the subscriptions, by key. */
  readonly #placed: Map<string, string> = new Map();
  /** Whether a master or a subscription is missing. */
  #isHealing = true;
  #isClosed = false;
  #onWhole: () => void = () => {};

  constructor(cluster: Cluster, events: RedisLinkEvents) {
    this.#cluster = cluster;
    this.#events = events;
    events.closing.addEventListener('abort', () => this.#close());
  }

  /** Connects to all masters: to notice when one is lost, also without a subscription there. */
  async open(): Promise<this> {
    const whole = new Promise<void>((resolve) => (this.#onWhole = resolve));
    void this.#heal();
    await whole;
    return this;
  }

  /** Commands to a node that is away fail by themselves. */
  get isReady(): boolean {
    return !this.#isClosed;
  }

  command(values: readonly Value[], key: string): Promise<unknown> {
    return this.#cluster.command(values, key);
  }

  subscribe(channel: string, isSharded: boolean): Promise<void> {
    return this.#add({ channel, kind: isSharded ? 'sharded' : 'name' });
  }

  unsubscribe(channel: string, isSharded: boolean): Promise<void> {
    return this.#remove({ channel, kind: isSharded ? 'sharded' : 'name' });
  }

  subscribePattern(channel: string): Promise<void> {
    return this.#add({ channel, kind: 'pattern' });
  }

  unsubscribePattern(channel: string): Promise<void> {
    return this.#remove({ channel, kind: 'pattern' });
  }

  async ping(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map(async (node) => (await node).ping()));
    if (this.#isHealing || !this.#cluster.isReady()) throw new Error('A node of the Redis cluster is away');
  }

  #close(): void {
    this.#isClosed = true;
    // One that is lost already may throw.
    for (const node of this.#nodes.values()) void node.then((subscriber) => subscriber.close()).catch(() => {});
  }

  async #add(subscription: Subscription): Promise<void> {
    const key = keyOf(subscription);
    this.#wanted.set(key, subscription);
    try {
      await this.#place(key, subscription);
    } catch (error) {
      this.#wanted.delete(key);
      throw error;
    }
  }

  async #remove(subscription: Subscription): Promise<void> {
    const key = keyOf(subscription);
    const address = this.#placed.get(key);
    this.#wanted.delete(key);
    this.#placed.delete(key);
    const node = address === undefined ? undefined : await this.#nodes.get(address);
    if (node === undefined) return;
    if (subscription.kind === 'pattern') await node.unsubscribePattern(subscription.channel);
    else await node.unsubscribe(subscription.channel, subscription.kind === 'sharded');
  }

  /** Subscribes on a node: that of the slot for sharded Pub/Sub, and any one otherwise. */
  async #place(key: string, subscription: Subscription): Promise<void> {
    const { channel, kind } = subscription;
    let address = (kind === 'sharded' ? this.#cluster.ownerOf(channel) : this.#anyNode()) ?? this.#anyNode();
    for (let redirections = 0; ; redirections++) {
      if (address === undefined) throw new Error('No node of the Redis cluster is known');
      const node = await this.#connect(address);
      try {
        if (kind === 'pattern') await node.subscribePattern(channel);
        else await node.subscribe(channel, kind === 'sharded');
        this.#placed.set(key, address);
        // It may have been unsubscribed while it was made again.
        if (!this.#wanted.has(key)) await this.#remove(subscription);
        return;
      } catch (error) {
        const moved = /^MOVED \d+ (\S+)$/.exec(toError(error).message);
        if (moved === null || redirections === MOST_REDIRECTIONS) throw error;
        address = moved[1];
      }
    }
  }

  /** A node for all that every node has: the one that was connected first. */
  #anyNode(): string | undefined {
    const [connected] = this.#nodes.keys();
    return connected ?? this.#cluster.masters()[0];
  }

  #connect(address: string): Promise<Subscriber> {
    if (this.#isClosed) return Promise.reject(new Error('The bus is closed'));
    let node = this.#nodes.get(address);
    if (node === undefined) {
      const lose = (error: Error): void => {
        if (this.#nodes.get(address) === node) this.#lose(address, error);
      };
      node = this.#cluster.connect(address, this.#events.onMessage, lose);
      this.#nodes.set(address, node);
      node.catch(lose);
    }
    return node;
  }

  #lose(address: string, error: Error): void {
    const node = this.#nodes.get(address);
    this.#nodes.delete(address);
    // One that is closed already may throw.
    void node?.then((subscriber) => subscriber.close()).catch(() => {});
    for (const [key, at] of this.#placed) if (at === address) this.#placed.delete(key);
    if (this.#isClosed) return;
    this.#events.onLost(error);
    if (this.#isHealing) return;
    this.#isHealing = true;
    void this.#heal();
  }

  /** Makes lost connections and subscriptions again, until all are there. */
  async #heal(): Promise<void> {
    if (this.#isClosed) return;
    const missing = [...this.#wanted].filter(([key]) => !this.#placed.has(key));
    const results = await Promise.allSettled([
      ...this.#cluster.masters().map((address) => this.#connect(address)),
      ...missing.map(([key, subscription]) => this.#place(key, subscription)),
    ]);
    const isPlaced = [...this.#wanted.keys()].every((key) => this.#placed.has(key));
    const isWhole = isPlaced && this.#cluster.isReady() && results.every(({ status }) => status === 'fulfilled');
    if (!isWhole) {
      this.#cluster.refresh?.();
      return void setTimer(() => void this.#heal(), HEAL_INTERVAL);
    }
    this.#isHealing = false;
    this.#onWhole();
    this.#events.onReady();
  }
}

function keyOf({ kind, channel }: Subscription): string {
  return `${kind} ${channel}`;
}

function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** The members of a cluster of `redis` that are used. */
export interface NodeRedisCluster extends RedisClient {
  readonly isOpen: boolean;
  readonly masters: readonly NodeRedisNode[];
  readonly slots: readonly ({ readonly master: NodeRedisNode } | undefined)[];
  connect(): Promise<unknown>;
  nodeClient(node: NodeRedisNode): Promise<NodeRedis>;
  withTypeMapping(mapping: object): {
    sendCommand(firstKey: string, isReadonly: boolean, values: readonly Value[]): Promise<unknown>;
  };
}
interface NodeRedisNode {
  readonly address: string;
  readonly client?: { readonly isReady: boolean } | undefined;
}

export async function linkNodeRedisCluster(client: NodeRedisCluster, events: RedisLinkEvents): Promise<RedisLink> {
  if (!client.isOpen) await client.connect();
  events.closing.throwIfAborted();
  const commands = client.withTypeMapping(BYTES_AS_BUFFERS);
  const link = new ClusterLink(
    {
      isReady: () => client.masters.every((master) => master.client?.isReady !== false),
      async command(values, key) {
        // It would keep the command until its node is back.
        if (client.slots[slotOf(key)]?.master.client?.isReady === false) throw new Error('The node of Redis is away');
        return commands.sendCommand(key, false, values.map(toArgument));
      },
      masters: () => client.masters.map(({ address }) => address),
      ownerOf: (channel) => client.slots[slotOf(channel)]?.master.address,
      async connect(address, onMessage, onLost) {
        const known = client.masters.find((master) => master.address === address);
        const template = await client.nodeClient(known ?? client.masters[0]);
        const socket = {
          ...template.options?.socket,
          ...(known === undefined && parseAddress(address)),
          reconnectStrategy: false,
        };
        const connection = template.duplicate({ socket });
        watchLoss(connection, ['error', 'end', 'sharded-channel-moved'], onLost);
        await connection.connect();
        return subscriberOfNodeRedis(connection, onMessage);
      },
    },
    events,
  );
  return link.open();
}

/** The members of a cluster of `ioredis` that are used. */
export interface IoRedisCluster extends RedisClient {
  readonly status: string;
  /** Addresses by slot, that of the master first. */
  readonly slots: readonly (readonly string[] | undefined)[];
  duplicate(nodes: readonly never[], options: object): IoRedisCluster;
  nodes(role: 'master'): readonly IoRedis[];
  callBuffer(...values: Value[]): Promise<unknown>;
  refreshSlotsCache(): void;
  disconnect(): void;
}

/** A cluster of `ioredis` sends commands again, too, and keeps those for a node that is away. */
const CLUSTER_SENDS_ONCE = { retryDelayOnFailover: 0, enableOfflineQueue: false, lazyConnect: false, redisOptions: SENDS_ONCE };

export async function linkIoRedisCluster(client: IoRedisCluster, events: RedisLinkEvents): Promise<RedisLink> {
  const own = client.duplicate([], CLUSTER_SENDS_ONCE);
  const { on } = own as unknown as Emitter;
  on.call(own, 'error', () => {});
  // Otherwise the first command does that, and others meanwhile fail.
  on.call(own, '+node', (node: IoRedis) => void node.connect().catch(() => {}));
  events.closing.addEventListener('abort', () => own.disconnect());
  await new Promise<void>((resolve) => void own.on('ready', resolve));
  const link = new ClusterLink(
    {
      isReady: () => own.status === 'ready' && own.nodes('master').every(({ status }) => status === 'ready'),
      command: (values) => own.callBuffer(...values.map(toArgument)),
      refresh: () => own.refreshSlotsCache(),
      // A node that is away is not among its nodes.
      masters: () => [...new Set(own.slots.flatMap((nodes) => nodes?.[0] ?? []))],
      ownerOf: (channel) => own.slots[slotOf(channel)]?.[0],
      async connect(address, onMessage, onLost) {
        const [template] = own.nodes('master');
        if (template === undefined) throw new Error('The Redis cluster is away');
        const options = { lazyConnect: true, retryStrategy: null, enableReadyCheck: true, readOnly: false };
        const connection = template.duplicate({ ...parseAddress(address), ...options });
        watchLoss(connection, ['error', 'end', 'moved'], onLost);
        const subscriber = subscriberOfIoRedis(connection, onMessage);
        await connection.connect();
        return subscriber;
      },
    },
    events,
  );
  return link.open();
}

function watchLoss(connection: RedisClient, names: readonly string[], onLost: (error: Error) => void): void {
  const lose = (error?: unknown): void =>
    onLost(error instanceof Error ? error : new Error('A connection to the Redis cluster was lost'));
  for (const name of names) (connection as unknown as Emitter).on(name, lose);
}
