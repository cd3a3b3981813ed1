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
  connect?(): Promise<unknown>;
  /** `redis` and `ioredis` have it. */
  quit(): Promise<unknown>;
}

/** @throws {CommandError} if the bus cannot be reached. */
export async function startTopics(url: string | undefined, log: Log): Promise<TopicServer> {
  const connected = url === undefined ? undefined : await connectBus(url, log);
  const topics = new Topics({ ...(connected && { bus: connected.bus }), history: { size: 100, ttl: 60_000 } });
  if (connected !== undefined) topics.on('busError', (error) => log.error(undefined, error));
  await topics.ready;
  return {
    protocol: TOPICS_PROTOCOL,
    serve(ws) {
      if (ws.protocol === TOPICS_PROTOCOL) topics.serve(ws, { authorize: () => true });
      else ws.close(CLOSE_POLICY_VIOLATION, `The subprotocol ${TOPICS_PROTOCOL} is needed`);
    },
    async close() {
      await topics.close();
      await connected?.client.quit();
    },
  };
}

async function connectBus(url: string, log: Log): Promise<{ bus: Bus; client: Client }> {
  if (!/^rediss?:\/\//.test(url)) throw new UsageError('--topic-bus must be a URL of Redis: redis://HOST:PORT or rediss://…');
  const client = createClient(url);
  client.on('error', (error) => log.error(undefined, error));
  try {
    await client.connect?.();
  } catch (error) {
    throw new CommandError(`Cannot connect to the topic bus: ${(error as Error).message}`);
  }
  const { redisBus } = await import('../topics/redis.ts');
  return { bus: redisBus(client as unknown as RedisClient), client };
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
