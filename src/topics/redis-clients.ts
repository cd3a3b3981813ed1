// The clients of Redis that programs have, `redis` and `ioredis`, behind one interface.

import { Buffer } from 'node:buffer';
import { toError } from '../base/realms.ts';

/** An argument of a command. */
export type Value = string | Uint8Array;

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
  /** Aborted when the bus is closed: ends all connections, and all attempts to connect. */
  readonly closing: AbortSignal;
}

/** Connections to Redis: one for commands, one for subscriptions. */
export interface RedisLink {
  readonly isReady: boolean;
  readonly isCluster: boolean;
  /**
   * Carries out a command. Bytes of replies are Uint8Arrays.
   *
   * @param key A key of the command: in a cluster, its node carries it out.
   */
  command(values: readonly Value[], key: string): Promise<unknown>;
  subscribe(channel: string, isSharded: boolean): Promise<void>;
  unsubscribe(channel: string, isSharded: boolean): Promise<void>;
  subscribePattern(glob: string): Promise<void>;
  unsubscribePattern(glob: string): Promise<void>;
  /** Fulfilled once the connection for subscriptions has replied to all that was sent before. */
  ping(): Promise<void>;
}

/** A connection for subscriptions. */
export interface Subscriber {
  subscribe(channel: string, isSharded: boolean): Promise<void>;
  unsubscribe(channel: string, isSharded: boolean): Promise<void>;
  subscribePattern(glob: string): Promise<void>;
  unsubscribePattern(glob: string): Promise<void>;
  /** Fulfilled once it has replied to all that was sent before. */
  ping(): Promise<void>;
  close(): void;
}

/** Called with each message of a subscription. */
export type OnMessage = RedisLinkEvents['onMessage'];

/** The members of a client of `redis` that are used. */
export interface NodeRedis extends RedisClient {
  readonly isReady: boolean;
  readonly isOpen: boolean;
  readonly options?: { readonly socket?: object | undefined } | undefined;
  duplicate(options?: object): NodeRedis;
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
export interface IoRedis extends RedisClient {
  readonly status: string;
  duplicate(options: object): IoRedis;
  connect(): Promise<unknown>;
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

/** The events of all clients. */
export interface Emitter {
  on(event: string, listener: (...values: never[]) => void): unknown;
}

/** RESP type of bulk strings, by its first byte: replies of this type become Buffers. */
export const BYTES_AS_BUFFERS: object = { [0x24]: Buffer };

/** All clients take bytes as a Buffer only. */
export function toArgument(value: Value): Value {
  return typeof value === 'string' ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** Subscriptions over a connection of `redis`. */
export function subscriberOfNodeRedis(client: NodeRedis, onMessage: OnMessage): Subscriber {
  const byName: BufferListener = (message, channel) => onMessage(channel.toString(), message, false);
  const byPattern: BufferListener = (message, channel) => onMessage(channel.toString(), message, true);
  return {
    subscribe: (channel, isSharded) =>
      isSharded ? client.sSubscribe(channel, byName, true) : client.subscribe(channel, byName, true),
    unsubscribe: (channel, isSharded) => (isSharded ? client.sUnsubscribe(channel) : client.unsubscribe(channel)),
    subscribePattern: (glob) => client.pSubscribe(glob, byPattern, true),
    unsubscribePattern: (glob) => client.pUnsubscribe(glob),
    ping: async () => void (await client.ping()),
    close: () => client.destroy(),
  };
}

/** Subscriptions over a connection of `ioredis`. */
export function subscriberOfIoRedis(client: IoRedis, onMessage: OnMessage): Subscriber {
  const on = (event: string, listener: (...values: Buffer[]) => void): unknown =>
    (client as unknown as Emitter).on(event, listener);
  on('messageBuffer', (channel, message) => onMessage(channel.toString(), message, false));
  on('smessageBuffer', (channel, message) => onMessage(channel.toString(), message, false));
  on('pmessageBuffer', (_glob, channel, message) => onMessage(channel.toString(), message, true));
  const done = async (reply: Promise<unknown>): Promise<void> => void (await reply);
  return {
    subscribe: (channel, isSharded) => done(isSharded ? client.ssubscribe(channel) : client.subscribe(channel)),
    unsubscribe: (channel, isSharded) => done(isSharded ? client.sunsubscribe(channel) : client.unsubscribe(channel)),
    subscribePattern: (glob) => done(client.psubscribe(glob)),
    unsubscribePattern: (glob) => done(client.punsubscribe(glob)),
    ping: () => done(client.ping()),
    close: () => client.disconnect(),
  };
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

/** Connects a second client for subscriptions. */
export async function linkNodeRedis(client: NodeRedis, events: RedisLinkEvents): Promise<RedisLink> {
  const connection = client.duplicate();
  const commands = client.withTypeMapping(BYTES_AS_BUFFERS);
  const isReady = watch(
    [client, connection].map((one) => ({ client: one, isReady: () => one.isReady })),
    events,
  );
  const { closing } = events;
  if (!client.isOpen) await client.connect();
  closing.throwIfAborted();
  closing.addEventListener('abort', () => connection.isOpen && connection.destroy());
  await connection.connect();
  return {
    ...subscriberOfNodeRedis(connection, events.onMessage),
    isCluster: false,
    get isReady() {
      return isReady();
    },
    command: (values) => commands.sendCommand(values.map(toArgument)),
  };
}

/** A connection of `ioredis` sends commands again after it was lost, also those that Redis has carried out: messages would come twice. This is for one that does not. */
export const SENDS_ONCE: object = { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false };

function whenReady(client: IoRedis): Promise<void> {
  return new Promise((resolve) => void client.on('ready', resolve));
}

/** Connects two other clients, for commands and for subscriptions. */
export async function linkIoRedis(client: IoRedis, events: RedisLinkEvents): Promise<RedisLink> {
  const commands = client.duplicate({ lazyConnect: false, ...SENDS_ONCE });
  const connection = client.duplicate({ lazyConnect: false });
  const isReady = watch(
    [commands, connection].map((one) => ({ client: one, isReady: () => one.status === 'ready' })),
    events,
  );
  const subscriber = subscriberOfIoRedis(connection, events.onMessage);
  events.closing.addEventListener('abort', () => {
    commands.disconnect();
    connection.disconnect();
  });
  await Promise.all([commands, connection].map(whenReady));
  return {
    ...subscriber,
    isCluster: false,
    get isReady() {
      return isReady();
    },
    command: (values) => commands.callBuffer(...values.map(toArgument)),
  };
}
