import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from '../../../adapters/node/index.ts';
import { bundle } from '../../support/mini-runner/bundle.ts';
import { hasChromium, startChromium } from '../../support/mini-runner/chromium.ts';

describe.runIf(hasChromium)('wasock/reconnecting in a page', () => {
  test('comes back when the browser is online, and when the page is shown', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (ws) => {
      ws.on('message', (data: Buffer) => (data.toString() === 'end this' ? ws.terminate() : ws.send(data.toString())));
    });
    await once(server, 'listening');
    onTestFinished(() => server.close());
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const program = await bundle('test/adapters/browser/reconnecting.program.ts', { format: 'iife', platform: 'browser' });
    expect(program).not.toContain('node:');
    const browser = await startChromium();
    try {
      const page = await browser.newPage();
      await page.evaluate(program);
      expect(await page.evaluate(`program.comeBack('${url}')`)).toEqual([
        'open chat',
        'close 1006 true',
        'offline 0',
        'open chat',
        'message waits',
        'close 3000 false',
      ]);
      expect(await page.evaluate(`program.comeBackWhenShown('${url}')`)).toBe(1);
      expect(await page.evaluate(`program.tryOffline('${url}')`)).toBe(1);
      expect(await page.evaluate('program.refusals()')).toEqual([
        expect.stringContaining('A native WebSocket takes no headers: pass a token as a subprotocol'),
        expect.stringContaining('A native WebSocket takes no maxPayload'),
        expect.stringContaining('The "heartbeat" option needs a "message" here'),
      ]);
    } finally {
      await browser.close();
    }
  });
});
