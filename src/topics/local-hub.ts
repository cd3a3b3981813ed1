// The one place of a machine through which buses of several processes or threads pass: subscriptions, histories and presence.

import { clearTimer, elapsed, setTimer, type Timer } from '../clock.ts';
import { History, type HistoryLimits } from './history.ts';
import { packBytes, unpackBytes, type HubMessage, type HubRequest, type Welcome, type WireRecovery } from './local-messages.ts';
import type { Position } from './messages.ts';
import { isPattern } from './names.ts';
import { PatternTrie } from './trie.ts';

/** A way to buses. */
export interface HubPort {
  /** Whether it carries bytes as they are. */
  readonly isBinary: boolean;
  /** Whether the end of a bus shows only by its silence. */
  readonly isLeased: boolean;
  /** Sends a message to buses behind this port. */
  send(to: readonly string[], message: HubMessage): void;
}

/** A bus. */
interface Client {
  readonly id: string;
  readonly port: HubPort;
  readonly names: Set<string>;
  lastHeard: number;
}

/** The subscribers of a process. */
interface Announced {
  readonly ids: readonly string[];
  readonly expires: number;
}

/** Milliseconds of silence after which a bus is forgotten, where nothing else shows its end. It sends a ping every 5 seconds. */
const LEASE = 60_000;
const SWEEP_INTERVAL = 5_000;

export class Hub {
  readonly #epoch: string;
  #histories = 0;
  readonly #clients: Map<string, Client> = new Map();
  readonly #topics: Map<string, Set<Client>> = new Map();
  readonly #patterns: PatternTrie<Set<Client>> = new PatternTrie();
  readonly #kept: Map<string, History> = new Map();
  /** By name, and by the bus that announced them. */
  readonly #presence: Map<string, Map<string, Announced>> = new Map();
  #sweep: Timer;
  #isClosed = false;

  /** @param epoch Another one for each hub. */
  constructor(epoch: string) {
    this.#epoch = epoch;
    this.#sweep = setTimer(this.#onSweep, SWEEP_INTERVAL);
  }

  /** A request of a bus came through a port. */
  receive(port: HubPort, from: string, call: number, request: HubRequest): void {
    // A bus in the same thread still reaches it.
    if (this.#isClosed) return port.send([from], { type: 'closed' });
    if (request.type === 'hello') {
      this.forget(from);
      this.#clients.set(from, { id: from, port, names: new Set(), lastHeard: elapsed() });
    }
    const client = this.#clients.get(from);
    if (client === undefined) return port.send([from], { type: 'unknown' });
    client.lastHeard = elapsed();
    const value = this.#carryOut(client, request);
    port.send([from], { type: 'reply', call, value });
  }

  /** A bus is gone. */
  forget(id: string): void {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    this.#clients.delete(id);
    for (const name of client.names) this.#unsubscribe(client, name);
    for (const [name, announced] of this.#presence) {
      if (announced.delete(id) && announced.size === 0) this.#presence.delete(name);
    }
  }

  /** All buses behind a port are gone. */
  forgetPort(port: HubPort): void {
    for (const client of this.#clients.values()) if (client.port === port) this.forget(client.id);
  }

  close(): void {
    this.#isClosed = true;
    clearTimer(this.#sweep);
    this.#send(this.#clients.values(), () => ({ type: 'closed' }));
    this.#clients.clear();
    this.#kept.clear();
  }

  #carryOut(client: Client, request: HubRequest): unknown {
    switch (request.type) {
      case 'hello':
        return { isBinary: client.port.isBinary } satisfies Welcome;
      case 'bye':
        return this.forget(client.id);
      case 'ping':
        return undefined;
      case 'publish':
        return this.#publish(request.topic, unpackBytes(request.envelope), request.limits);
      case 'subscribe':
        return this.#subscribe(client, request.name);
      case 'unsubscribe':
        client.names.delete(request.name);
        return this.#unsubscribe(client, request.name);
      case 'history':
        return this.#recover(client.port, request.topic, request.since, request.limits);
      case 'announce':
        return this.#announce(client, request.name, request.ids, request.ttl);
      case 'others':
        break;
    }
    return this.#others(client, request.name);
  }

  #publish(topic: string, envelope: Uint8Array, limits: HistoryLimits | undefined): Position | undefined {
    const position = limits && this.#historyOf(topic, limits).add(topic, envelope).position;
    const receivers = new Set(this.#topics.get(topic));
    this.#patterns.match(topic, (clients) => clients.forEach((client) => receivers.add(client)));
    this.#send(receivers, ({ isBinary }) => ({ type: 'message', topic, envelope: packBytes(envelope, isBinary), position }));
    return position;
  }

  #recover(port: HubPort, topic: string, since: Position | undefined, limits: HistoryLimits): WireRecovery {
    const history = this.#historyOf(topic, limits);
    const { messages, position } = since ? history.recover(since) : { messages: undefined, position: history.position };
    const envelopes = messages?.map(({ data, position: at }) => ({
      envelope: packBytes(data as Uint8Array, port.isBinary),
      position: at!,
    }));
    return { envelopes, position };
  }

  #subscribe(client: Client, name: string): void {
    client.names.add(name);
    const clients = this.#setOf(name);
    if (clients !== undefined) return void clients.add(client);
    if (isPattern(name)) this.#patterns.set(name, new Set([client]));
    else this.#topics.set(name, new Set([client]));
  }

  #unsubscribe(client: Client, name: string): void {
    const clients = this.#setOf(name);
    if (!clients?.delete(client) || clients.size > 0) return;
    if (isPattern(name)) this.#patterns.delete(name);
    else this.#topics.delete(name);
  }

  #announce({ id }: Client, name: string, ids: readonly string[], ttl: number): void {
    const announced = this.#presence.get(name) ?? new Map<string, Announced>();
    if (ids.length > 0) announced.set(id, { ids, expires: elapsed() + ttl });
    else announced.delete(id);
    if (announced.size > 0) this.#presence.set(name, announced);
    else this.#presence.delete(name);
  }

  #others(client: Client, name: string): string[] {
    const now = elapsed();
    const others = [...(this.#presence.get(name) ?? [])].filter(([id, { expires }]) => id !== client.id && expires > now);
    return others.flatMap(([, { ids }]) => ids);
  }

  #setOf(name: string): Set<Client> | undefined {
    return isPattern(name) ? this.#patterns.get(name) : this.#topics.get(name);
  }

  #historyOf(topic: string, limits: HistoryLimits): History {
    let history = this.#kept.get(topic);
    if (history === undefined) {
      // A history that was forgotten and begins anew has other offsets, so another epoch.
      history = new History(limits, `${this.#epoch}-${(this.#histories++).toString(36)}`);
      this.#kept.set(topic, history);
    }
    return history;
  }

  /** Sends a message to buses: once through each port. */
  #send(clients: Iterable<Client>, messageFor: (port: HubPort) => HubMessage): void {
    const ports = new Map<HubPort, string[]>();
    for (const { id, port } of clients) {
      const ids = ports.get(port);
      if (ids === undefined) ports.set(port, [id]);
      else ids.push(id);
    }
    for (const [port, ids] of ports) port.send(ids, messageFor(port));
  }

  readonly #onSweep = (): void => {
    const now = elapsed();
    for (const { id, port, lastHeard } of this.#clients.values()) if (port.isLeased && now - lastHeard > LEASE) this.forget(id);
    for (const [topic, history] of this.#kept) if (history.expire() && !this.#topics.has(topic)) this.#kept.delete(topic);
    for (const [name, announced] of this.#presence) {
      for (const [id, { expires }] of announced) if (expires <= now) announced.delete(id);
      if (announced.size === 0) this.#presence.delete(name);
    }
    this.#sweep = setTimer(this.#onSweep, SWEEP_INTERVAL);
  };
}
