import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { platform } from '../../../../adapters/edge/platform.ts';
import { sharedCodec } from '../../../../src/codec/load.ts';

// Node.js imports no WebAssembly modules: the codec is the embedded one here.
vi.mock('../../../../adapters/edge/codec.ts', async () => {
  const { sharedCodec: edgeCodec } = await import('../../../../src/codec/load.ts');
  return { edgeCodec };
});

describe('strings', () => {
  test('count as many bytes as their UTF-8 has, lone surrogates included', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const text = String.fromCharCode(...units);
        expect(platform.byteLength(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
    expect(platform.byteLength('aä€👋\ud800')).toBe(1 + 2 + 3 + 4 + 3);
  });

  test('are written at an offset, and read back with their byte order mark', () => {
    const bytes = new Uint8Array(12);
    expect(platform.writeText('\ufeffä👋', bytes, 2)).toBe(9);
    expect(platform.decodeText(bytes, 2, 11, false)).toBe('\ufeffä👋');
    expect([bytes[0], bytes[1], bytes[11]]).toEqual([0, 0, 0]);
  });
});

describe('bytes', () => {
  test('are copied, not shared', () => {
    const source = Uint8Array.of(1, 2, 3, 4);
    const copy = platform.copy(source, 1, 3);
    source.fill(9);
    expect(copy).toEqual(Uint8Array.of(2, 3));
    // The slice() of a Buffer makes a view.
    const buffer = Buffer.from([1, 2, 3, 4]);
    const copied = platform.copy(buffer, 1, 3);
    buffer.fill(9);
    expect([...copied]).toEqual([2, 3]);
    expect(platform.allocate(5)).toHaveLength(5);
  });

  test('come from the memory of the codec', () => {
    const { memory } = sharedCodec();
    const address = sharedCodec().input.byteOffset;
    memory.set([7, 8, 9], address);
    expect(platform.codec).toBe(sharedCodec());
    expect(platform.copyMessage(memory, address, address + 3)).toEqual(Uint8Array.of(7, 8, 9));
    const view = platform.view(platform.codec.region, address, 3);
    memory[address] = 1;
    expect(view).toEqual(Uint8Array.of(1, 8, 9));
  });
});

describe('masking keys', () => {
  test('differ, over more than one draw', () => {
    const keys = new Set(Array.from({ length: 1000 }, () => platform.maskingKey()));
    expect(keys.size).toBeGreaterThan(990);
    expect([...keys].every((key) => Number.isInteger(key) && Math.abs(key) <= 2 ** 31)).toBe(true);
  });
});

describe('tasks', () => {
  test('run at the end of the turn, in a later turn, after a time, or not at all', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      platform.clearTimer(platform.setTimer(() => order.push('cleared'), 0));
      platform.setTimer(() => {
        order.push('timer');
        resolve();
      }, 20);
      platform.nextTurn(() => order.push('turn'));
      platform.defer(() => order.push('deferred'));
      order.push('now');
    });
    expect(order).toEqual(['now', 'deferred', 'turn', 'timer']);
  });
});
