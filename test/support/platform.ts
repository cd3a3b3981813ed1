// A platform without a clock of its own: deferred tasks and timers run when a test says so, keys are known, allocations are counted.

import { Codec, type Kernel } from '../../src/codec/codec.ts';
import { createBlocks } from '../../src/protocol/blocks.ts';
import { createSlabs } from '../../src/protocol/outbox.ts';
import { createTurn } from '../../src/protocol/turn.ts';
import { loadKernel } from '../../src/codec/load.ts';
import { ConnectionMemory } from '../../src/nodejs/message-memory.ts';
import {
  LONGEST_STRING,
  type Blocks,
  type Platform,
  type Region,
  type SendCallback,
  type Timer,
  type Turn,
} from '../../src/platform.ts';

interface ManualTimer {
  readonly task: () => void;
  readonly due: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

export class ManualPlatform implements Platform {
  readonly codec: Codec;
  /** Lengths given to {@link allocate}, in order. */
  readonly allocations: number[] = [];
  /** Exceptions of deferred tasks: on a real platform, uncaught exceptions. */
  readonly uncaught: unknown[] = [];
  /** How often {@link defer} was called. */
  deferrals: number = 0;
  /** Masking keys that were given out. */
  readonly keys: number[] = [];
  #deferred: (() => void)[] = [];
  readonly #turns: (() => void)[] = [];
  readonly #timers: Set<ManualTimer> = new Set();
  #now = 0;
  #key = 0x37fa213d;

  readonly slab: (length: number) => Region = createSlabs((length) => this.allocate(length));

  readonly blocks: Blocks = createBlocks((length) => this.allocate(length), 128);

  constructor(kernel: Kernel = loadKernel()) {
    this.codec = new Codec(kernel);
  }

  allocate(length: number): Uint8Array {
    this.allocations.push(length);
    // Not zeros: memory that was not written must not look like expected bytes.
    return new Uint8Array(length).fill(0xdb);
  }

  copy(source: Uint8Array, start: number, end: number): Uint8Array {
    // `slice` of a Buffer would not copy.
    return new Uint8Array(source.subarray(start, end));
  }

  copyMessage(source: Uint8Array, start: number, end: number): Uint8Array {
    return new Uint8Array(source.subarray(start, end));
  }

  view({ bytes }: Region, start: number, length: number): Uint8Array {
    return bytes.subarray(start, start + length);
  }

  borrowMemory(mode: true | 'checked'): ConnectionMemory {
    return new ConnectionMemory(mode === 'checked');
  }

  /** To be lowered, because no test fills half a GiB. */
  longestText: number = LONGEST_STRING;

  decodeText(source: Uint8Array, start: number, end: number): string {
    return decoder.decode(source.subarray(start, end));
  }

  byteLength(text: string): number {
    return encoder.encode(text).length;
  }

  writeText(text: string, target: Uint8Array, offset: number): number {
    return encoder.encodeInto(text, target.subarray(offset)).written;
  }

  /** A new key a call, the same ones every time. */
  maskingKey(): number {
    this.#key = (Math.imul(this.#key, 1664525) + 1013904223) | 0;
    this.keys.push(this.#key);
    return this.#key;
  }

  bind(callback: SendCallback): SendCallback {
    return callback;
  }

  defer(task: () => void): void {
    this.deferrals++;
    this.#deferred.push(task);
  }

  readonly turn: Turn = createTurn((task) => this.nextTurn(task));

  nextTurn(task: () => unknown): void {
    this.#turns.push(task);
  }

  setTimer(task: () => void, milliseconds: number): Timer {
    const timer: ManualTimer = { task, due: this.#now + milliseconds };
    this.#timers.add(timer);
    return timer;
  }

  ownTimer(task: () => void, milliseconds: number): Timer {
    return this.setTimer(task, milliseconds);
  }

  elapsed(): number {
    return performance.now();
  }

  clearTimer(timer: Timer): void {
    this.#timers.delete(timer as ManualTimer);
  }

  /** Milliseconds until each running timer, the first one first. */
  get timers(): number[] {
    return [...this.#timers].map(({ due }) => due - this.#now).sort((one, other) => one - other);
  }

  /** Runs a task as the runtime would: its exceptions are uncaught. */
  attempt(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.uncaught.push(error);
    }
  }

  /** Ends the turn: runs deferred tasks, and the tasks that they defer. @returns Whether there was one. */
  runDeferred(): boolean {
    const hadTasks = this.#deferred.length > 0;
    while (this.#deferred.length > 0) {
      const tasks = this.#deferred;
      this.#deferred = [];
      for (const task of tasks) this.attempt(task);
    }
    return hadTasks;
  }

  /** Begins another turn: runs one task of {@link nextTurn}, and the tasks that it defers. @returns Whether there was one. */
  runTurn(): boolean {
    const task = this.#turns.shift();
    if (task === undefined) return false;
    this.defer(task);
    this.deferrals--;
    return this.runDeferred();
  }

  /** Lets time pass. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of this.#timers) {
      if (timer.due > this.#now || !this.#timers.delete(timer)) continue;
      timer.task();
    }
    this.runDeferred();
  }
}
