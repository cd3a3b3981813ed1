// The clients of Redis that programs have, `redis` and `ioredis`, behind one interface.

import { Buffer } from 'node:buffer';
import { toError } from '../base/realms.ts';

type Value = string | Uint8Array;

/** A client of the package `redis` or `ioredis`, connected by the program. Only members of either are used. */
export interface RedisClient {
  duplicate?: ((...values: never[]) => unknown) | undefined;
  on(event: 'ready', listener: () => void): unknown;
}

/** Where a link reports. */
export interface RedisLinkEvents {
  onMessage(channel: string, message: Uint8Array, isByPattern: boolean): void;
  onLost(error: Error): void;
  /** Both connections are ready, for the first time or again. */
  onReady(): void;
}

/** Connections to Redis: one for commands, one for subscriptions. */
export interface RedisLink {
  readonly isReady: boolean;
  /** Bytes of replies are Uint8Arrays. */
  command(values: readonly Value[]): Promise<unknown>;
  subscribe(channel: string, isSharded: boolean): Promise<void>;
  unsubscribe(channel: string, isSharded: boolean): Promise<void>;
  subscribePattern(glob: string): Promise<void>;
  unsubscribePattern(glob: string): Promise<void>;
  /** Fulfilled once the connection for subscriptions has replied to all that was sent before. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The members of a client of `redis` that are used. */
interface NodeRedis extends RedisClient {
  readonly isReady: boolean;
  readonly isOpen: boolean;
  duplicate(): NodeRedis;
  connect(): Promise<unknown>;
  withTypeMapping(mapping: object): { sendCommand(values: readonly Value[]): Promise<unknown> };
  subscribe(channel: string, listener: BufferListener, bufferMode: true): Promise<void>;
  pSubscribe(glob: string, listener: BufferListener, bufferMode: true): Promise<void>;
  sSubscribe(channel: string, listener: BufferListener, bufferMode: true): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  pUnsubscribe(glob: string): Promise<void>;
  sUnsubscribe(channel: string): Promise<void>;
  ping(): Promise<unknown>;
  destroy(): void;
}
type BufferListener = (message: Uint8Array, channel: Uint8Array) => void;

/** The members of a client of `ioredis` that are used. */
interface IoRedis extends RedisClient {
  readonly status: string;
  duplicate(options: object): IoRedis;
  callBuffer(...values: Value[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  psubscribe(glob: string): Promise<unknown>;
  ssubscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  punsubscribe(glob: string): Promise<unknown>;
  sunsubscribe(channel: string): Promise<unknown>;
  ping(): Promise<unknown>;
  disconnect(): void;
}

/** The events of both clients. */
interface Emitter {
  on(event: string, listener: (...values: never[]) => void): unknown;
}

/** RESP type of bulk strings, by its first byte: replies of this type become Buffers. */
const BULK_STRING = 0x24;

/**
 * Connects a second client for subscriptions.
 *
 * @throws {TypeError} for a client of another kind.
 */
export function connectRedis(client: RedisClient, events: RedisLinkEvents): Promise<RedisLink> {
  if (typeof (client as Partial<NodeRedis>).withTypeMapping === 'function') return linkNodeRedis(client as NodeRedis, events);
  if (typeof (client as Partial<IoRedis>).callBuffer === 'function') return linkIoRedis(client as IoRedis, events);
  return Promise.reject(
    new TypeError('The Redis client is neither one of the package "redis" 5 nor of "ioredis" 5, or later ones'),
  );
}

/** Both clients take bytes as a Buffer only. */
function toArgument(value: Value): Value {
  return typeof value === 'string' ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** Reports both connections as one. */
function watch(
  connections: readonly { readonly client: RedisClient; readonly isReady: () => boolean }[],
  { onLost, onReady }: RedisLinkEvents,
): () => boolean {
  const isReady = (): boolean => connections.every((connection) => connection.isReady());
  for (const connection of connections) {
    const client = connection.client as unknown as Emitter;
    const lose = (error?: unknown): void =>
      onLost(error === undefined ? new Error('The connection to Redis was lost') : toError(error));
    client.on('error', lose);
    client.on('reconnecting', () => lose());
    client.on('end', () => lose());
    client.on('ready', () => {
      if (isReady()) onReady();
    });
  }
  return isReady;
}

async function linkNodeRedis(client: NodeRedis, events: RedisLinkEvents): Promise<RedisLink> {
  const subscriber = client.duplicate();
  const commands = client.withTypeMapping({ [BULK_STRING]: Buffer });
  const isReady = watch(
    [client, subscriber].map((one) => ({ client: one, isReady: () => one.isReady })),
    events,
  );
  if (!client.isOpen) await client.connect();
  await subscriber.connect();
  const byName: BufferListener = (message, channel) => events.onMessage(channel.toString(), message, false);
  const byPattern: BufferListener = (message, channel) => events.onMessage(channel.toString(), message, true);
  return {
    get isReady() {
      return isReady();
    },
    command: (values) => commands.sendCommand(values.map(toArgument)),
    subscribe: (channel, isSharded) =>
      isSharded ? subscriber.sSubscribe(channel, byName, true) : subscriber.subscribe(channel, byName, true),
    unsubscribe: (channel, isSharded) => (isSharded ? subscriber.sUnsubscribe(channel) : subscriber.unsubscribe(channel)),
    subscribePattern: (glob) => subscriber.pSubscribe(glob, byPattern, true),
    unsubscribePattern: (glob) => subscriber.pUnsubscribe(glob),
    ping: async () => void (await subscriber.ping()),
    close() {
      subscriber.destroy();
      return Promise.resolve();
    },
  };
}

/** A connection of `ioredis` sends commands again after it was lost, also those that Redis has carried out: messages would come twice. This is for one that does not. */
const SENDS_ONCE = { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false };

function whenReady(client: IoRedis): Promise<void> {
  return new Promise((resolve) => void client.on('ready', resolve));
}

async function linkIoRedis(client: IoRedis, events: RedisLinkEvents): Promise<RedisLink> {
  const commands = client.duplicate({ lazyConnect: false, ...SENDS_ONCE });
  const subscriber = client.duplicate({ lazyConnect: false });
  const isReady = watch(
    [commands, subscriber].map((one) => ({ client: one, isReady: () => one.status === 'ready' })),
    events,
  );
  const on = (event: string, listener: (...values: Buffer[]) => void): unknown =>
    (subscriber as unknown as Emitter).on(event, listener);
  on('messageBuffer', (channel, message) => events.onMessage(channel.toString(), message, false));
  on('smessageBuffer', (channel, message) => events.onMessage(channel.toString(), message, false));
  on('pmessageBuffer', (_glob, channel, message) => events.onMessage(channel.toString(), message, true));
  await Promise.all([commands, subscriber].map(whenReady));
  const done = async (reply: Promise<unknown>): Promise<void> => void (await reply);
  return {
    get isReady() {
      return isReady();
    },
    command: (values) => commands.callBuffer(...values.map(toArgument)),
    subscribe: (channel, isSharded) => done(isSharded ? subscriber.ssubscribe(channel) : subscriber.subscribe(channel)),
    unsubscribe: (channel, isSharded) => done(isSharded ? subscriber.sunsubscribe(channel) : subscriber.unsubscribe(channel)),
    subscribePattern: (glob) => done(subscriber.psubscribe(glob)),
    unsubscribePattern: (glob) => done(subscriber.punsubscribe(glob)),
    ping: () => done(subscriber.ping()),
    close() {
      commands.disconnect();
      subscriber.disconnect();
      return Promise.resolve();
    },
  };
}
