// Messages, and zlib's own streams as the oracle.

import zlib from 'node:zlib';
import type { DeflateJob } from '../../../src/deflate/engine.ts';

/** Runs a job to its end. @returns A copy of its result. */
export function finish(job: DeflateJob): Uint8Array {
  for (;;) {
    const bytes = job.step();
    if (bytes !== null) return new Uint8Array(bytes);
  }
}

/** Bytes that cannot be compressed, the same ones every time. */
export function noise(length: number, seed: number = 0x2545f491): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state >>> 11;
  }
  return bytes;
}

const RECORDS = Buffer.from(
  Array.from({ length: 1000 }, (_, index) =>
    JSON.stringify({
      id: index,
      name: `user ${(index * 7919) % 997}`,
      mail: `u${(index * 31) % 997}@example.org`,
      on: index % 3 === 0,
    }),
  ).join(','),
);

/** JSON text of so many bytes. */
export function records(length: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(length, RECORDS));
}

/** Inflates messages in zlib's asynchronous stream. */
export async function unpack(
  messages: readonly Uint8Array[],
  windowBits: number,
  noContextTakeover: boolean,
): Promise<Buffer[]> {
  const stream = zlib.createInflateRaw({ windowBits });
  const failed = new Promise<never>((_resolve, reject) => {
    stream.on('error', reject);
  });
  let chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const results: Buffer[] = [];
  for (const message of messages) {
    chunks = [];
    stream.write(message);
    stream.write(new Uint8Array([0x00, 0x00, 0xff, 0xff]));
    await Promise.race([failed, new Promise<void>((resolve) => stream.flush(resolve))]);
    results.push(Buffer.concat(chunks));
    if (noContextTakeover) stream.reset();
  }
  stream.close();
  return results;
}
