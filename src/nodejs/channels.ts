// Channels of node:diagnostics_channel: https://nodejs.org/api/diagnostics_channel.html. docs/observability.md has their names and messages.
//
// Objects for messages are only made while somebody has subscribed.

import { Buffer } from 'node:buffer';
import dc from 'node:diagnostics_channel';
import { clientMeter, serverMeter } from '../admission/meters.ts';
import type { Handshake, Measured, Observer, Watch } from '../base/meter.ts';
import { MESSAGE_TEXT } from '../platform.ts';
import { NetworkPanel } from './inspector.ts';

type Channel = ReturnType<typeof dc.channel>;

/** The stream below a ws-style WebSocket; null for those that show none. */
function socketOf(websocket: object | undefined): object | null {
  const { _socket = null }: { readonly _socket?: object | null } = websocket ?? {};
  return _socket;
}

/** Publishes the events of one role. Subscribers that throw are uncaught in a later tick, by node:diagnostics_channel. */
class ChannelObserver implements Observer {
  readonly messages: Channel;
  readonly #upgrade: Channel;
  readonly #refused: Channel;
  readonly #open: Channel;
  readonly #close: Channel;
  readonly #error: Channel;
  readonly #tracing: ReturnType<typeof dc.tracingChannel>;
  /** Handshakes whose begin was traced. */
  readonly #traced: WeakSet<Handshake> = new WeakSet();
  /** Of clients only: DevTools has no servers. */
  readonly #panel: NetworkPanel | null;

  constructor(role: 'client' | 'server') {
    const channel = (name: string): Channel => dc.channel(`wasock:${role}:${name}`);
    this.messages = channel('message');
    this.#upgrade = channel('upgrade');
    this.#refused = channel('refused');
    this.#open = channel('open');
    this.#close = channel('close');
    this.#error = channel('error');
    this.#panel = role === 'client' ? new NetworkPanel() : null;
    this.#tracing = dc.tracingChannel(`wasock:${role}:handshake`);
  }

  begin(handshake: Handshake, run: () => void): void {
    this.#panel?.begin(handshake);
    if (this.#upgrade.hasSubscribers) this.#upgrade.publish(handshake);
    const { start, end, asyncStart, asyncEnd, error } = this.#tracing;
    // `hasSubscribers` of a tracing channel is newer than Node.js 20.
    if (![start, end, asyncStart, asyncEnd, error].some(({ hasSubscribers }) => hasSubscribers)) return run();
    this.#traced.add(handshake);
    start.runStores(handshake, () => {
      try {
        run();
      } finally {
        end.publish(handshake);
      }
    });
  }

  end(handshake: Handshake): void {
    const hasFailed = handshake.reason !== undefined || handshake.error !== undefined;
    this.#panel?.end(handshake, hasFailed);
    if (hasFailed && this.#refused.hasSubscribers) this.#refused.publish(handshake);
    if (!this.#traced.delete(handshake)) return;
    const { asyncStart, asyncEnd, error } = this.#tracing;
    if (handshake.error !== undefined) error.publish(handshake);
    asyncStart.publish(handshake);
    asyncEnd.publish(handshake);
  }

  open(session: Measured, handshake: Handshake | undefined): void {
    const { websocket } = session;
    this.#panel?.open(session);
    if (handshake !== undefined) {
      handshake.websocket = websocket;
      this.end(handshake);
    }
    if (!this.#open.hasSubscribers) return;
    this.#open.publish({ ...handshake, websocket, socket: socketOf(websocket) });
  }

  message({ websocket }: Measured, source: Uint8Array, start: number, end: number, kind: number): void {
    const data = Buffer.from(source.subarray(start, end));
    this.messages.publish({ websocket, socket: socketOf(websocket), data, isBinary: (kind & MESSAGE_TEXT) === 0 });
  }

  error({ websocket }: Measured, error: Error): void {
    if (this.#error.hasSubscribers) this.#error.publish({ websocket, socket: socketOf(websocket), error });
  }

  close(session: Measured, code: number, reason: Uint8Array, wasClean: boolean): void {
    const { websocket } = session;
    this.#panel?.close(session);
    if (!this.#close.hasSubscribers) return;
    this.#close.publish({ websocket, socket: socketOf(websocket), code, reason: Buffer.from(reason), wasClean });
  }
}

function publishTo(watch: Watch, role: 'client' | 'server'): void {
  const observer = new ChannelObserver(role);
  watch.observer = observer;
  watch.messages = observer.messages;
}

/** Publishes all events from now on. */
export function publishEvents(): void {
  publishTo(clientMeter.watch, 'client');
  publishTo(serverMeter.watch, 'server');
}
