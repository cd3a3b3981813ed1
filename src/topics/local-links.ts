// Ways between a hub and its buses: messages of node:cluster, a BroadcastChannel between threads, and calls inside the hub's own thread.

import { defer } from '../clock.ts';
import type { Hub, HubPort } from './local-hub.ts';
import type { HubLink, HubLinkEvents, OpenLink } from './local-bus.ts';
import { isMessageBatch, isRequestBatch, type HubMessage, type MessageBatch, type RequestBatch } from './local-messages.ts';

/** The module `node:cluster`, of which these members are used. */
export interface LocalCluster {
  readonly isPrimary: boolean;
  readonly settings?: { readonly serialization?: string | undefined } | undefined;
  /** In a worker. */
  readonly worker?: LocalClusterWorker | undefined;
  on(event: 'message' | 'disconnect' | 'exit', listener: (worker: unknown, message: unknown) => void): unknown;
  off(event: 'message' | 'disconnect' | 'exit', listener: (worker: unknown, message: unknown) => void): unknown;
}

/** A worker of `node:cluster`. */
export interface LocalClusterWorker {
  isConnected(): boolean;
  send(message: never, handle: never, options: never, callback: (error: Error | null) => void): boolean;
  on(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown;
  off(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown;
}

/** The members of a BroadcastChannel that are used. */
interface Channel {
  postMessage(batch: RequestBatch | MessageBatch): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  close(): void;
}
type ChannelClass = new (name: string) => Channel;

/** Collects items of a turn, and posts them together. */
function collect<Item>(post: (items: Item[]) => void): (item: Item) => void {
  let items: Item[] = [];
  return (item) => {
    if (items.push(item) > 1) return;
    defer(() => {
      const batch = items;
      items = [];
      post(batch);
    });
  };
}

/** Passes the messages of a batch that are for `id`. */
function take(batch: unknown, name: string, id: string, { onMessage }: HubLinkEvents): void {
  if (!isMessageBatch(batch, name)) return;
  for (const { to, message } of batch.messages) if (to.includes(id)) onMessage(message);
}

function receiveAll(hub: Hub, port: HubPort, { from, requests }: RequestBatch): void {
  for (const { call, request } of requests) hub.receive(port, from, call, request);
}

function sendToWorker(worker: LocalClusterWorker, message: RequestBatch | MessageBatch): void {
  // A worker that is gone reports so by an event. Without a callback, an error here would be uncaught.
  if (worker.isConnected()) worker.send(message as never, undefined as never, undefined as never, () => {});
}

/** Opens the hub to all workers of the cluster. @returns A function that ends it. */
export function serveCluster(hub: Hub, cluster: LocalCluster, name: string): () => void {
  const ports = new Map<LocalClusterWorker, HubPort>();
  const portOf = (worker: LocalClusterWorker): HubPort => {
    let port = ports.get(worker);
    if (port === undefined) {
      const push = collect<MessageBatch['messages'][number]>((messages) => sendToWorker(worker, { wasock: name, messages }));
      // Other kinds of serialization turn bytes into objects.
      const isBinary = cluster.settings?.serialization === 'advanced';
      port = { isBinary, isLeased: false, send: (to, message) => push({ to, message }) };
      ports.set(worker, port);
    }
    return port;
  };
  const onMessage = (worker: unknown, batch: unknown): void => {
    if (isRequestBatch(batch, name)) receiveAll(hub, portOf(worker as LocalClusterWorker), batch);
  };
  const onGone = (worker: unknown): void => {
    const port = ports.get(worker as LocalClusterWorker);
    ports.delete(worker as LocalClusterWorker);
    if (port !== undefined) hub.forgetPort(port);
  };
  cluster.on('message', onMessage);
  for (const event of ['disconnect', 'exit'] as const) cluster.on(event, onGone);
  return () => {
    cluster.off('message', onMessage);
    for (const event of ['disconnect', 'exit'] as const) cluster.off(event, onGone);
  };
}

/** The way from a worker of a cluster to its primary. */
export function linkCluster(worker: LocalClusterWorker, name: string): OpenLink {
  return (id, events) => {
    const push = collect<RequestBatch['requests'][number]>((requests) =>
      sendToWorker(worker, { wasock: name, from: id, requests }),
    );
    const onMessage = (batch: unknown): void => take(batch, name, id, events);
    const onGone = (): void => events.onGone();
    worker.on('message', onMessage);
    worker.on('disconnect', onGone);
    return {
      send: (call, request) => push({ call, request }),
      close() {
        worker.off('message', onMessage);
        worker.off('disconnect', onGone);
      },
    };
  };
}

function openChannel(name: string): Channel {
  const { BroadcastChannel: Class } = globalThis as { readonly BroadcastChannel?: ChannelClass };
  if (Class === undefined) throw new TypeError('This runtime has no BroadcastChannel: give the "cluster" option');
  return new Class(`wasock.topics.${name}`);
}

/** Opens the hub to all threads of the process. @returns A function that ends it. */
export function serveChannel(hub: Hub, name: string): () => void {
  const channel = openChannel(name);
  const push = collect<MessageBatch['messages'][number]>((messages) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A BroadcastChannel has none.
    channel.postMessage({ wasock: name, messages });
  });
  const port: HubPort = { isBinary: true, isLeased: true, send: (to, message) => push({ to, message }) };
  channel.addEventListener('message', ({ data }) => {
    if (isRequestBatch(data, name)) receiveAll(hub, port, data);
  });
  // After the last messages.
  return () => defer(() => channel.close());
}

/** The way from a thread to that of the hub. */
export function linkChannel(name: string): OpenLink {
  return (id, events) => {
    const channel = openChannel(name);
    const push = collect<RequestBatch['requests'][number]>((requests) => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A BroadcastChannel has none.
      channel.postMessage({ wasock: name, from: id, requests });
    });
    channel.addEventListener('message', ({ data }) => take(data, name, id, events));
    return { send: (call, request) => push({ call, request }), close: () => channel.close() };
  };
}

/** The way to a hub in the same thread. */
export function linkDirect(hub: Hub): OpenLink {
  return (id, events) => {
    let isOpen = true;
    const port: HubPort = {
      isBinary: true,
      isLeased: false,
      send: (_to, message: HubMessage) => defer(() => isOpen && events.onMessage(message)),
    };
    const link: HubLink = {
      send: (call, request) => defer(() => hub.receive(port, id, call, request)),
      close: () => void (isOpen = false),
    };
    return link;
  };
}
