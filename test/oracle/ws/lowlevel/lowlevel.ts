// The low-level exports of both libraries, and programs that use them one after the other.

import { Duplex } from 'node:stream';
import zlib from 'node:zlib';
import * as oracle from 'ws';
import { expect } from 'vitest';
import * as lowlevel from '../../../../src/nodejs/lowlevel/index.ts';
import { concat, frame, type FrameOptions } from '../../../support/frames.ts';
import { show, sleep, until } from '../oracle.ts';
import { lendNodePlatform } from '../../../support/lowlevel.ts';

lendNodePlatform();

export type LowLevel = Pick<typeof lowlevel, 'Receiver' | 'Sender' | 'PerMessageDeflate'>;
export const ours: LowLevel = lowlevel;
export const theirs: LowLevel = oracle as unknown as LowLevel;

/** Checks that a program sees the same with both. */
export async function sameWithBoth(program: (library: LowLevel) => unknown): Promise<void> {
  const [expected, actual] = await Promise.all([program(theirs), program(ours)]);
  expect(actual).toEqual(expected);
}

/** Frames as the peer of a server, or of a client, sends them. */
export function framesFor(isServer: boolean, list: readonly FrameOptions[]): Buffer {
  const key = new Uint8Array([1, 2, 3, 4]);
  return Buffer.from(concat(...list.map((options) => frame(isServer ? { key, ...options } : options) as Uint8Array)));
}

/** Writes down every event of a receiver. */
export function recordReceiver(receiver: InstanceType<LowLevel['Receiver']>, log: unknown[] = []): unknown[] {
  for (const name of ['message', 'ping', 'pong', 'conclude', 'error', 'close', 'finish']) {
    receiver.on(name, (...values: unknown[]) => log.push([name, ...values.map(show)]));
  }
  return log;
}

/** Writes `chunks` to a receiver; what it emitted, the callbacks of the writes, and the state it ended in. */
export async function receive(
  receiver: InstanceType<LowLevel['Receiver']>,
  chunks: readonly (Uint8Array | string)[],
  milliseconds: number = 15,
): Promise<unknown[]> {
  const log = recordReceiver(receiver);
  let left = chunks.length;
  for (const [index, chunk] of chunks.entries()) {
    receiver.write(chunk, (error) => (left--, log.push([`callback ${index}`, show(error ?? null)])));
  }
  log.push('written');
  // zlib's threads take their time.
  await until(() => left === 0);
  await sleep(milliseconds);
  const { destroyed, writableEnded, writableFinished } = receiver;
  return [...log, { destroyed, writableEnded, writableFinished }];
}

/** A log without the callbacks of the writes. */
export function eventsOf(log: readonly unknown[]): unknown[] {
  return log.filter((entry) => !(Array.isArray(entry) && String(entry[0]).startsWith('callback')));
}

/** What a Sender writes to: takes everything at once and writes down in which calls. */
export class Sink extends Duplex {
  readonly log: unknown[] = [];
  readonly chunks: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#take(chunk);
    callback();
  }

  override _writev(chunks: { chunk: Buffer }[], callback: () => void): void {
    this.#take(Buffer.concat(chunks.map(({ chunk }) => chunk)));
    callback();
  }

  #take(bytes: Buffer): void {
    this.chunks.push(bytes);
    this.log.push(bytes.length > 64 ? `${bytes.subarray(0, 64).toString('hex')}… ${bytes.length}` : bytes.toString('hex'));
  }

  /** A callback that writes down what it is given. */
  note(name: string): (error?: Error | null) => void {
    return (error) => void this.log.push([name, show(error ?? null)]);
  }
}

const TAIL = Buffer.from('0000ffff', 'hex');

/**
 * Reads what one side has compressed, with zlib as the peer. The bytes are each library's own; what they mean is not.
 *
 * @returns Reads the next payload: its contents, and whether it ends with the four bytes of a flush (RFC 7692 section 7.2.1).
 */
export function readerOf(windowBits: number, resets: boolean): (payload: Uint8Array, fin: boolean) => [string, boolean] {
  let window = Buffer.alloc(0);
  return (payload, fin) => {
    const input = fin ? Buffer.concat([payload, TAIL]) : payload;
    const dictionary = window.length > 0 ? { dictionary: window } : {};
    const output = zlib.inflateRawSync(input, { windowBits, finishFlush: zlib.constants.Z_SYNC_FLUSH, ...dictionary });
    window = fin && resets ? Buffer.alloc(0) : Buffer.concat([window, output]).subarray(-(2 ** windowBits));
    return [output.toString('latin1'), Buffer.from(payload).subarray(-4).equals(TAIL)];
  };
}

/** The log of a {@link Sink} with the contents of compressed messages in place of their bytes. */
export function readLog(log: readonly unknown[], resets: boolean = false): unknown[] {
  const read = readerOf(15, resets);
  let isCompressed = false;
  return log.map((entry) => {
    if (typeof entry !== 'string' || !/^[0-9a-f]+$/.test(entry)) return entry;
    const bytes = Buffer.from(entry, 'hex');
    const opcode = bytes[0] & 0x0f;
    if (opcode === 1 || opcode === 2) isCompressed = (bytes[0] & 0x40) !== 0;
    if (opcode > 2 || !isCompressed) return entry;
    const isMasked = bytes[1] >= 0x80;
    const key = bytes.subarray(2, 6);
    const payload = isMasked ? bytes.subarray(6).map((byte, index) => byte ^ key[index % 4]) : bytes.subarray(2);
    expect(payload.length).toBe(bytes[1] & 0x7f);
    return [bytes[0], isMasked, read(payload, bytes[0] >= 0x80)];
  });
}
