// A bus in memory: several `Topics` in one process, as if they were in several. It can go away and lose messages.

import type { Bus, BusEvents, BusPresence, BusRecovery } from '../../src/topics/bus.ts';
import { History, type HistoryLimits } from '../../src/topics/history.ts';
import type { Position } from '../../src/topics/messages.ts';
import { isPattern } from '../../src/topics/names.ts';

/** The subscribers of a process. */
interface Announcement {
  readonly ids: readonly string[];
  readonly expires: number;
}

/** The engine that the buses of all processes use. */
export class MemoryEngine {
  readonly buses: Set<MemoryBus> = new Set();
  readonly histories: Map<string, History> = new Map();
  epoch = 'engine-1';
  /** By name and process. */
  readonly presence: Map<string, Map<string, Announcement>> = new Map();

  publish(topic: string, envelope: Uint8Array, limits?: HistoryLimits): Position | undefined {
    let position: Position | undefined;
    if (limits !== undefined) {
      ({ position } = this.#historyOf(topic, limits).add(topic, envelope));
    }
    for (const bus of this.buses) bus.receive(topic, envelope, position);
    return position;
  }

  recover(topic: string, since: Position | undefined, limits: HistoryLimits): BusRecovery {
    const history = this.#historyOf(topic, limits);
    const { messages, position } = since ? history.recover(since) : { messages: undefined, position: history.position };
    const envelopes = messages?.map(({ data, position: at }) => ({ envelope: data as Uint8Array, position: at! }));
    return { envelopes, position };
  }

  /** Forgets everything, as an engine that was started anew. */
  reset(): void {
    this.histories.clear();
    this.presence.clear();
    this.epoch += '+';
  }

  #historyOf(topic: string, limits: HistoryLimits): History {
    let history = this.histories.get(topic);
    if (history === undefined) this.histories.set(topic, (history = new History(limits, this.epoch)));
    return history;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function matches(name: string, topic: string): boolean {
  if (!isPattern(name)) return name === topic;
  const source = name.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace(/>$/, '.+');
  return new RegExp(`^${source}$`).test(topic);
}

export class MemoryBus implements Bus {
  readonly #engine: MemoryEngine;
  readonly names: Set<string> = new Set();
  #events: BusEvents | undefined;
  #isAway = false;
  /** Readings of the history that will fail. */
  #failures = 0;
  #delay: Promise<void> | undefined;
  #id = '';
  /** Announcements that have arrived. */
  announcements = 0;
  readonly presence: BusPresence | undefined;
  readonly history: Bus['history'];

  constructor(engine: MemoryEngine, { keeps, tells = true }: { readonly keeps: boolean; readonly tells?: boolean }) {
    this.#engine = engine;
    this.presence = tells
      ? { announce: (...values) => this.#announce(...values), others: (name) => this.#others(name) }
      : undefined;
    if (keeps) {
      this.history = async (topic, since, limits) => {
        await turn();
        this.#check();
        if (this.#failures > 0) {
          this.#failures--;
          throw new Error('The engine is busy');
        }
        const recovery = engine.recover(topic, since, limits);
        const delay = this.#delay;
        this.#delay = undefined;
        await delay;
        return recovery;
      };
    }
  }

  async connect(id: string, events: BusEvents): Promise<void> {
    this.#id = id;
    this.#events = events;
    await turn();
    this.#engine.buses.add(this);
  }

  async publish(topic: string, envelope: Uint8Array, limits?: HistoryLimits): Promise<Position | undefined> {
    await turn();
    this.#check();
    return this.#engine.publish(topic, envelope, limits);
  }

  async subscribe(name: string): Promise<void> {
    await turn();
    this.#check();
    this.names.add(name);
  }

  async unsubscribe(name: string): Promise<void> {
    await turn();
    this.names.delete(name);
  }

  async close(): Promise<void> {
    await turn();
    this.#engine.buses.delete(this);
  }

  /** Called by the engine. */
  receive(topic: string, envelope: Uint8Array, position: Position | undefined): void {
    if (this.#isAway || ![...this.names].some((name) => matches(name, topic))) return;
    this.#events!.deliver(topic, envelope, position);
  }

  /** Loses the connection. */
  leave(): void {
    this.#isAway = true;
    this.#events!.onLost(new Error('The engine is away'));
  }

  /** Messages come again, before the bus says that it is back. */
  reconnect(): void {
    this.#isAway = false;
  }

  comeBack(): void {
    this.#isAway = false;
    this.#events!.onRestored();
  }

  /** The next readings of the history fail, though the engine is there. */
  failHistory(times: number = 1): void {
    this.#failures = times;
  }

  /** The result of the next reading of the history is late. @returns A function that lets it go. */
  delayHistory(): () => void {
    let release!: () => void;
    this.#delay = new Promise((resolve) => (release = resolve));
    return release;
  }

  async #announce(name: string, ids: readonly string[], ttl: number): Promise<void> {
    await turn();
    this.#check();
    this.announcements++;
    const entries = this.#engine.presence.get(name) ?? new Map<string, Announcement>();
    this.#engine.presence.set(name, entries);
    if (ids.length === 0) entries.delete(this.#id);
    else entries.set(this.#id, { ids, expires: performance.now() + ttl });
  }

  async #others(name: string): Promise<readonly string[]> {
    await turn();
    this.#check();
    const entries = [...(this.#engine.presence.get(name) ?? [])].filter(([process]) => process !== this.#id);
    return entries.flatMap(([, { ids, expires }]) => (expires > performance.now() ? ids : []));
  }

  #check(): void {
    if (this.#isAway) throw new Error('The engine is away');
  }
}
