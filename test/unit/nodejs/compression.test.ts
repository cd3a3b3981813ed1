import { afterEach, expect, test, vi } from 'vitest';
import { deflateEngine } from '../../../src/nodejs/deflate-engine.ts';

afterEach(() => vi.unstubAllGlobals());

test('messages are compressed by zlib where the runtime allows no WebAssembly', () => {
  vi.stubGlobal('WebAssembly', undefined);
  const engine = deflateEngine();
  const options = { windowBits: 15, noContextTakeover: false };
  const deflator = engine.createDeflator(options);
  const inflator = engine.createInflator(options);
  const compressed = deflator.deflate(Buffer.from('squeezed '.repeat(20)), true).step()!;
  expect(compressed.length).toBeLessThan(40);
  expect(Buffer.from(inflator.inflate(Buffer.from(compressed), 0).step()!).toString()).toBe('squeezed '.repeat(20));
  deflator.close();
  inflator.close();
});
