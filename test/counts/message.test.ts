// What a message costs, in counts that are exact on every runtime: calls into the kernel, writes, deferred tasks, views, copies, allocations.
// A change of one of these figures is a change of speed. Times are for bench/.

import { describe, expect, test } from 'vitest';
import type { Kernel } from '../../src/codec/codec.ts';
import { loadKernel } from '../../src/codec/load.ts';
import { shareFrame } from '../../src/protocol/shared-frames.ts';
import { CompressibleMessage } from '../../src/protocol/shared-compression.ts';
import { MESSAGE_OWNED, type Region, type SessionSink, type Transport } from '../../src/platform.ts';
import { Connection } from '../../src/protocol/connection.ts';
import { concat, frame, hex, pattern } from '../support/frames.ts';
import { ManualPlatform } from '../support/platform.ts';

const KEY = hex('37 fa 21 3d');

/** Counts by the name of the function. */
class Counts extends Map<string, number> {
  add(name: string): void {
    this.set(name, (this.get(name) ?? 0) + 1);
  }

  /** The counts since the last call. */
  take(): Record<string, number> {
    const counted = Object.fromEntries([...this].sort(([one], [other]) => (one < other ? -1 : 1)));
    this.clear();
    return counted;
  }
}

function countingKernel(counts: Counts): Kernel {
  const kernel = loadKernel();
  return {
    name: kernel.name,
    memory: kernel.memory,
    decode(address, length) {
      counts.add('decode');
      return kernel.decode(address, length);
    },
    encodeFrame(address, first, length, masked, key) {
      counts.add('encodeFrame');
      return kernel.encodeFrame(address, first, length, masked, key);
    },
    mask(address, length, key) {
      counts.add('mask');
      return kernel.mask(address, length, key);
    },
    validate(address, length, state) {
      counts.add('validate');
      return kernel.validate(address, length, state);
    },
  };
}

class CountingPlatform extends ManualPlatform {
  readonly counts: Counts;

  constructor(counts: Counts) {
    super(countingKernel(counts));
    this.counts = counts;
    const copyMessage = this.copyMessage;
    // A function of the platform that works without `this`.
    this.copyMessage = (source, start, end) => {
      counts.add('copyMessage');
      return copyMessage(source, start, end);
    };
  }

  override allocate(length: number): Uint8Array {
    this.counts.add('allocate');
    return super.allocate(length);
  }

  override view(region: Region, start: number, length: number): Uint8Array {
    this.counts.add('view');
    return super.view(region, start, length);
  }

  override defer(task: () => void): void {
    this.counts.add('defer');
    super.defer(task);
  }

  override setTimer(task: () => void, milliseconds: number): ReturnType<ManualPlatform['setTimer']> {
    this.counts.add('setTimer');
    return super.setTimer(task, milliseconds);
  }
}

/** A connection that echoes, or only takes messages. */
class Bench {
  readonly counts: Counts;
  readonly platform: CountingPlatform;
  readonly connection: Connection;

  constructor(
    role: 'server' | 'client' = 'server',
    isEcho: boolean = false,
    platform: CountingPlatform = new CountingPlatform(new Counts()),
  ) {
    this.platform = platform;
    this.counts = platform.counts;
    const transport: Transport = {
      start() {},
      write: (chunks) => {
        this.counts.add('write');
        for (let index = 0; index < chunks.length; index++) this.counts.add('piece');
        return true;
      },
      end() {},
      destroy() {},
      pause() {},
      resume() {},
    };
    this.connection = new Connection(this.platform, transport, { role });
    const { connection } = this;
    const sink: SessionSink = {
      onMessage(source, start, end, kind) {
        const bytes = (kind & MESSAGE_OWNED) === 0 ? connection.copyMessage(source, start, end) : source.subarray(start, end);
        if (isEcho) connection.sendBytes(bytes, false);
      },
      onPing() {},
      onPong() {},
      onClosing() {},
      onError(error) {
        throw error;
      },
      onDrain() {},
      onEnd() {},
    };
    connection.attach(sink);
    connection.start();
    this.platform.runDeferred();
    this.counts.take();
  }

  /** Reads a chunk, and ends the turn. @returns What that cost. */
  read(chunk: Uint8Array): Record<string, number> {
    this.connection.receive(chunk);
    this.platform.runDeferred();
    return this.counts.take();
  }

  send(bytes: Uint8Array, count: number): Record<string, number> {
    for (let index = 0; index < count; index++) this.connection.sendBytes(bytes, false);
    this.platform.runDeferred();
    return this.counts.take();
  }
}

/** `count` masked messages of `length` bytes. */
function messages(count: number, length: number): Uint8Array {
  return concat(...Array.from({ length: count }, () => frame({ opcode: 2, payload: pattern(length), key: KEY })));
}

describe('a chunk costs a server one call into the kernel, and each message one copy', () => {
  test.each([
    [1, 16],
    [32, 16],
    [32, 125],
    [32, 1024],
    [2, 65_000],
  ])('%i messages of %i bytes', (count, length) => {
    expect(new Bench().read(messages(count, length))).toEqual({ copyMessage: count, decode: 1 });
  });
});

describe('a turn costs a server one write of one piece', () => {
  test.each([
    [1, 16],
    [32, 16],
    [32, 1024],
  ])('%i echoes of %i bytes, at the end of the read', (count, length) => {
    const bench = new Bench('server', true);
    const cost = bench.read(messages(count, length));
    expect(cost).toMatchObject({ decode: 1, copyMessage: count, view: 1, write: 1, piece: 1 });
    // The slot of the first batch is codec memory, and the second turn costs the same.
    expect(bench.read(messages(count, length))).toEqual(cost);
  });

  test('32 messages, with one deferred task and no allocation', () => {
    const bench = new Bench();
    const cost = bench.send(pattern(16), 32);
    expect(cost).toEqual({ defer: 1, piece: 1, view: 1, write: 1 });
    expect(bench.send(pattern(16), 32)).toEqual(cost);
  });
});

test('a message costs a client one call into the kernel, which masks it', () => {
  expect(new Bench('client').send(pattern(16), 32)).toEqual({ defer: 1, encodeFrame: 32, piece: 1, view: 1, write: 1 });
});

test('a long message in many reads costs fresh memory of its own length, and of nothing else', () => {
  const length = 1 << 20;
  const bench = new Bench();
  const bytes = messages(1, length);
  for (let at = 0; at < bytes.length; at += 65_536) bench.read(bytes.subarray(at, at + 65_536));
  const fresh = bench.platform.allocations.reduce((sum, one) => sum + one, 0);
  expect(bench.platform.allocations).toContain(length);
  expect(fresh).toBeLessThanOrEqual(length * 1.5);
});

test('a broadcast costs its connections one view together, and each of them one write', () => {
  const platform = new CountingPlatform(new Counts());
  const benches = Array.from({ length: 50 }, () => new Bench('server', false, platform));
  const payload = pattern(64);
  for (let message = 0; message < 16; message++) {
    const shared = new CompressibleMessage(shareFrame(payload, 0x82));
    const options = { fin: undefined, compress: undefined, mask: undefined, firstByte: undefined, shared, isLasting: true };
    for (const { connection } of benches) connection.sendBytes(payload, false, options);
  }
  platform.runDeferred();
  const { defer, ...cost } = platform.counts.take();
  expect(defer).toBeLessThanOrEqual(50);
  expect(cost).toEqual({ piece: 50, view: 1, write: 50 });
});

test('an idle connection has no timer', () => {
  const bench = new Bench();
  bench.read(messages(1, 16));
  expect(bench.platform.timers).toEqual([]);
});
