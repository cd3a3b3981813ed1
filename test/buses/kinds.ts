// The buses that these tests run over. A bus has the capabilities that its kind says, and the suite goes by those, never by names.

import { localBus, localHub, type LocalHub } from '../../src/topics/local.ts';
import { natsBus, type NatsConnection, type NatsJetStream } from '../../src/topics/nats.ts';
import { postgresBus, type PostgresPool } from '../../src/topics/postgres.ts';
import { redisBus, type RedisBusOptions, type RedisClient } from '../../src/topics/redis.ts';
import type { Bus } from '../../src/topics/index.ts';
import { NATS, POSTGRES, REDIS, type EngineKind, type RunningEngine } from './engine.ts';
import { RedisCluster } from './redis-cluster.ts';

type Load = (name: string) => unknown;

/** A bus with the client that it was given. */
export interface MadeBus {
  readonly bus: Bus;
  /** Ends the client, after the bus was closed. */
  close(): Promise<void>;
}

/** A kind of bus. */
export interface BusKind {
  readonly name: string;
  /** Left out by a bus that needs none: nothing can be killed. */
  readonly engine?: EngineKind;
  /** Starts an engine of several processes. Default: one process of `engine`. */
  readonly start?: () => Promise<RunningEngine>;
  /** Whether it keeps messages. */
  readonly keeps: boolean;
  /** Whether it has patterns. */
  readonly patterns: boolean;
  /** Whether it tells who is subscribed in other processes. */
  readonly presence?: boolean;
  /**
   * Makes a bus, with a client of its own.
   *
   * @param port Of the engine, or 0.
   * @param load `require()` for packages of test/buses. They are installed for these tests alone, so types are not taken from there.
   */
  create(port: number, load: Load): Promise<MadeBus>;
}

interface NodeRedis extends RedisClient {
  on(event: string, listener: () => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
}
interface IoRedis extends RedisClient {
  on(event: string, listener: () => void): unknown;
  disconnect(): void;
}
interface PgPool extends PostgresPool {
  on(event: string, listener: () => void): unknown;
  end(): Promise<void>;
}

async function createNodeRedisCluster(port: number, load: Load, options: RedisBusOptions): Promise<MadeBus> {
  const { createCluster } = load('redis') as { createCluster(options: object): NodeRedis };
  const rootNodes = [{ socket: { host: '127.0.0.1', port } }];
  const client = createCluster({ rootNodes, defaults: { socket: { reconnectStrategy: 50 } } });
  client.on('error', () => {});
  await client.connect();
  return { bus: redisBus(client, options), close: () => Promise.resolve(client.destroy()) };
}

function createIoRedisCluster(port: number, load: Load, options: RedisBusOptions): Promise<MadeBus> {
  const { Cluster } = load('ioredis') as { readonly Cluster: new (nodes: readonly object[], options: object) => IoRedis };
  const client = new Cluster([{ host: '127.0.0.1', port }], { clusterRetryStrategy: () => 50 });
  client.on('error', () => {});
  return Promise.resolve({ bus: redisBus(client, options), close: () => Promise.resolve(client.disconnect()) });
}

/** The hub of this process, which stands for its machine. */
let hub: LocalHub | undefined;

/** A connection of `@nats-io/transport-node`. */
export interface Nats extends NatsConnection {
  request(subject: string, payload: Uint8Array, options: object): Promise<unknown>;
  reconnect(): Promise<void>;
  close(): Promise<void>;
}
interface Nats2 extends Nats {
  jetstream(): NatsJetStream;
}
interface NatsPackage<Connection> {
  connect(options: object): Promise<Connection>;
}

interface NatsUser {
  readonly user?: string;
  readonly pass?: string;
}
function natsOptions(port: number, user?: NatsUser): object {
  return { servers: `127.0.0.1:${port}`, maxReconnectAttempts: -1, reconnectTimeWait: 50, ...user };
}

export async function connectNats(
  port: number,
  load: Load,
  user?: NatsUser,
): Promise<{ connection: Nats; jetstream: NatsJetStream }> {
  const { connect } = load('@nats-io/transport-node') as NatsPackage<Nats>;
  const { jetstream } = load('@nats-io/jetstream') as { jetstream(connection: Nats): NatsJetStream };
  const connection = await connect(natsOptions(port, user));
  return { connection, jetstream: jetstream(connection) };
}

/** By the older package. */
export async function connectNats2(port: number, load: Load, user?: NatsUser): Promise<Nats2> {
  const { connect } = load('nats') as NatsPackage<Nats2>;
  return await connect(natsOptions(port, user));
}

/** By the argument that a server program is given. */
export const KINDS = {
  redis: {
    name: 'Redis, by the package redis',
    engine: REDIS,
    keeps: true,
    patterns: true,
    presence: true,
    async create(port, load) {
      const { createClient } = load('redis') as { createClient(options: object): NodeRedis };
      const client = createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: 50 } });
      client.on('error', () => {});
      await client.connect();
      return { bus: redisBus(client), close: () => Promise.resolve(client.destroy()) };
    },
  },
  ioredis: {
    name: 'Redis, by the package ioredis',
    engine: REDIS,
    keeps: true,
    patterns: true,
    presence: true,
    create(port, load) {
      const { Redis } = load('ioredis') as { readonly Redis: new (options: object) => IoRedis };
      const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 50 });
      client.on('error', () => {});
      return Promise.resolve({ bus: redisBus(client), close: () => Promise.resolve(client.disconnect()) });
    },
  },
  redisCluster: {
    name: 'a Redis cluster, by the package redis',
    engine: REDIS,
    start: () => RedisCluster.start(),
    keeps: true,
    patterns: true,
    presence: true,
    create: (port, load) => createNodeRedisCluster(port, load, {}),
  },
  redisSharded: {
    name: 'a Redis cluster with sharded Pub/Sub, by the package redis',
    engine: REDIS,
    start: () => RedisCluster.start(),
    keeps: true,
    patterns: false,
    presence: true,
    create: (port, load) => createNodeRedisCluster(port, load, { sharded: true }),
  },
  ioredisCluster: {
    name: 'a Redis cluster, by the package ioredis',
    engine: REDIS,
    start: () => RedisCluster.start(),
    keeps: true,
    patterns: true,
    presence: true,
    create: (port, load) => createIoRedisCluster(port, load, {}),
  },
  ioredisSharded: {
    name: 'a Redis cluster with sharded Pub/Sub, by the package ioredis',
    engine: REDIS,
    start: () => RedisCluster.start(),
    keeps: true,
    patterns: false,
    presence: true,
    create: (port, load) => createIoRedisCluster(port, load, { sharded: true }),
  },
  threads: {
    name: 'one machine, by a BroadcastChannel',
    keeps: true,
    patterns: true,
    presence: true,
    create() {
      hub ??= localHub();
      return Promise.resolve({ bus: localBus(), close: () => Promise.resolve() });
    },
  },
  hub: {
    name: 'one machine, in the thread of the hub',
    keeps: true,
    patterns: true,
    presence: true,
    create() {
      hub ??= localHub();
      return Promise.resolve({ bus: hub.bus(), close: () => Promise.resolve() });
    },
  },
  nats: {
    name: 'NATS, by the package @nats-io/transport-node',
    engine: NATS,
    keeps: true,
    patterns: true,
    presence: true,
    async create(port, load) {
      const { connection, jetstream } = await connectNats(port, load);
      return { bus: natsBus(connection, { jetstream }), close: () => connection.close() };
    },
  },
  natsCore: {
    name: 'NATS without JetStream',
    engine: NATS,
    keeps: false,
    patterns: true,
    async create(port, load) {
      const { connection } = await connectNats(port, load);
      return { bus: natsBus(connection), close: () => connection.close() };
    },
  },
  nats2: {
    name: 'NATS, by the package nats',
    engine: NATS,
    keeps: true,
    patterns: true,
    presence: true,
    async create(port, load) {
      const connection = await connectNats2(port, load);
      return { bus: natsBus(connection, { jetstream: connection.jetstream() }), close: () => connection.close() };
    },
  },
  postgres: {
    name: 'PostgreSQL, by the package pg',
    engine: POSTGRES,
    keeps: true,
    patterns: true,
    presence: true,
    create(port, load) {
      const { Pool } = load('pg') as { readonly Pool: new (options: object) => PgPool };
      const pool = new Pool({ host: '127.0.0.1', port, user: 'wasock', database: 'postgres', max: 4 });
      pool.on('error', () => {});
      return Promise.resolve({ bus: postgresBus(pool, { create: true }), close: () => pool.end() });
    },
  },
} satisfies Record<string, BusKind>;

export type KindName = keyof typeof KINDS;
