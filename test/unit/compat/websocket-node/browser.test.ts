import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

class Native {
  static readonly OPEN = 1;
  readonly values: unknown[];
  constructor(...values: unknown[]) {
    this.values = values;
  }
}

async function load(native: unknown): Promise<typeof import('../../../../src/compat/websocket-node/browser.ts')> {
  vi.stubGlobal('WebSocket', native);
  return import('../../../../src/compat/websocket-node/browser.ts');
}

describe('browser build', () => {
  beforeEach(() => void vi.resetModules());
  afterEach(() => void vi.unstubAllGlobals());

  test('has the WebSocket of the browser', async () => {
    const { w3cwebsocket } = await load(Native);
    const Class = w3cwebsocket as unknown as new (...values: unknown[]) => Native;
    expect(new Class('ws://x')).toBeInstanceOf(Native);
    expect(new Class('ws://x', 'a').values).toEqual(['ws://x', 'a']);
    expect(new Class('ws://x', [], 'http://o', {}).values).toEqual(['ws://x', []]);
    expect(w3cwebsocket!.OPEN).toBe(1);
  });

  test.each([[null], [undefined], ['']])('takes %j for no subprotocols', async (protocols) => {
    const { w3cwebsocket } = await load(Native);
    const Class = w3cwebsocket as unknown as new (...values: unknown[]) => Native;
    expect(new Class('ws://x', protocols).values).toEqual(['ws://x']);
  });

  test('has none where the platform has none', async () => {
    const { w3cwebsocket, default: all } = await load(undefined);
    expect(w3cwebsocket).toBeNull();
    expect(all.w3cwebsocket).toBeNull();
  });
});
