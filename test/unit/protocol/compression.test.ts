// Compression on one connection, over engines that do as the test says; the last tests use zlib.

import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ContextOptions, DeflateEngine, DeflateJob } from '../../../src/deflate/engine.ts';
import { InflateError } from '../../../src/deflate/engine.ts';
import type { DeflateAgreement } from '../../../src/deflate/parameters.ts';
import { createZlibEngine } from '../../../src/deflate/zlib-engine.ts';
import { Compression, type CompressionOptions } from '../../../src/protocol/compression.ts';
import { expectBytes } from '../../support/bytes.ts';
import { hex, pattern, utf8 } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

const AGREEMENT: DeflateAgreement = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 11,
  clientMaxWindowBits: 9,
};

/** An engine whose jobs take so many turns, and which records what is asked of it. */
class FakeEngine implements DeflateEngine {
  readonly log: string[] = [];
  readonly contexts: ContextOptions[] = [];
  turns = 1;
  failure: Error | null = null;
  isOwned = false;

  createDeflator(options: ContextOptions) {
    this.contexts.push(options);
    return {
      deflate: (data: Uint8Array, isFinal: boolean) => this.#job(`deflate ${data.length} ${isFinal}`, data),
      sharedWindow: null,
      takeWindow: () => new Uint8Array(0),
      adoptWindow: () => void this.log.push('adopt window'),
      close: () => void this.log.push('close deflator'),
    };
  }

  createInflator(options: ContextOptions) {
    this.contexts.push(options);
    return {
      inflate: (data: Uint8Array, limit: number) => this.#job(`inflate ${data.length} ${limit}`, data),
      close: () => void this.log.push('close inflator'),
    };
  }

  #job(what: string, data: Uint8Array): DeflateJob {
    this.log.push(what);
    let left = this.turns;
    const step = (): Uint8Array | null => {
      this.log.push('step');
      if (--left > 0) return null;
      if (this.failure !== null) throw this.failure;
      return data;
    };
    return { isOwned: this.isOwned, step };
  }
}

function create(role: 'client' | 'server', options: Partial<CompressionOptions> = {}) {
  const platform = new ManualPlatform();
  const engine = new FakeEngine();
  const compression = new Compression(platform, role, { engine, agreement: AGREEMENT, ...options });
  return { platform, engine, compression };
}
const ignore = (): void => {};

describe.each([
  ['client' as const, { windowBits: 9, noContextTakeover: true }, { windowBits: 11, noContextTakeover: false }],
  ['server' as const, { windowBits: 11, noContextTakeover: false }, { windowBits: 9, noContextTakeover: true }],
])('a %s', (role, sending, receiving) => {
  it('makes its contexts when they are first needed, with its own and its peer’s parameters', () => {
    const zlibDeflateOptions = { level: 3 };
    const zlibInflateOptions = { chunkSize: 1024 };
    const { engine, compression } = create(role, { zlibDeflateOptions, zlibInflateOptions });
    expect(engine.contexts).toEqual([]);
    for (let round = 0; round < 2; round++) compression.deflate(utf8('x'), true, ignore, ignore);
    expect(engine.contexts).toEqual([{ ...sending, zlib: zlibDeflateOptions }]);
    for (let round = 0; round < 2; round++) compression.inflate(utf8('x'), 0, ignore, ignore);
    expect(engine.contexts.slice(1)).toEqual([{ ...receiving, zlib: zlibInflateOptions }]);
  });

  it('compresses from the threshold on when it starts afresh, else always', () => {
    const afresh = { ...AGREEMENT, serverNoContextTakeover: true };
    const kept = { ...AGREEMENT, clientNoContextTakeover: false };
    const worth = (options: Partial<CompressionOptions>, lengths: number[]): boolean[] =>
      lengths.map((length) => create(role, options).compression.isWorthwhile(length));
    expect(worth({ agreement: afresh }, [0, 1023, 1024])).toEqual([false, false, true]);
    expect(worth({ agreement: afresh, threshold: 10 }, [9, 10])).toEqual([false, true]);
    expect(worth({ agreement: afresh, threshold: 0 }, [0])).toEqual([true]);
    expect(worth({ agreement: kept, threshold: 10 }, [0, 9])).toEqual([true, true]);
  });

  it('hands over at once what takes one turn, and says whose it is', () => {
    const { platform, engine, compression } = create(role);
    const seen: [number, boolean][] = [];
    const done = (bytes: Uint8Array, isOwned: boolean): void => void seen.push([bytes.length, isOwned]);
    expect(compression.deflate(pattern(3), false, done, ignore)).toBe(true);
    engine.isOwned = true;
    expect(compression.inflate(pattern(4), 77, done, ignore)).toBe(true);
    expect(seen).toEqual([
      [3, false],
      [4, true],
    ]);
    expect(engine.log).toEqual(['deflate 3 false', 'step', 'inflate 4 77', 'step']);
    expect(platform.runTurn()).toBe(false);
  });

  it('takes one step a turn for what is long', () => {
    const { platform, engine, compression } = create(role);
    engine.turns = 3;
    const seen: string[] = [];
    expect(compression.deflate(pattern(3), true, () => seen.push('deflated'), ignore)).toBe(false);
    expect(compression.inflate(pattern(3), 0, () => seen.push('inflated'), ignore)).toBe(false);
    const steps = (): number => engine.log.filter((entry) => entry === 'step').length;
    const counts = [steps()];
    while (platform.runTurn()) counts.push(steps());
    // The last turn only ends the one before.
    expect(counts).toEqual([2, 3, 4, 5, 6, 6]);
    expect(seen).toEqual(['deflated', 'inflated']);
  });

  it.each([1, 3])('passes on what is wrong with a message, in turn %i', (turns) => {
    const { platform, engine, compression } = create(role);
    engine.turns = turns;
    engine.failure = new InflateError({ message: 'invalid block type', isTooLong: false, code: 'Z_DATA_ERROR' });
    const errors: unknown[] = [];
    const isDone = compression.inflate(
      pattern(3),
      0,
      () => errors.push('done'),
      (error) => errors.push(error),
    );
    expect(isDone).toBe(turns === 1);
    while (platform.runTurn()) expect(platform.uncaught).toEqual([]);
    expect(errors).toEqual([engine.failure]);
  });

  it('frees its contexts once, and drops what is under way', () => {
    const { platform, engine, compression } = create(role);
    engine.turns = 2;
    compression.deflate(pattern(3), true, () => expect.unreachable(), ignore);
    compression.inflate(
      pattern(3),
      0,
      () => expect.unreachable(),
      () => expect.unreachable(),
    );
    engine.log.length = 0;
    compression.close();
    compression.close();
    while (platform.runTurn());
    expect(engine.log).toEqual(['close deflator', 'close inflator']);
    expect(platform.uncaught).toEqual([]);
  });

  it('reports a context that cannot be made, and a job that cannot begin, as a failure', () => {
    const noMemory = new RangeError('Array buffer allocation failed');
    const throws = (): never => {
      throw noMemory;
    };
    const { compression: withoutContexts } = create(role, { engine: { createDeflator: throws, createInflator: throws } });
    const close = (): void => {};
    const { compression: withoutJobs } = create(role, {
      engine: {
        createDeflator: () => ({ deflate: throws, sharedWindow: null, takeWindow: throws, adoptWindow: throws, close }),
        createInflator: () => ({ inflate: throws, close }),
      },
    });
    for (const compression of [withoutContexts, withoutJobs]) {
      const errors: unknown[] = [];
      expect(
        compression.deflate(
          utf8('x'),
          true,
          () => expect.unreachable(),
          (error) => errors.push(error),
        ),
      ).toBe(true);
      expect(
        compression.inflate(
          utf8('x'),
          0,
          () => expect.unreachable(),
          (error) => errors.push(error),
        ),
      ).toBe(true);
      expect(errors).toEqual([noMemory, noMemory]);
      compression.close();
    }
  });

  it('makes no context after it is closed', () => {
    const { engine, compression } = create(role);
    compression.close();
    expect(compression.deflate(pattern(3), true, () => expect.unreachable(), ignore)).toBe(false);
    expect(
      compression.inflate(
        pattern(3),
        0,
        () => expect.unreachable(),
        () => expect.unreachable(),
      ),
    ).toBe(false);
    expect(engine.contexts).toEqual([]);
    expect(engine.log).toEqual([]);
  });

  it('may be closed by who takes a result', () => {
    const { platform, engine, compression } = create(role);
    for (const turns of [1, 2]) {
      engine.turns = turns;
      compression.inflate(pattern(3), 0, () => compression.close(), ignore);
      while (platform.runTurn());
    }
    expect(engine.log.filter((entry) => entry.startsWith('close'))).toEqual(['close inflator']);
    expect(platform.uncaught).toEqual([]);
  });

  it('lets a listener’s exception through, and goes on', () => {
    const { compression } = create(role);
    const fail = (): never => {
      throw new RangeError('listener');
    };
    expect(() => compression.inflate(pattern(3), 0, fail, () => expect.unreachable())).toThrow('listener');
    expect(compression.inflate(pattern(3), 0, ignore, ignore)).toBe(true);
  });
});

it('counts what an engine takes to begin a message, so that a turn has few of them', () => {
  const { platform, engine } = create('server');
  const costly = Object.assign(engine, { inflateCost: 65_536 });
  const told: number[] = [];
  for (let index = 0; index < 5; index++) {
    const compression = new Compression(platform, 'server', { engine: costly, agreement: AGREEMENT });
    compression.inflate(utf8('x'), 0, () => told.push(index), ignore);
  }
  // Half a MiB of work each, and a MiB a turn.
  expect(told).toEqual([0, 1]);
  platform.runTurn();
  expect(told).toEqual([0, 1, 2, 3]);
});

it('uses no dictionary where it starts afresh and the peer does not know it', () => {
  const dictionary = pattern(100);
  const agreement = { ...AGREEMENT, clientNoContextTakeover: false };
  const given = { windowBits: 0, zlibDeflateOptions: { dictionary, level: 3 }, agreement };
  const { engine, compression } = create('server', given);
  compression.deflate(utf8('x'), true, ignore, ignore);
  const agreed = create('server', { ...given, agreement: { ...agreement, serverNoContextTakeover: true } });
  agreed.compression.deflate(utf8('x'), true, ignore, ignore);
  expect([...engine.contexts, ...agreed.engine.contexts].map(({ zlib: options }) => options)).toEqual([
    { dictionary: undefined, level: 3 },
    { dictionary, level: 3 },
  ]);
});

describe('two ends', () => {
  it('understand each other over zlib, in both directions at once and over many turns', () => {
    const platform = new ManualPlatform();
    const engine = createZlibEngine(zlib);
    const client = new Compression(platform, 'client', { engine, agreement: AGREEMENT });
    const server = new Compression(platform, 'server', { engine, agreement: AGREEMENT });
    const messages = [utf8('Hello'), hex(''), pattern(400_000), utf8('Hello'), pattern(400_000)];
    const transfer = (sender: Compression, receiver: Compression, seen: Uint8Array[], index: number): void => {
      if (index === messages.length) return;
      sender.deflate(
        messages[index],
        true,
        (packed) => {
          receiver.inflate(
            packed.slice(),
            400_000,
            (bytes) => {
              seen.push(bytes.slice());
              transfer(sender, receiver, seen, index + 1);
            },
            (error) => expect.unreachable(String(error)),
          );
        },
        ignore,
      );
    };
    const up: Uint8Array[] = [];
    const down: Uint8Array[] = [];
    transfer(client, server, up, 0);
    transfer(server, client, down, 0);
    let turns = 0;
    while (platform.runTurn()) turns++;
    expect(turns).toBeGreaterThan(10);
    expect(platform.uncaught).toEqual([]);
    for (const seen of [up, down]) messages.forEach((message, index) => expectBytes(seen[index], message));
    client.close();
    server.close();
  });
});
