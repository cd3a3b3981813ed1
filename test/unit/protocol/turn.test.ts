// The work of compression in a turn, shared by the connections of a thread.

import { describe, expect, it } from 'vitest';
import { InflateError, type DeflateEngine, type DeflateJob } from '../../../src/deflate/engine.ts';
import { sharedDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { Compression } from '../../../src/protocol/compression.ts';
import { CompressibleMessage } from '../../../src/protocol/shared-compression.ts';
import { pattern } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

const MIB = 1048576;
const engine = createWasmEngine(sharedDeflateKernel);
const agreement = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 12,
  clientMaxWindowBits: 12,
};
const fail = (error: unknown): never => {
  throw error;
};

/** Counts its copies. */
class CountingPlatform extends ManualPlatform {
  copied = 0;

  override copy = (source: Uint8Array, start: number, end: number): Uint8Array => {
    this.copied += end - start;
    return source.slice(start, end);
  };
}

const platformOf = (): CountingPlatform => new CountingPlatform();
const connect = (platform: ManualPlatform): Compression => new Compression(platform, 'server', { engine, agreement });

/** `message`, compressed by a client. */
function pack(message: Uint8Array): Uint8Array {
  const deflator = engine.createDeflator({ windowBits: 12, noContextTakeover: false });
  const job = deflator.deflate(message, true);
  let bytes = job.step();
  while (bytes === null) bytes = job.step();
  const packed = bytes.slice();
  deflator.close();
  return packed;
}

describe('the work of a turn', () => {
  it('is no more for many connections than for one, however short their messages are on the wire', () => {
    const platform = platformOf();
    const bomb = pack(new Uint8Array(200000));
    expect(bomb.length).toBeLessThan(300);
    let inflated = 0;
    const receive = (): boolean => connect(platform).inflate(bomb, 0, (bytes) => void (inflated += bytes.length), fail);
    for (let index = 0; index < 40; index++) receive();
    expect(inflated).toBeGreaterThan(0);
    let before = 0;
    do {
      expect(inflated - before).toBeLessThan(1.2 * MIB);
      before = inflated;
    } while (platform.runTurn());
    expect(inflated).toBe(40 * 200000);
  });

  it('ends with a message that fails, because what was inflated before is unknown', () => {
    const bomb = pack(new Uint8Array(500000));
    const cases = {
      'too long': [bomb, 480000],
      // Ends with a block of the reserved type.
      malformed: [new Uint8Array([...bomb, 0x07]), 0],
    } as const;
    for (const [name, [message, limit]] of Object.entries(cases)) {
      const platform = platformOf();
      let failed = 0;
      for (let index = 0; index < 20; index++) connect(platform).inflate(message, limit, fail, () => failed++);
      let before = 0;
      do {
        expect([name, failed - before]).toEqual([name, Math.min(1, failed - before)]);
        before = failed;
      } while (platform.runTurn());
      expect([name, failed]).toEqual([name, 20]);
    }
  });

  it('counts messages that inflate to nothing', () => {
    const platform = platformOf();
    // Empty stored blocks.
    const blocks = new Uint8Array(60000).map((_, index) => (index % 5 < 3 ? 0 : 0xff));
    let messages = 0;
    for (let index = 0; index < 50; index++) connect(platform).inflate(blocks, 0, () => messages++, fail);
    expect(messages).toBeLessThan(10);
    while (platform.runTurn());
    expect(messages).toBe(50);
  });

  it('leaves short messages alone, in this turn and after many others', () => {
    const platform = platformOf();
    const packed = pack(pattern(1000));
    for (let turn = 0; turn < 50; turn++) {
      for (let index = 0; index < 60; index++) expect(connect(platform).inflate(packed, 0, () => {}, fail)).toBe(true);
      platform.runTurn();
    }
  });

  it('is shared by messages that are sent: long ones wait for another turn, short ones do not', () => {
    const platform = platformOf();
    const long = pattern(400000);
    const sent: number[] = [];
    const send = (message: Uint8Array, name: number): boolean =>
      connect(platform).deflate(message, true, () => sent.push(name), fail);
    expect([0, 1, 2].map((name) => send(long, name))).toEqual([false, false, false]);
    // The first connection has read a part of its message by now, the others nothing.
    expect(platform.copied).toBeGreaterThan(2.5 * long.length);
    expect(platform.copied).toBeLessThan(3 * long.length);
    expect(send(pattern(1000), 3)).toBe(true);
    while (platform.runTurn());
    expect(new Set(sent)).toEqual(new Set([0, 1, 2, 3]));
    expect(sent[0]).toBe(3);
  });

  it('makes no copy of what a connection may keep', () => {
    const platform = platformOf();
    const long = pattern(400000);
    let done = 0;
    for (let index = 0; index < 3; index++) connect(platform).deflate(long, true, () => done++, fail, false);
    while (platform.runTurn());
    expect([done, platform.copied]).toEqual([3, 0]);
  });

  it('is shared by messages for many connections', () => {
    const platform = platformOf();
    const long = pattern(400000);
    const done: number[] = [];
    let steps = 0;
    const createDeflator: typeof engine.createDeflator = (options) => {
      const deflator = engine.createDeflator(options);
      const deflate = deflator.deflate.bind(deflator);
      deflator.deflate = (data, isFinal) => {
        const job = deflate(data, isFinal);
        const step = job.step.bind(job);
        job.step = () => {
          steps++;
          return step();
        };
        return job;
      };
      return deflator;
    };
    const counting = { ...engine, createDeflator };
    const contexts = Array.from({ length: 3 }, (_, index) => {
      const connection = new Compression(platform, 'server', { engine: counting, agreement });
      connection.deflate(pattern(100 + index), true, () => {}, fail);
      return connection;
    });
    steps = 0;
    const shared = new CompressibleMessage(undefined);
    for (const [index, one] of contexts.entries()) {
      expect(one.deflateShared(shared, long, true, () => done.push(index), fail)).toBe(false);
    }
    expect(steps).toBe(1);
    while (platform.runTurn());
    expect(new Set(done)).toEqual(new Set([0, 1, 2]));
  });
});

/** A platform, and connections whose messages take as many slices as a test says. The bytes of a message are its name and its slices. */
function script(): {
  readonly platform: ManualPlatform;
  /** The names of the messages, in the order of their slices. */
  readonly slices: number[];
  /** The names of those that are done, or have failed. */
  readonly done: number[];
  /** Output that exists, in slices. */
  held(): number;
  receive(name: number, slices: number, finish?: () => void): Compression;
  send(name: number, slices: number): Compression;
} {
  const platform = platformOf();
  const slices: number[] = [];
  const done: number[] = [];
  const held = new Map<Compression, number>();
  const result = new Uint8Array(MIB);
  let current: Compression | null = null;
  const jobOf = (data: Uint8Array): DeflateJob => {
    const [name, count] = data;
    const owner = current!;
    let left = count;
    const step = (): Uint8Array | null => {
      slices.push(name);
      if (count === 0) throw new InflateError({ message: 'invalid block type', isTooLong: false });
      held.set(owner, count - --left);
      return left > 0 ? null : count === 1 ? new Uint8Array(100) : result;
    };
    return { isOwned: true, step };
  };
  const context = { close() {}, sharedWindow: null, takeWindow: () => result, adoptWindow() {} };
  const scripted: DeflateEngine = {
    createDeflator: () => ({ ...context, deflate: jobOf }),
    createInflator: () => ({ ...context, inflate: jobOf }),
  };
  const open = (): Compression => (current = new Compression(platform, 'server', { engine: scripted, agreement }));
  const finisher = (name: number, one: Compression, finish?: () => void) => (): void => {
    held.delete(one);
    done.push(name);
    finish?.();
  };
  return {
    platform,
    slices,
    done,
    held: () => [...held].reduce((sum, [, count]) => sum + count, 0),
    receive(name, count, finish) {
      const one = open();
      one.inflate(new Uint8Array([name, count]), 0, finisher(name, one, finish), finisher(name, one, finish));
      return one;
    },
    send(name, count) {
      const one = open();
      const data = new Uint8Array(20000);
      data.set([name, count]);
      one.deflate(data, true, finisher(name, one), fail);
      return one;
    },
  };
}

const SHORT = 200;
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

describe('long messages', () => {
  it('let a message that has not begun go first', () => {
    const { platform, slices, done, receive } = script();
    for (const name of [1, 2, 3]) receive(name, 100);
    for (let turn = 0; turn < 7; turn++) platform.runTurn();
    slices.length = 0;
    receive(SHORT, 1);
    expect(done).toEqual([]);
    platform.runTurn();
    expect(done).toEqual([SHORT]);
    // The rest of the turn is theirs.
    expect(slices).toHaveLength(2);
  });

  it('make a short message wait for first slices only, and for one slice of a long one after three of them', () => {
    const { platform, slices, done, receive } = script();
    for (const name of range(0, 40)) receive(name, 100);
    receive(SHORT, 1);
    expect(slices).toEqual([0]);
    while (done.length === 0) platform.runTurn();
    const before = slices.slice(1, slices.indexOf(SHORT));
    const first = before.filter((name, index) => name !== 0 && before.indexOf(name) === index);
    expect(first).toEqual(range(1, 40));
    expect(before).toHaveLength(39 + 13);
  });

  it('end a turn when they fail', () => {
    const { platform, done, receive } = script();
    const failures: number[] = [];
    for (const name of range(0, 20)) receive(name, 0);
    do failures.push(done.length);
    while (platform.runTurn());
    expect(failures).toEqual(range(1, 21).concat(20));
  });

  it('go on in each fourth turn while others begin', () => {
    const { platform, slices, done, receive } = script();
    receive(1, 11);
    let begun = 0;
    let turns = 0;
    for (; turns < 100 && !done.includes(1); turns++) {
      // A failure takes a turn, and two always wait.
      while (begun < turns + 2) receive(100 + (begun++ % 50), 0);
      platform.runTurn();
    }
    expect(turns).toBe(40);
    expect(slices.filter((name) => name === 1)).toHaveLength(11);
    expect(slices.length).toBe(1 + 40);
  });

  it('are under way ten at a time, round robin, received and sent, and the others wait in their order', () => {
    const { platform, slices, done, held, receive, send } = script();
    for (const name of range(0, 30)) (name % 2 === 0 ? receive : send)(name, 60);
    const most = { underWay: 0, held: 0 };
    const counts = new Map<number, number>();
    let [at, end] = [0, 0];
    do {
      for (const name of slices.slice(at)) counts.set(name, (counts.get(name) ?? 0) + 1);
      at = slices.length;
      if (done.length <= 20) end = at;
      const underWay = [...counts.values()].filter((count) => count > 1 && count < 60).length;
      most.underWay = Math.max(most.underWay, underWay);
      most.held = Math.max(most.held, held());
    } while (platform.runTurn());
    expect(done).toEqual(range(0, 30));
    // At most all but the last slice of ten, and one slice of each other. The first ten did not begin at the same time.
    expect(most).toEqual({ underWay: 10, held: 10 * 59 + 20 - 6 });
    // Once all have begun, while there are ten.
    const rounds = slices.slice(slices.indexOf(29) + 1, end);
    expect(rounds.length).toBeGreaterThan(1500);
    for (let from = 0; from + 10 <= rounds.length; from++) expect(new Set(rounds.slice(from, from + 10)).size).toBe(10);
  });

  it('of a connection that closes make room at once, and hold nothing', () => {
    const { platform, slices, done, receive } = script();
    const all = range(0, 25).map((name) => receive(name, 50));
    for (let turn = 0; turn < 80; turn++) platform.runTurn();
    slices.length = 0;
    // Under way, and waiting.
    for (const one of all.slice(0, 15)) one.close();
    const fresh = receive(SHORT, 50);
    fresh.close();
    for (let turn = 0; turn < 20; turn++) platform.runTurn();
    expect(slices).toEqual([...range(15, 25), ...range(15, 25)]);
    for (const one of all.slice(15)) one.close();
    platform.runTurn();
    expect(platform.runTurn()).toBe(false);
    expect([done, slices.length]).toEqual([[], 20]);
  });

  it('go on after an exception of the program', () => {
    const { platform, done, receive } = script();
    const error = new Error('of a listener');
    for (const name of range(0, 12)) receive(name, name % 2 === 0 ? 3 : 1, () => fail(error));
    while (platform.runTurn());
    expect(new Set(done)).toEqual(new Set(range(0, 12)));
    expect(platform.uncaught).toEqual(range(0, 12).map(() => error));
  });
});
