import { describe, expect, test } from 'vitest';
import { OUTPUT_SLOT_BYTES, OUTPUT_SLOTS } from '../../../assembly/layout.ts';
import type { SendCallback } from '../../../src/platform.ts';
import type { ConnectionOptions } from '../../../src/protocol/settings.ts';
import { expectBytes } from '../../support/bytes.ts';
import { parseFrames } from '../../support/parse-frames.ts';
import { concat, frame, hex, pattern, toHex, utf8, type FrameOptions } from '../../support/frames.ts';
import { createEnd, type PipeEnd } from '../../support/memory-pipe.ts';
import { ManualPlatform } from '../../support/platform.ts';

const KEY = hex('37 fa 21 3d');
const NO_BYTES = new Uint8Array(0);

/** A server whose peer is the test. */
class Bench {
  readonly platform: ManualPlatform = new ManualPlatform();
  readonly end: PipeEnd;
  /** Results of the callbacks that {@link callback} made, in order of the calls. */
  readonly results: string[] = [];

  constructor(options: Partial<ConnectionOptions> = {}) {
    this.end = createEnd(this.platform, { role: 'server', ...options });
    this.end.session.start();
  }

  receive(...frames: FrameOptions[]): void {
    const isServer = this.end.session.role === 'server';
    this.end.transport.receive(concat(...frames.map((each) => frame(isServer ? { key: KEY, ...each } : each))));
  }

  callback(name: string): SendCallback {
    return (error) => this.results.push(error ? `${name}: ${error.message}` : name);
  }

  /** What left, one string a write. */
  get writes(): string[] {
    return this.end.transport.writes.map((write) =>
      parseFrames(write)
        .map(({ first, payload }) => toHex(concat(Uint8Array.of(first), payload)))
        .join(', '),
    );
  }
}

describe('what leaves', () => {
  test('server gathers what a turn sends into one write, with one deferred task', () => {
    const { end, platform } = new Bench();
    end.session.sendText('a');
    end.session.sendBytes(utf8('b'), false);
    end.session.ping(utf8('c'));
    end.session.pong(utf8('d'));
    expect(end.transport.writes).toEqual([]);
    expect(platform.deferrals).toBe(1);
    platform.runDeferred();
    expect(end.transport.writes.map(toHex)).toEqual(['81 01 61 82 01 62 89 01 63 8a 01 64']);
    end.session.sendText('e');
    platform.runDeferred();
    expect(end.transport.writes).toHaveLength(2);
    expect(platform.deferrals).toBe(2);
  });

  test('server answers a chunk in one write, pongs included, without a deferred task', () => {
    const bench = new Bench();
    const { end, platform } = bench;
    end.sink.onEvent = ([type, value]) => {
      if (type === 'text') end.session.sendText(`re:${value}`);
    };
    bench.receive({ payload: 'a' }, { opcode: 9, payload: 'p' }, { payload: 'b' });
    expect(bench.writes).toEqual(['81 72 65 3a 61, 8a 70, 81 72 65 3a 62']);
    expect(platform.deferrals).toBe(0);
  });

  test('server reads straight from the input arena as well', () => {
    const bench = new Bench();
    bench.end.transport.isDirect = true;
    bench.end.sink.onEvent = () => bench.end.session.sendText('!');
    bench.receive({ payload: 'a' }, { payload: 'b' });
    expect(bench.end.sink.of('text').map(([, text]) => text)).toEqual(['a', 'b']);
    expect(bench.writes).toEqual(['81 21, 81 21']);
  });

  test('a throwing listener still gets its answers out', () => {
    const bench = new Bench();
    bench.end.sink.onEvent = () => {
      bench.end.session.sendText('x');
      throw new Error('listener');
    };
    bench.receive({ payload: 'a' }, { payload: 'b' });
    expect(bench.writes).toEqual(['81 78, 81 78']);
    bench.platform.runDeferred();
    expect(bench.platform.uncaught).toHaveLength(2);
  });

  test('output slots come back when their bytes are written, not before', () => {
    const { end, platform } = new Bench();
    end.transport.isHeld = true;
    end.session.sendText('a'.repeat(1000));
    platform.runDeferred();
    expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS - 1);
    end.transport.release();
    expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
  });

  test('with all output slots held by slow peers, the others send the same bytes from the heap', () => {
    const platform = new ManualPlatform();
    const ends = Array.from({ length: OUTPUT_SLOTS + 3 }, () => createEnd(platform, { role: 'server' }));
    for (const { session, transport } of ends) {
      transport.isHeld = true;
      session.start();
      session.sendText('hello');
      session.sendBytes(pattern(20_000), false);
      session.sendBytes(pattern(300), false);
    }
    platform.runDeferred();
    expect(platform.codec.freeSlots).toBe(0);
    const expected = concat(hex('81 05'), utf8('hello'), hex('82 7e 4e 20'), pattern(20_000), hex('82 7e 01 2c'), pattern(300));
    for (const { transport } of ends) {
      transport.isHeld = false;
      transport.release();
      expectBytes(transport.bytes, expected);
    }
    expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
  });

  test('the rest of a message that no slots can hold follows its beginning at once', () => {
    const { end, platform } = new Bench();
    const long = pattern((OUTPUT_SLOTS + 4) * OUTPUT_SLOT_BYTES);
    end.transport.isHeld = true;
    end.session.sendBytes(long, false);
    expect(end.transport.calls.filter((call) => call === 'write')).toHaveLength(2);
    expect(end.session.bufferedAmount).toBe(long.length);
    end.session.sendText('after');
    platform.runDeferred();
    expect(end.transport.calls.filter((call) => call === 'write')).toHaveLength(2);
    end.transport.release();
    expect(end.session.bufferedAmount).toBe(long.length + 5);
    end.transport.isHeld = false;
    end.transport.release();
    platform.runDeferred();
    const [first, second] = parseFrames(end.transport.bytes);
    expectBytes(first.payload, long);
    expectBytes(second.payload, utf8('after'));
    expect([end.session.bufferedAmount, platform.codec.freeSlots]).toEqual([0, OUTPUT_SLOTS]);
  });

  test('handOver writes what was sent, behind a batch that waits', () => {
    const bench = new Bench();
    const { session, transport } = bench.end;
    const handOver = (): void => session.handOver();
    handOver();
    session.sendText('a', undefined, bench.callback('a'));
    handOver();
    expect(bench.writes).toEqual(['81 61']);
    transport.isHeld = true;
    session.sendText('b', undefined, bench.callback('b'));
    handOver();
    session.sendText('c', undefined, bench.callback('c'));
    handOver();
    handOver();
    session.sendText('d', undefined, bench.callback('d'));
    bench.platform.runDeferred();
    expect(bench.results).toEqual(['a']);
    transport.release();
    expect(bench.results).toEqual(['a', 'b']);
    transport.release();
    expect(bench.results).toEqual(['a', 'b', 'c']);
    transport.release();
    expect(bench.writes).toEqual(['81 61', '81 62', '81 63', '81 64']);
    expect(bench.results).toEqual(['a', 'b', 'c', 'd']);
    expect(bench.platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
  });

  test('start delivers the bytes that came with the handshake first', () => {
    const { session, transport, sink } = createEnd(new ManualPlatform(), { role: 'server' });
    transport.receive(frame({ payload: 'b', key: KEY }));
    session.start(frame({ payload: 'a', key: KEY }));
    transport.deliver();
    expect(sink.events).toEqual([
      ['text', 'a'],
      ['text', 'b'],
    ]);
  });
});

describe('backpressure', () => {
  test('bufferedAmount counts payload bytes until they are taken; drain comes once all are', () => {
    const bench = new Bench();
    const { session, transport, sink } = bench.end;
    transport.isHeld = true;
    session.sendText('né', undefined, bench.callback('a'));
    expect(session.bufferedAmount).toBe(3);
    session.sendBytes(pattern(200_000), false, undefined, bench.callback('b'));
    expect(session.bufferedAmount).toBe(200_003);
    bench.platform.runDeferred();
    expect(session.bufferedAmount).toBe(200_003);
    session.sendText('cd', undefined, bench.callback('c'));
    bench.platform.runDeferred();
    expect(session.bufferedAmount).toBe(200_005);
    expect(transport.calls).toEqual(['start', 'write']);
    expect(bench.results).toEqual([]);
    transport.release();
    expect(session.bufferedAmount).toBe(2);
    expect(bench.results).toEqual(['a', 'b']);
    expect(sink.events).toEqual([]);
    transport.release();
    expect(bench.results).toEqual(['a', 'b', 'c']);
    expect(session.bufferedAmount).toBe(0);
    expect(sink.events).toEqual([['drain']]);
  });

  test('control frames are not counted, but wait and call back like the rest', () => {
    const bench = new Bench();
    const { session, transport } = bench.end;
    transport.isHeld = true;
    session.ping(pattern(100), bench.callback('ping'));
    session.pong(pattern(100), bench.callback('pong'));
    session.close(1000, pattern(0), bench.callback('close'));
    bench.platform.runDeferred();
    expect(session.bufferedAmount).toBe(0);
    expect(bench.results).toEqual([]);
    transport.release();
    expect(bench.results).toEqual(['ping', 'pong', 'close']);
  });

  test('nothing drains that did not wait', () => {
    const bench = new Bench();
    bench.end.session.sendText('a', undefined, bench.callback('a'));
    bench.platform.runDeferred();
    expect(bench.results).toEqual(['a']);
    expect(bench.end.sink.events).toEqual([]);
  });

  test('what the program has seen waiting drains, also if the system takes it at once', () => {
    const bench = new Bench();
    const { session, sink } = bench.end;
    session.sendText('a');
    session.mustDrain = true;
    expect(sink.events).toEqual([]);
    bench.platform.runDeferred();
    expect(sink.events).toEqual([['drain']]);
    expect(session.bufferedAmount).toBe(0);
    session.sendText('b');
    bench.platform.runDeferred();
    expect(sink.events).toEqual([['drain']]);
    // A long message is written within the call, and takes the short one with it.
    session.sendText('c');
    session.mustDrain = true;
    session.sendBytes(pattern(300_000), false);
    expect([session.bufferedAmount, sink.events.length]).toEqual([0, 1]);
    bench.platform.runDeferred();
    expect(sink.events).toEqual([['drain'], ['drain']]);
  });

  test('nothing drains of which only the news came late; what gathered behind one that waited does', () => {
    const bench = new Bench();
    const { session, transport, sink } = bench.end;
    const writes: ((isAtOnce?: boolean) => void)[] = [];
    transport.write = (_chunks, onWritten) => writes.push(onWritten) < 0;
    const send = (): void => {
      session.sendText('a');
      bench.platform.runDeferred();
    };
    send();
    expect(session.bufferedAmount).toBe(1);
    writes.shift()!(true);
    expect(session.bufferedAmount).toBe(0);
    expect(sink.events).toEqual([]);
    send();
    send();
    writes.shift()!(false);
    expect(sink.events).toEqual([]);
    writes.shift()!(true);
    expect(sink.events).toEqual([['drain']]);
    send();
    writes.shift()!(true);
    expect(sink.events).toEqual([['drain']]);
    send();
    writes.shift()!();
    expect(sink.events).toEqual([['drain'], ['drain']]);
  });

  test('callbacks of what is written within a call come after it, in order', () => {
    const bench = new Bench();
    const { session, transport } = bench.end;
    session.sendText('a', undefined, bench.callback('a'));
    const before = transport.bytes.length;
    session.sendBytes(pattern(300_000), false, undefined, bench.callback('b'));
    expect(transport.bytes.length).toBeGreaterThan(before + 300_000);
    expect(session.bufferedAmount).toBe(0);
    session.sendText('c', undefined, bench.callback('c'));
    expect(bench.results).toEqual([]);
    bench.platform.runDeferred();
    expect(bench.results).toEqual(['a', 'b', 'c']);
  });

  test('a callback may send, and drain waits for that too', () => {
    const bench = new Bench();
    const { session, transport, sink } = bench.end;
    transport.isHeld = true;
    session.sendText('a', undefined, () => session.sendText('b'));
    bench.platform.runDeferred();
    transport.release();
    bench.platform.runDeferred();
    expect(sink.events).toEqual([]);
    transport.release();
    expect(sink.events).toEqual([['drain']]);
    expect(bench.writes).toEqual(['81 61', '81 62']);
  });

  test('a throwing callback disturbs no other', () => {
    const bench = new Bench();
    bench.end.session.sendText('a', undefined, () => {
      throw new Error('mine');
    });
    bench.end.session.sendText('b', undefined, bench.callback('b'));
    bench.platform.runDeferred();
    expect(bench.results).toEqual(['b']);
    expect(bench.platform.uncaught).toEqual([new Error('mine')]);
  });

  test('server answers only the latest ping of a peer that does not read', () => {
    const bench = new Bench();
    bench.end.transport.isHeld = true;
    bench.end.session.sendText('a');
    bench.platform.runDeferred();
    for (let index = 0; index < 50; index++) bench.receive({ opcode: 9, payload: `${index}` });
    bench.end.transport.isHeld = false;
    bench.end.transport.release();
    expect(bench.writes).toEqual(['81 61', '8a 34 39']);
    expect(bench.end.sink.of('ping')).toHaveLength(50);
  });

  function congested(options: Partial<ConnectionOptions>): Bench {
    const bench = new Bench({ maxBufferedAmount: 10, ...options });
    bench.end.transport.isHeld = true;
    bench.end.session.sendText('12345678901', undefined, bench.callback('first'));
    bench.platform.runDeferred();
    return bench;
  }

  test('server answers only the latest ping of a peer that does not read, also when a callback has sent what waits now', () => {
    const bench = new Bench();
    const { session, transport } = bench.end;
    transport.isHeld = true;
    session.sendText('a', undefined, () => {
      session.sendText('b');
      // As before a write to the socket.
      session.handOver();
    });
    bench.platform.runDeferred();
    transport.release();
    for (let index = 0; index < 50; index++) bench.receive({ opcode: 9, payload: `${index}` });
    transport.isHeld = false;
    transport.release();
    expect(bench.writes).toEqual(['81 61', '81 62', '8a 34 39']);
  });

  test('callbacks come in order, also when a later batch is written before the turn of the first ones is over', () => {
    const end = createEnd(new ManualPlatform(), { role: 'server' });
    end.session.start();
    const called: string[] = [];
    // Long enough to be written in the call, which puts its callback off.
    end.session.sendBytes(pattern(300_000), false, undefined, () => called.push('first'));
    end.transport.isHeld = true;
    end.session.sendBytes(pattern(131_072), false, undefined, () => called.push('second'));
    end.transport.release();
    expect(called).toEqual(['first', 'second']);
  });

  test('maxBufferedAmount drops the connection by default', () => {
    const bench = congested({});
    const { session, sink, transport } = bench.end;
    session.sendText('x', undefined, bench.callback('x'));
    bench.platform.runDeferred();
    expect(sink.events).toEqual([
      ['closing'],
      ['error', expect.objectContaining({ code: 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT' })],
      ['end', 1006, '', false],
    ]);
    expect(transport.calls).toEqual(['start', 'write', 'destroy']);
    expect(bench.results).toEqual([expect.stringMatching('first: '), expect.stringMatching('x: 11 bytes wait')]);
  });

  test('maxBufferedAmount drops the connection once, also if the listener of the error sends', () => {
    const bench = congested({});
    const { session, sink } = bench.end;
    sink.onEvent = ([type]) => {
      if (type === 'error') session.ping(utf8('?'), bench.callback('ping'));
    };
    session.sendText('x', undefined, bench.callback('x'));
    bench.platform.runDeferred();
    expect(sink.events.map(([type]) => type)).toEqual(['closing', 'error', 'end']);
    expect(bench.results.slice(1)).toEqual([expect.stringMatching('x: 11 bytes wait'), 'ping: The WebSocket is not open']);
  });

  test('maxBufferedAmount drops the connection even if the listener of the error throws', () => {
    const bench = congested({});
    bench.end.sink.onEvent = ([type]) => {
      if (type === 'error') throw new Error('listener');
    };
    expect(() => bench.end.session.sendText('x')).toThrow('listener');
    expect(bench.end.transport.isDestroyed).toBe(true);
  });

  test('maxBufferedAmount drops the message when told to', () => {
    const bench = congested({ bufferPolicy: 'drop' });
    const { session, transport, sink } = bench.end;
    for (const send of ['sendText', 'ping', 'pong'] as const) {
      if (send === 'sendText') session.sendText('x', undefined, bench.callback('text'));
      else session[send](NO_BYTES, bench.callback(send));
    }
    expect(bench.results).toEqual([]);
    bench.platform.runDeferred();
    expect(bench.results.map((result) => result.split(':')[0])).toEqual(['text', 'ping', 'pong']);
    transport.isHeld = false;
    transport.release();
    session.sendText('y', undefined, bench.callback('y'));
    bench.platform.runDeferred();
    expect(bench.writes.slice(1)).toEqual(['81 79']);
    expect(sink.events).toEqual([['drain']]);
  });

  test('maxBufferedAmount throws when told to', () => {
    const bench = congested({ bufferPolicy: 'throw' });
    const { session } = bench.end;
    expect(() => session.sendText('x')).toThrow(expect.objectContaining({ code: 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT' }));
    expect(session.bufferedAmount).toBe(11);
  });

  test.each([
    [0, 1000],
    [11, 1],
  ])('maxBufferedAmount %i admits %i messages behind 11 bytes', (maxBufferedAmount, count) => {
    const { session, sink } = congested({ maxBufferedAmount }).end;
    for (let index = 0; index < count; index++) session.sendText('more');
    expect(session.bufferedAmount).toBe(11 + 4 * count);
    expect(sink.events).toEqual([]);
  });

  test('maxBufferedAmount holds within a turn, for what the transport does not take at once', () => {
    const bench = new Bench({ maxBufferedAmount: 10, bufferPolicy: 'drop' });
    const { end } = bench;
    for (let index = 0; index < 100; index++) end.session.sendText('12345678901');
    // Each time more than ten bytes wait they are written, and taken.
    expect(end.session.bufferedAmount).toBe(11);
    end.transport.isHeld = true;
    for (let index = 0; index < 3; index++) end.session.sendText('12345678901', undefined, bench.callback(`${index}`));
    expect(end.session.bufferedAmount).toBe(11);
    bench.platform.runDeferred();
    expect(bench.results).toEqual([0, 1, 2].map((index) => expect.stringMatching(`${index}: 11 bytes wait`) as unknown));
    expect(end.sink.events).toEqual([]);
  });

  test('pause and resume reach the transport', () => {
    const { session, transport } = new Bench().end;
    session.pause();
    session.resume();
    expect(transport.calls).toEqual(['start', 'pause', 'resume']);
  });

  test('a pause by a listener of the first bytes holds: the transport is started once the program resumes', () => {
    const { session, sink, transport } = createEnd(new ManualPlatform(), { role: 'client' });
    sink.onEvent = () => session.pause();
    session.resume();
    expect(transport.calls).toEqual([]);
    session.start(Uint8Array.of(0x81, 0x01, 0x61));
    expect(sink.of('text')).toEqual([['text', 'a']]);
    expect(transport.calls).toEqual([]);
    session.resume();
    expect(transport.calls).toEqual(['start']);
    session.pause();
    session.resume();
    expect(transport.calls).toEqual(['start', 'pause', 'resume']);
  });

  test.each([
    ['a violation', Uint8Array.of(0x81, 0x01, 0x61, 0x83, 0x00)],
    ['a Close frame', Uint8Array.of(0x81, 0x01, 0x61, 0x88, 0x00)],
  ])('the transport is read in spite of a pause behind %s, up to the end of TCP', (_name, head) => {
    const { session, sink, transport } = createEnd(new ManualPlatform(), { role: 'client' });
    sink.onEvent = ([name]) => void (name === 'text' && session.pause());
    session.start(head);
    expect(transport.calls).toContain('start');
  });
});

describe('failing', () => {
  test('server answers a violation with a Close frame, then FIN, and keeps reading', () => {
    const bench = new Bench();
    const { session, sink, transport } = bench.end;
    session.pause();
    session.resume();
    transport.calls.length = 0;
    bench.receive({ payload: 'a' }, { opcode: 3 }, { payload: 'b' });
    expect(sink.events).toEqual([
      ['text', 'a'],
      ['closing'],
      ['error', expect.objectContaining({ code: 'WS_ERR_INVALID_OPCODE', closeCode: 1002 })],
    ]);
    expect(transport.calls).toEqual(['resume', 'write', 'end']);
    expect(bench.writes).toEqual(['88 03 ea']);
    expect(bench.platform.timers).toEqual([30_000]);
    bench.receive({ payload: 'c' });
    transport.receiveEnd();
    expect(sink.events.slice(3)).toEqual([['end', 1006, '', false]]);
    expect(bench.platform.timers).toEqual([]);
  });

  test('client ends TCP too after a violation', () => {
    const bench = new Bench({ role: 'client' });
    bench.receive({ opcode: 0 });
    expect(bench.end.transport.calls).toEqual(['start', 'resume', 'write', 'end']);
    expect(bench.writes).toEqual(['88 03 ea']);
  });

  test('what waits goes out before the Close frame of a violation', () => {
    const bench = new Bench();
    const { session, transport } = bench.end;
    transport.isHeld = true;
    session.sendText('a', undefined, bench.callback('a'));
    bench.platform.runDeferred();
    session.sendText('b', undefined, bench.callback('b'));
    bench.receive({ opcode: 3 });
    expect(transport.calls).not.toContain('end');
    transport.release();
    transport.release();
    expect(bench.writes).toEqual(['81 61', '81 62, 88 03 ea']);
    expect(transport.calls.at(-1)).toBe('end');
    expect(bench.results).toEqual(['a', 'b']);
  });
});

describe('before the start', () => {
  /** A client that has a sink and does not read yet. */
  function unstarted(): { end: PipeEnd; platform: ManualPlatform } {
    const platform = new ManualPlatform();
    return { end: createEnd(platform, { role: 'client' }), platform };
  }

  test('client keeps what arrives, the end included, and tells of it in order, behind what came with the handshake', () => {
    const { end } = unstarted();
    end.session.receive(frame({ payload: 'b' }));
    end.session.receive(frame({ opcode: 8, payload: hex('03 e9') }));
    end.session.receiveEnd();
    end.session.closed();
    expect(end.sink.events).toEqual([]);
    end.session.start(frame({ payload: 'a' }));
    expect(end.sink.events).toEqual([['text', 'a'], ['text', 'b'], ['closing'], ['end', 1001, '', expect.any(Boolean)]]);
    expect(end.transport.calls).not.toContain('start');
  });

  test('client tells of what arrived before a reset', () => {
    const { end } = unstarted();
    end.session.closed(new Error('read ECONNRESET'));
    end.session.start(frame({ payload: 'a' }));
    expect(end.sink.events).toEqual([['text', 'a'], ['closing'], ['end', 1006, '', false]]);
  });

  test('client that is dropped ends at once, without what arrived', () => {
    const { end, platform } = unstarted();
    end.session.receive(frame({ payload: 'a' }));
    end.session.terminate();
    platform.runDeferred();
    expect(end.sink.events).toEqual([['closing'], ['end', 1006, '', false]]);
    expect(platform.timers).toEqual([]);
    end.session.start(frame({ payload: 'b' }));
    expect(end.sink.events).toHaveLength(2);
  });
});
