// The work of compression in a turn, shared by the connections of a thread.

import { describe, expect, it } from 'vitest';
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
