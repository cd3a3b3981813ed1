// Chooses how to use the client of Redis that a program gave.

import {
  linkIoRedis,
  linkNodeRedis,
  type IoRedis,
  type NodeRedis,
  type RedisClient,
  type RedisLink,
  type RedisLinkEvents,
} from './redis-clients.ts';
import { linkIoRedisCluster, linkNodeRedisCluster, type IoRedisCluster, type NodeRedisCluster } from './redis-cluster.ts';

/**
 * Connects the clients that a bus needs beside the program's.
 *
 * @throws {TypeError} (as a rejection) for a client of another kind.
 */
export async function connectRedis(client: RedisClient, events: RedisLinkEvents): Promise<RedisLink> {
  const { withTypeMapping, nodeClient } = client as Partial<NodeRedis & NodeRedisCluster>;
  if (typeof (client as { getMasterNode?: unknown }).getMasterNode === 'function') {
    throw new TypeError(
      'A client of createSentinel() does not tell when its subscriptions were lost: use one of "ioredis" with the option "sentinels"',
    );
  }
  if (typeof withTypeMapping === 'function') {
    return typeof nodeClient === 'function'
      ? linkNodeRedisCluster(client as NodeRedisCluster, events)
      : linkNodeRedis(client as NodeRedis, events);
  }
  const { callBuffer, nodes } = client as Partial<IoRedis & IoRedisCluster>;
  if (typeof callBuffer === 'function') {
    return typeof nodes === 'function'
      ? linkIoRedisCluster(client as IoRedisCluster, events)
      : linkIoRedis(client as IoRedis, events);
  }
  throw new TypeError('The Redis client is neither one of the package "redis" 5 nor of "ioredis" 5, or later ones');
}
