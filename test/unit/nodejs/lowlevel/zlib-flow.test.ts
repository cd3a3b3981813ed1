import { createDeflateRaw, createInflateRaw } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ZlibFlow } from '../../../../src/nodejs/lowlevel/zlib-flow.ts';
import { hex, toHex } from '../../../support/frames.ts';
import { sleep } from '../../../support/sleep.ts';

function run(flow: ZlibFlow, ...parts: Uint8Array[]): Promise<string> {
  return new Promise((resolve, reject) => {
    flow.run(parts, (error, output) => (error === null ? resolve(toHex(output!)) : reject(error)));
  });
}

const HELLO = hex('ca48cdc9c907000000ffff');

describe('ZlibFlow', () => {
  test('flushes after each job, and keeps the context', async () => {
    const flow = new ZlibFlow(createDeflateRaw(), 0);
    expect(await run(flow, Buffer.from('hello'))).toBe('ca 48 cd c9 c9 07 00 00 00 ff ff');
    expect(await run(flow, Buffer.from('hello'))).toBe('ca 00 11 00 00 00 00 ff ff');
    flow.reset();
    expect(await run(flow, Buffer.from('hel'), Buffer.from('lo'))).toBe('ca 48 cd c9 c9 07 00 00 00 ff ff');
    flow.close();
  });

  test('inflates a stream in any pieces', async () => {
    const flow = new ZlibFlow(createInflateRaw(), 0);
    const parts = [await run(flow, HELLO.subarray(0, 4)), await run(flow, HELLO.subarray(4, 6), HELLO.subarray(6))];
    expect(parts.join(' ').trim()).toBe('68 65 6c 6c 6f');
    expect(flow.isOver).toBe(false);
    flow.close();
  });

  test('is over at the end of a stream', async () => {
    const flow = new ZlibFlow(createInflateRaw(), 0);
    expect(await run(flow, hex('cb48cdc9c907000000ffff'))).toBe('68 65 6c 6c 6f');
    expect(flow.isOver).toBe(true);
  });

  test('is over at what is no stream', async () => {
    const flow = new ZlibFlow(createInflateRaw(), 0);
    await expect(run(flow, hex('ffff'))).rejects.toMatchObject({ code: 'Z_DATA_ERROR' });
    expect(flow.isOver).toBe(true);
  });

  test('keeps to its limit, job by job', async () => {
    const flow = new ZlibFlow(createInflateRaw(), 5);
    expect(await run(flow, HELLO)).toBe('68 65 6c 6c 6f');
    expect(await run(flow, HELLO)).toBe('68 65 6c 6c 6f');
    await expect(run(flow, HELLO, HELLO)).rejects.toMatchObject({ isTooLong: true });
    expect(flow.isOver).toBe(true);
  });

  test('gives memory that holds the output and nothing else', async () => {
    const flow = new ZlibFlow(createInflateRaw(), 0);
    const output = await new Promise<Buffer>((resolve) => flow.run([HELLO], (_error, bytes) => resolve(bytes!)));
    expect(output.buffer.byteLength).toBe(5);
  });

  test('drops the job under way when it is closed', async () => {
    const flow = new ZlibFlow(createInflateRaw(), 0);
    let calls = 0;
    flow.run([HELLO], () => calls++);
    flow.close();
    await sleep(10);
    expect([calls, flow.isOver]).toEqual([0, true]);
  });
});
