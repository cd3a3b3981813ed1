// Sessions over a runtime's own WebSocket: whatever order its events come in, what was received is told in order, and the end once.

import { NativeSession } from '../../src/native/session.ts';
import { utf8 } from '../../test/support/frames.ts';
import { FakeNativeSocket, RecordingSink } from '../../test/unit/native/fake-socket.ts';
import { ManualPlatform } from '../../test/support/platform.ts';
import { Input, must } from '../input.ts';

const REACTIONS = ['none', 'close', 'terminate', 'pause', 'throw'] as const;
const OWN = new Error('Of a listener');

/** One for all runs: to make its codec takes longer than a run. A finding leaves its timers in it. */
const shared = new ManualPlatform();

class Run {
  readonly platform: ManualPlatform = shared;
  readonly socket: FakeNativeSocket = new FakeNativeSocket();
  readonly session: NativeSession;
  readonly sink: RecordingSink = new RecordingSink();
  #sent = 0;
  #answered = 0;

  constructor(input: Input) {
    const { platform, socket, sink } = this;
    platform.uncaught.length = platform.allocations.length = 0;
    const closeTimeout = input.of([30_000, 0, 50]);
    const maxBufferedAmount = input.of([0, 100]);
    this.session = new NativeSession(socket, { role: 'server', platform, closeTimeout, maxBufferedAmount });
    const reaction = input.of(REACTIONS);
    sink.onEvent = (name) => {
      if (name === 'end' || name === 'closing') return;
      if (reaction === 'throw') throw OWN;
      if (reaction !== 'none') this.session[reaction]();
    };
    this.session.attach(sink);
  }

  #callback(): () => void {
    this.#sent++;
    return () => void this.#answered++;
  }

  step(code: number, size: number): void {
    const { session, socket, platform } = this;
    switch (code % 14) {
      case 0:
        return session.start();
      case 1:
        return socket.fire('message', { data: 'text ż'.repeat(size) });
      case 2:
        return socket.fire('message', { data: new Uint8Array(size).buffer });
      case 3:
        return socket.fire('error', { message: 'broken' });
      case 4:
        return socket.fire('close', { code: 1000 + size, reason: 'bye', wasClean: (size & 1) === 1 });
      case 5:
        return session.sendText('a'.repeat(size), undefined, this.#callback());
      case 6:
        return session.sendBytes(utf8('b'.repeat(size)), false, { fin: (size & 1) === 1 }, this.#callback());
      case 7:
        return session.close(1000, utf8('bye'));
      case 8:
        return session.terminate();
      case 9:
        return session.pause();
      case 10:
        return session.resume();
      case 11:
        socket.bufferedAmount = size * 10;
        return;
      case 12:
        return platform.advance(size * 20);
      default:
        return void platform.runDeferred();
    }
  }

  run(code: number, size: number): void {
    this.platform.attempt(() => this.step(code, size));
  }

  finish(): void {
    const { platform, sink, socket } = this;
    this.run(0, 0);
    this.run(10, 0);
    socket.bufferedAmount = 0;
    for (let wait = 0; wait < 20; wait++) this.platform.attempt(() => platform.advance(100));
    this.run(4, 6);
    this.run(10, 0);
    // A listener may pause after each message.
    for (let wait = 0; wait < 100; wait++) {
      this.run(10, 0);
      this.platform.attempt(() => platform.advance(10_000));
    }
    for (const error of platform.uncaught) if (error !== OWN) throw error;
    const names = sink.events.map(([name]) => name);
    must(names.filter((name) => name === 'end').length === 1, () => `Events: ${names.join()}`);
    must(names.at(-1) === 'end', () => `The last event is ${String(names.at(-1))}`);
    must(names.filter((name) => name === 'closing').length === 1, () => `Events: ${names.join()}`);
    must(platform.timers.length === 0, () => `${platform.timers.length} timers are left`);
    must(this.#answered === this.#sent, () => `${this.#answered} of ${this.#sent} callbacks were called`);
  }
}

/** Input: settings, then steps. */
export function fuzz(data: Uint8Array): void {
  const input = new Input(data.subarray(0, 64));
  const run = new Run(input);
  while (!input.isEmpty) {
    const code = input.byte();
    run.run(code & 15, code >> 4);
  }
  run.finish();
}

export const seeds: readonly Uint8Array[] = [
  Uint8Array.of(0, 0, 0, 0, 0x31, 0x52, 0x45, 0x0d, 0x17, 0x04),
  Uint8Array.of(1, 1, 1, 0x21, 0x09, 0x00, 0x22, 0x0a, 0x0d, 0x03, 0x64),
  Uint8Array.of(2, 1, 2, 0, 0x31, 0xfb, 0xf5, 0xf6, 0x0c, 0x0b, 0x1c, 0x08),
  Uint8Array.of(0, 0, 4, 0, 0x11, 0x36, 0x46, 0x26, 0x07, 0x0d),
];
