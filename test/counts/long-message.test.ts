// How often the bytes of a long message are copied between the memory that a socket reads to, the program, and the memory that a socket
// writes from. Exact on every runtime.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { Connection } from '../../src/protocol/connection.ts';
import { MESSAGE_BORROWED, MESSAGE_OWNED, UNATTACHED, type Transport } from '../../src/platform.ts';
import { frame, hex, pattern } from '../support/frames.ts';
import { ManualPlatform } from '../support/platform.ts';

const KEY = hex('37 fa 21 3d');
const KIB = 1024;
const MIB = 1_048_576;

/** Bytes that were copied so far, but for the rests of messages behind the last full read, which are shorter than 32 bytes. */
let copied = 0;
afterEach(() => vi.restoreAllMocks());

/** A platform whose copies of messages are counted. All other long copies go through `set`. */
class CopyingPlatform extends ManualPlatform {
  override copyMessage = (source: Uint8Array, start: number, end: number): Uint8Array => {
    copied += end - start;
    return source.slice(start, end);
  };
}

interface Subject {
  /** Reads a message directly into the input arena, so many bytes a read. @returns How many bytes were copied for it. */
  read(payload: Uint8Array, bytesARead: number): number;
  /** The memory of the last message, as its listener got it. */
  readonly last: () => Uint8Array;
  readonly written: readonly Uint8Array[];
}

function create(borrowMessages: boolean, isEcho: boolean = false): Subject {
  const platform = new CopyingPlatform();
  const written: Uint8Array[] = [];
  const transport: Transport = {
    start() {},
    write(chunks) {
      written.push(...chunks);
      return true;
    },
    end() {},
    destroy() {},
    pause() {},
    resume() {},
  };
  const connection = new Connection(platform, transport, { role: 'server', borrowMessages });
  let last = new Uint8Array(0);
  connection.attach({
    ...UNATTACHED,
    onMessage(source, start, end, kind) {
      const isOurs = (kind & (MESSAGE_OWNED | MESSAGE_BORROWED)) !== 0;
      last = (isOurs ? source.subarray(start, end) : connection.copyMessage(source, start, end)) as typeof last;
      if (isEcho) connection.sendBytes(last, false);
    },
  });
  connection.start();
  platform.runDeferred();
  return {
    read(payload, bytesARead) {
      const bytes = frame({ opcode: 2, payload, key: KEY });
      const before = copied;
      const spy = vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, source, at = 0) {
        if (source.length >= KIB) copied += source.length;
        for (let index = 0; index < source.length; index++) this[at + index] = source[index];
      });
      for (let at = 0; at < bytes.length; at += bytesARead) {
        const piece = bytes.subarray(at, at + bytesARead);
        platform.codec.memory
          .subarray(platform.codec.input.byteOffset)
          .subarray(0, piece.length)
          .forEach((_, index, target) => {
            target[index] = piece[index];
          });
        connection.receiveInput(piece.length);
        platform.runDeferred();
      }
      spy.mockRestore();
      return copied - before;
    },
    last: () => last,
    written,
  };
}

function expectOnce(bytes: number, length: number): void {
  expect(bytes).toBeLessThanOrEqual(length);
  expect(bytes).toBeGreaterThan(length - 32);
}

describe.each([
  ['64 KiB in one read', 64 * KIB, 128 * KIB],
  ['64 KiB in two reads', 64 * KIB, 64 * KIB],
  ['1 MiB in reads of 256 KiB', MIB, 256 * KIB],
])('%s', (_, length, bytesARead) => {
  test('is copied once on its way to the program', () => {
    const subject = create(false);
    expectOnce(subject.read(pattern(length), bytesARead), length);
    expect(Buffer.compare(subject.last(), pattern(length))).toBe(0);
  });

  test('is copied once where it is borrowed, to the same memory each time, and is written from there', () => {
    const subject = create(true, true);
    expectOnce(subject.read(pattern(length, 1), bytesARead), length);
    const { buffer } = subject.last();
    expectOnce(subject.read(pattern(length, 2), bytesARead), length);
    expect(subject.last().buffer).toBe(buffer);
    expect(subject.written.map((chunk) => chunk.buffer === buffer)).toEqual([true, true]);
    expect(Buffer.compare(subject.written[1], frame({ opcode: 2, payload: pattern(length, 2) }))).toBe(0);
  });
});

test('1 MiB in reads of 64 KiB: bytes from before the header may be believed are copied twice, borrowed ones once', () => {
  // A header alone allocates nothing, so a quarter of the message is kept elsewhere first.
  expect(create(false).read(pattern(MIB), 64 * KIB)).toBeLessThanOrEqual(MIB * 1.25);
  const subject = create(true);
  subject.read(pattern(MIB, 1), 64 * KIB);
  expectOnce(subject.read(pattern(MIB, 2), 64 * KIB), MIB);
  expect(Buffer.compare(subject.last(), pattern(MIB, 2))).toBe(0);
});
