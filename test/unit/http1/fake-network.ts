// A raw transport and a network without sockets: the test is the peer, and says when what happens.

import type { TransportEvents } from '../../../src/platform.ts';
import type { ConnectEvents, ConnectPlan, EndpointAddress, Listener, Network, ByteStream } from '../../../src/http1/network.ts';
import { ManualPlatform } from '../../support/platform.ts';

export const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

export class FakeTransport implements ByteStream {
  isSecure: boolean = false;
  readonly remote: EndpointAddress = { address: '192.0.2.1', port: 50_000 };
  readonly local: EndpointAddress = { address: '2001:db8::1', port: 443 };
  /** Names of the calls, in order. */
  readonly calls: string[] = [];
  events: TransportEvents | null = null;
  /** Whether writes wait for {@link release}. */
  isHeld: boolean = false;
  isReading: boolean = false;
  #written = '';
  readonly #waiting: (() => void)[] = [];

  attach(events: TransportEvents): void {
    this.events = events;
  }

  start(): void {
    this.calls.push('start');
    this.isReading = true;
  }

  write(chunks: readonly Uint8Array[], onWritten: () => void): boolean {
    for (const chunk of chunks) this.#written += String.fromCharCode(...chunk);
    if (this.isHeld) this.#waiting.push(onWritten);
    return !this.isHeld;
  }

  end(): void {
    this.calls.push('end');
  }

  destroy(): void {
    this.calls.push('destroy');
  }

  pause(): void {
    this.calls.push('pause');
    this.isReading = false;
  }

  resume(): void {
    this.calls.push('resume');
    this.isReading = true;
  }

  setNoDelay(isOn: boolean): void {
    this.calls.push(`noDelay ${isOn}`);
  }

  setKeepAlive(isOn: boolean, delay: number): void {
    this.calls.push(`keepAlive ${isOn} ${delay}`);
  }

  ref(isKept: boolean): void {
    this.calls.push(isKept ? 'ref' : 'unref');
  }

  /** What was written, each byte a character. */
  get written(): string {
    return this.#written;
  }

  get isDestroyed(): boolean {
    return this.calls.includes('destroy');
  }

  /** Finishes the writes that wait. */
  release(): void {
    for (const onWritten of this.#waiting.splice(0)) onWritten();
  }

  /** Bytes arrive. */
  receive(bytes: string | Uint8Array): void {
    this.events!.receive(typeof bytes === 'string' ? latin1(bytes) : bytes);
  }
}

/** A network of which the test connects by hand. */
export class FakeNetwork implements Network {
  readonly platform: ManualPlatform = new ManualPlatform();
  readonly plans: ConnectPlan[] = [];
  /** How many connections in the making were given up. */
  aborted: number = 0;
  events: ConnectEvents | null = null;

  listen(): Listener {
    throw new Error('Only clients here');
  }

  connect(plan: ConnectPlan, events: ConnectEvents): { abort(): void } {
    this.plans.push(plan);
    this.events = events;
    return { abort: () => void this.aborted++ };
  }

  /** Makes the connection. */
  open(): FakeTransport {
    const transport = new FakeTransport();
    this.events!.onConnect(transport);
    return transport;
  }
}
