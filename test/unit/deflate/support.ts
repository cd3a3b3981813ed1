// Messages, zlib's own streams as the oracle, and a zlib whose handles tell what they do.

import zlib from 'node:zlib';
import type { DeflateJob } from '../../../src/deflate/engine.ts';
import type { ZlibModule } from '../../../src/deflate/zlib-engine.ts';

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

interface SpiedStream {
  _handle: { writeSync(...parameters: unknown[]): void };
  _writeState: Uint32Array;
}

export interface ZlibSpy {
  readonly zlib: ZlibModule;
  /** Calls of `writeSync`. */
  writes: number;
  /** Bytes that `writeSync` has put out. */
  written: number;
  /** Calls of the public one-shot functions. */
  oneShots: number;
}

/** A zlib that counts. `onWrite` is called at each `writeSync`. */
export function spyOnZlib(onWrite: () => unknown = () => {}): ZlibSpy {
  const watch = <Stream>(stream: Stream): Stream => {
    const { _handle: handle, _writeState: state } = stream as unknown as SpiedStream;
    const original = handle.writeSync;
    handle.writeSync = (...parameters) => {
      spy.writes++;
      original.apply(handle, parameters);
      spy.written += (parameters[6] as number) - state[0];
      onWrite();
    };
    return stream;
  };
  const count = <Result>(result: Result): Result => {
    spy.oneShots++;
    return result;
  };
  const module = {
    ...zlib,
    createDeflateRaw: (options: zlib.ZlibOptions) => watch(zlib.createDeflateRaw(options)),
    createInflateRaw: (options: zlib.ZlibOptions) => watch(zlib.createInflateRaw(options)),
    deflateRawSync: (data: Uint8Array, options: zlib.ZlibOptions) => count(zlib.deflateRawSync(data, options)),
    inflateRawSync: (data: Uint8Array, options: zlib.ZlibOptions) => count(zlib.inflateRawSync(data, options)),
  };
  const spy: ZlibSpy = { zlib: module, writes: 0, written: 0, oneShots: 0 };
  return spy;
}
