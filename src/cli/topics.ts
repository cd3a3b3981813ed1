// Topics for `listen --topics`: everybody may subscribe and publish. With a bus over Redis, by the client that the program's folder has.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import type { WebSocket } from '../api/ws/classes.ts';
import { CLOSE_POLICY_VIOLATION } from '../base/close-codes.ts';
import { Topics, TOPICS_PROTOCOL } from '../topics/index.ts';
import type { Bus, RedisClient } from '../topics/redis.ts';
import { CommandError, UsageError } from './exit.ts';
import type { Log } from './log.ts';

/** The topics of a server. */
export interface TopicServer {
  readonly protocol: string;
  serve(ws: WebSocket): void;
  close(): Promise<void>;
}

/** The members of both packages' clients that are used here. */
interface Client {
  on(event: 'error', listener: (error: Error) => void): unknown;
  connect(): Promise<unknown>;
  quit(): Promise<unknown>;
  /** Ends the client at once, in `redis` from version 5 on. */
  destroy?(): void;
  /** The same in `ioredis`, and in older versions of `redis`. */
  disconnect(): unknown;
}

/** @throws {CommandError} if the bus cannot be reached. */
export async function startTopics(url: string | undefined, log: Log): Promise<TopicServer> {
  const remote = url === undefined ? undefined : await connectBus(url, log);
  const topics = new Topics({ ...(remote && { bus: remote.bus }), history: { size: 100, ttl: 60_000 } });
  if (remote !== undefined) topics.on('busError', (error) => log.error(undefined, error));
  await topics.ready;
  return {
    protocol: TOPICS_PROTOCOL,
    serve(ws) {
      if (ws.protocol === TOPICS_PROTOCOL) topics.serve(ws, { authorize: () => true });
      else ws.close(CLOSE_POLICY_VIOLATION, `The subprotocol ${TOPICS_PROTOCOL} is needed`);
    },
    async close() {
      await topics.close();
      await remote?.client.quit();
    },
  };
}

async function connectBus(url: string, log: Log): Promise<{ bus: Bus; client: Client }> {
  if (!/^rediss?:\/\//.test(url)) throw new UsageError('--topic-bus must be a URL of Redis: redis://HOST:PORT or rediss://…');
  const client = createClient(url);
  try {
    await connected(client, log);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    // The error of a host with several addresses has a code, and no message.
    throw new CommandError(`Cannot connect to the topic bus: ${message || (code ?? 'no connection')}`);
  }
  const { redisBus } = await import('../topics/redis.ts');
  return { bus: redisBus(client as unknown as RedisClient), client };
}

/** Connects once. Both packages would try again without end: that is for a connection that was there before. */
async function connected(client: Client, log: Log): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      client.on('error', reject);
      client.connect().then(() => resolve(), reject);
    });
  } catch (error) {
    const end = async (): Promise<unknown> => await (client.destroy === undefined ? client.disconnect() : client.destroy());
    // A client that has given up by itself cannot be ended.
    await end().catch(() => {});
    throw error;
  }
  client.on('error', (error) => log.error(undefined, error));
}

/** A client of the package that is installed where the command runs. `npx` itself brings none. */
function createClient(url: string): Client {
  const load = createRequire(join(process.cwd(), 'package.json'));
  const find = (name: string): unknown => {
    try {
      return load(name) as unknown;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
      throw error;
    }
  };
  const redis = find('redis') as { createClient(options: object): Client } | undefined;
  if (redis !== undefined) return redis.createClient({ url });
  const IoRedis = find('ioredis') as (new (url: string, options: object) => Client) | undefined;
  if (IoRedis !== undefined) return new IoRedis(url, { lazyConnect: true });
  throw new CommandError('--topic-bus needs the package redis or ioredis in this folder: npm install redis');
}
