import { describe, expect, test } from 'vitest';
import type { ConnectionOptions } from '../../../src/protocol/settings.ts';
import { frame, hex, pattern, toHex } from '../../support/frames.ts';
import { createEnd, type PipeEnd } from '../../support/memory-pipe.ts';
import { ManualPlatform } from '../../support/platform.ts';

const KEY = hex('37 fa 21 3d');
const PING = '89 00';

class Bench {
  readonly platform: ManualPlatform = new ManualPlatform();
  readonly end: PipeEnd;

  constructor(options: Partial<ConnectionOptions> = {}) {
    this.end = createEnd(this.platform, { role: 'server', heartbeat: { interval: 100, timeout: 40 }, ...options });
    this.end.session.start();
  }

  get writes(): string[] {
    return this.end.transport.writes.map(toHex);
  }

  /** Passes time, and the turn after it. */
  pass(milliseconds: number): void {
    this.tick(milliseconds);
    this.platform.runTurn();
  }

  tick(milliseconds: number): void {
    for (let passed = 0; passed < milliseconds; passed++) this.platform.advance(1);
  }

  pong(): void {
    this.end.transport.receive(frame({ opcode: 10, key: KEY }));
  }
}

describe('a heartbeat', () => {
  test('server pings a peer that was silent for the interval', () => {
    const bench = new Bench();
    bench.pass(99);
    expect(bench.writes).toEqual([]);
    bench.pass(1);
    expect(bench.writes).toEqual([PING]);
  });

  test('client masks its Ping', () => {
    const bench = new Bench({ role: 'client' });
    bench.pass(100);
    expect(bench.end.transport.writes.map((bytes) => toHex(bytes.subarray(0, 2)))).toEqual(['89 80']);
  });

  test('server drops a peer that stays silent: 1006, no error event, an error for callbacks', () => {
    const bench = new Bench();
    const { session, sink, transport } = bench.end;
    const errors: unknown[] = [];
    bench.pass(100);
    // The peer's kernel takes nothing any more, so this waits for it.
    transport.isHeld = true;
    session.sendText('a', undefined, (error) => errors.push((error as { code?: string }).code));
    bench.platform.runDeferred();
    bench.pass(40);
    bench.platform.runDeferred();
    expect(transport.isDestroyed).toBe(true);
    expect(sink.events).toEqual([['closing'], ['end', 1006, '', false]]);
    expect(errors).toEqual(['WS_ERR_HEARTBEAT']);
    expect(bench.platform.timers).toEqual([]);
  });

  test('server lives on with a Pong, and pings again', () => {
    const bench = new Bench();
    bench.pass(100);
    bench.pass(19);
    bench.pong();
    bench.pass(21);
    expect(bench.end.sink.of('end')).toEqual([]);
    bench.pass(59);
    expect(bench.writes).toEqual([PING]);
    // An interval after the first one: what lies between must not think that nobody is there.
    bench.pass(1);
    expect(bench.writes).toEqual([PING, PING]);
  });

  test('server with a timeout longer than the interval waits all of it, but sees a Pong sooner', () => {
    const bench = new Bench({ heartbeat: { interval: 100, timeout: 250 } });
    bench.pass(100);
    bench.pong();
    bench.pass(100);
    bench.pass(100);
    expect(bench.writes).toEqual([PING, PING]);
    bench.pass(100);
    bench.pass(100);
    bench.pass(49);
    expect(bench.end.transport.isDestroyed).toBe(false);
    bench.pass(1);
    expect(bench.end.transport.isDestroyed).toBe(true);
    expect(bench.writes).toEqual([PING, PING]);
  });

  test.each([
    ['part of a frame', hex('82 fe')],
    ['a Ping of its own', frame({ opcode: 9, key: KEY })],
    ['a message', frame({ payload: 'a', key: KEY })],
  ])('server takes %s for a sign of life', (_, bytes) => {
    const bench = new Bench();
    bench.pass(100);
    bench.end.transport.receive(bytes);
    bench.pass(40);
    expect(bench.end.transport.isDestroyed).toBe(false);
  });

  test('server pings and never drops with a timeout of Infinity', () => {
    const bench = new Bench({ heartbeat: { interval: 100, timeout: Infinity } });
    bench.pass(5000);
    expect(bench.writes).toEqual([PING]);
    bench.pong();
    bench.pass(200);
    expect(bench.writes).toEqual([PING, PING]);
    expect(bench.end.sink.events.map(([type]) => type)).toEqual(['pong']);
  });

  test('server takes a read into the input arena for a sign of life', () => {
    const bench = new Bench();
    bench.end.transport.isDirect = true;
    bench.pass(100);
    bench.pong();
    bench.pass(40);
    expect(bench.end.transport.isDestroyed).toBe(false);
  });

  test('server does not ping a peer that talks', () => {
    const bench = new Bench();
    for (let round = 0; round < 5; round++) {
      bench.pass(60);
      bench.pong();
    }
    expect(bench.writes).toEqual([]);
  });

  test('server starts one timer an interval, however much arrives', () => {
    const bench = new Bench();
    let timers = 0;
    const setTimer = bench.platform.setTimer.bind(bench.platform);
    bench.platform.setTimer = (task, milliseconds) => {
      timers++;
      return setTimer(task, milliseconds);
    };
    for (let round = 0; round < 50; round++) bench.pong();
    expect(timers).toBe(0);
    bench.pass(100);
    expect(timers).toBe(1);
  });

  test('server does not judge a peer while it is paused, nor for a silence that began then', () => {
    const bench = new Bench();
    const { session, transport } = bench.end;
    session.pause();
    bench.pass(1000);
    expect(bench.writes).toEqual([]);
    session.resume();
    bench.pass(100);
    bench.pass(100);
    expect(bench.writes).toEqual([PING]);
    session.pause();
    bench.pass(39);
    session.resume();
    bench.pass(1);
    expect(transport.isDestroyed).toBe(false);
  });

  test('server reads once more before it judges', () => {
    const bench = new Bench();
    bench.pass(100);
    bench.tick(40);
    bench.pong();
    bench.platform.runTurn();
    expect(bench.end.transport.isDestroyed).toBe(false);
  });

  test('server does not take its own Ping for a sign of life, where writing takes a while', () => {
    const bench = new Bench();
    const { transport } = bench.end;
    transport.isHeld = true;
    bench.pass(100);
    transport.release();
    bench.pass(40);
    expect(transport.isDestroyed).toBe(true);
  });

  test('server gives the event loop time after it was held up', () => {
    const bench = new Bench();
    bench.pass(100);
    // All timers are late.
    bench.platform.advance(5000);
    bench.tick(19);
    bench.pong();
    bench.pass(1);
    expect(bench.end.transport.isDestroyed).toBe(false);
  });

  test('server takes what the peer lets through for a sign of life', () => {
    const bench = new Bench();
    const { session, transport } = bench.end;
    transport.isHeld = true;
    session.sendBytes(pattern(1000), false);
    bench.platform.runDeferred();
    bench.pass(100);
    transport.release();
    bench.pass(40);
    expect(transport.isDestroyed).toBe(false);
  });

  test('server neither pings nor judges while it closes', () => {
    const bench = new Bench({ closeTimeout: 0 });
    bench.pass(100);
    bench.end.session.close(1000);
    bench.platform.runDeferred();
    expect(bench.platform.timers).toEqual([]);
    bench.pass(1000);
    expect(bench.writes).toEqual([PING, '88 02 03 e8']);
    expect(bench.end.transport.isDestroyed).toBe(false);
  });

  test('server that closes while the verdict waits for its turn is left alone', () => {
    const bench = new Bench();
    bench.pass(100);
    bench.tick(40);
    bench.end.session.close(1000);
    bench.platform.runTurn();
    expect(bench.end.transport.isDestroyed).toBe(false);
  });

  test('server that has lost its connection has no timer left', () => {
    const bench = new Bench();
    bench.end.transport.fail(new Error('reset'));
    expect(bench.platform.timers).toEqual([]);
  });

  test('server without the option has no timer', () => {
    const { platform } = new Bench({ heartbeat: undefined });
    expect(platform.timers).toEqual([]);
  });
});
