// A bus inside one machine: asks the hub, which may be in another process or thread.

import { clearTimer, elapsed, setTimer, type Timer } from '../clock.ts';
import { toError } from '../base/realms.ts';
import type { Bus, BusEvents, BusPresence, BusRecovery } from './bus.ts';
import type { HistoryLimits } from './history.ts';
import { packBytes, unpackBytes, type HubMessage, type HubRequest, type Welcome, type WireRecovery } from './local-messages.ts';
import type { Position } from './messages.ts';

/** The way to the hub. */
export interface HubLink {
  send(call: number, request: HubRequest): void;
  close(): void;
}

/** Where a link reports. */
export interface HubLinkEvents {
  onMessage(message: HubMessage): void;
  /** The way to the hub is gone. */
  onGone(): void;
}

/** Opens the way of a bus to the hub. */
export type OpenLink = (id: string, events: HubLinkEvents) => HubLink;

/** Milliseconds between two pings while there is a hub, and between two attempts to find one. */
const PING_INTERVAL = 5_000;
const HELLO_INTERVAL = 500;
/** Pings without a reply after which the hub is away. */
const MOST_UNANSWERED = 4;
/** Milliseconds that the first connection waits for a hub. */
const CONNECT_TIMEOUT = 30_000;
/** Milliseconds that closing waits for the hub. */
const BYE_TIMEOUT = 1_000;

/** The number of `hello`. Others follow. */
const HELLO_CALL = 0;

interface Call {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export class LocalBus implements Bus {
  readonly #open: OpenLink;
  #link: HubLink | undefined;
  #events: BusEvents | undefined;
  readonly #names: Set<string> = new Set();
  readonly #calls: Map<number, Call> = new Map();
  #lastCall = 0;
  /** Pings since the hub was heard. */
  #unanswered = 0;
  /** Whether the hub knows this bus. */
  #isConnected = false;
  #isBinary = false;
  #isClosed = false;
  /** Ends the first connection without a hub. */
  #giveUp: (error: Error) => void = () => {};
  #timer: Timer;

  constructor(open: OpenLink) {
    this.#open = open;
  }

  async connect(id: string, events: BusEvents): Promise<void> {
    this.#events = events;
    this.#link = this.#open(id, {
      onMessage: (message) => this.#receive(message),
      onGone: () => this.#lose('The hub is gone'),
    });
    const started = elapsed();
    await new Promise<void>((resolve, reject) => {
      this.#giveUp = reject;
      const look = (): void => {
        if (elapsed() - started > CONNECT_TIMEOUT) {
          return reject(
            new Error('There is no hub: call localHub() with the same options in the primary process, or in the main thread'),
          );
        }
        this.#timer = setTimer(look, HELLO_INTERVAL);
        this.#hello(resolve);
      };
      look();
    });
  }

  async publish(topic: string, envelope: Uint8Array, limits?: HistoryLimits): Promise<Position | undefined> {
    return this.#call<Position | undefined>({ type: 'publish', topic, envelope: packBytes(envelope, this.#isBinary), limits });
  }

  async subscribe(name: string): Promise<void> {
    this.#names.add(name);
    try {
      await this.#call({ type: 'subscribe', name });
    } catch (error) {
      this.#names.delete(name);
      throw error;
    }
  }

  async unsubscribe(name: string): Promise<void> {
    this.#names.delete(name);
    // A hub that is away has forgotten it.
    if (this.#isConnected) await this.#call({ type: 'unsubscribe', name });
  }

  readonly history = async (topic: string, since: Position | undefined, limits: HistoryLimits): Promise<BusRecovery> => {
    const { envelopes, position } = await this.#call<WireRecovery>({ type: 'history', topic, since, limits });
    return {
      envelopes: envelopes?.map(({ envelope, position: at }) => ({ envelope: unpackBytes(envelope), position: at })),
      position,
    };
  };

  readonly presence: BusPresence = {
    announce: (name, ids, ttl) => this.#call({ type: 'announce', name, ids, ttl }),
    others: (name) => this.#call<readonly string[]>({ type: 'others', name }),
  };

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimer(this.#timer);
    this.#giveUp(new Error('The bus is closed'));
    if (this.#isConnected) {
      const bye = this.#call({ type: 'bye' }).catch(() => {});
      let timer: Timer;
      const late = new Promise<void>((resolve) => (timer = setTimer(resolve, BYE_TIMEOUT)));
      await Promise.race([bye, late]);
      clearTimer(timer);
    }
    this.#isConnected = false;
    this.#link?.close();
    this.#rejectAll(new Error('The bus is closed'));
  }

  #call<Value = void>(request: HubRequest): Promise<Value> {
    if (!this.#isConnected) return Promise.reject(new Error('The hub of this machine is away'));
    return this.#send(++this.#lastCall, request);
  }

  #send<Value>(call: number, request: HubRequest): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#link!.send(call, request);
    });
  }

  /** Asks whether there is a hub. @param onWelcome Called once it knows this bus. */
  #hello(onWelcome: () => void): void {
    // All attempts are one call, so the reply to an earlier one counts.
    void this.#send<Welcome>(HELLO_CALL, { type: 'hello' }).then(
      ({ isBinary }) => {
        if (this.#isClosed) return;
        this.#isConnected = true;
        this.#isBinary = isBinary;
        clearTimer(this.#timer);
        this.#timer = setTimer(this.#ping, PING_INTERVAL);
        onWelcome();
      },
      // Another attempt follows.
      () => {},
    );
  }

  readonly #ping = (): void => {
    if (this.#unanswered++ === MOST_UNANSWERED) return this.#lose('The hub is silent');
    this.#timer = setTimer(this.#ping, PING_INTERVAL);
    this.#call({ type: 'ping' }).catch(() => {});
  };

  #receive(message: HubMessage): void {
    this.#unanswered = 0;
    if (message.type === 'message') {
      const { topic, envelope, position } = message;
      if (this.#isConnected) this.#events!.deliver(topic, unpackBytes(envelope), position);
    } else if (message.type === 'reply') {
      const { call, value } = message;
      this.#calls.get(call)?.resolve(value as never);
      this.#calls.delete(call);
    } else {
      this.#lose(message.type === 'closed' ? 'The hub was closed' : 'The hub has forgotten this bus');
    }
  }

  #lose(reason: string): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    clearTimer(this.#timer);
    const error = new Error(reason);
    this.#rejectAll(error);
    // close() waits for a hub that has ended, too: nothing looks for another one.
    if (this.#isClosed) return;
    this.#events!.onLost(error);
    this.#look();
  }

  readonly #look = (): void => {
    this.#timer = setTimer(this.#look, HELLO_INTERVAL);
    this.#hello(() => void this.#restore());
  };

  /** Subscribes again. If the hub is lost meanwhile, that begins anew. */
  async #restore(): Promise<void> {
    try {
      await Promise.all([...this.#names].map((name) => this.#call({ type: 'subscribe', name })));
    } catch {
      return;
    }
    this.#events!.onRestored();
  }

  #rejectAll(error: unknown): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { reject } of calls) reject(toError(error));
  }
}
