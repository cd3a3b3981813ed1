// permessage-deflate at each window between workerd and Node.js: our client in a worker, workerd's own client, and its own server.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer as WsServer } from 'ws';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { hasWorkerd, startWorker, type RunningWorker } from '../../support/mini-runner/workerd.ts';
import {
  mismatches,
  parametersOf,
  WINDOW_SETTINGS,
  windowOptions,
  type EchoSocket,
  type WindowSetting,
} from '../../support/window-matrix.ts';
import { startEcho } from '../../support/window-pairs.ts';

describe.runIf(hasWorkerd)('workerd', () => {
  let worker: RunningWorker;
  beforeAll(async () => {
    const code = await bundle('test/adapters/edge/compression.program.ts');
    worker = await startWorker({ files: { 'worker.js': code, ...moduleFiles() }, flags: ['nodejs_compat'] });
  });
  afterAll(() => worker.close());

  /** Lets the worker connect; our client if there is a setting. */
  async function connect(url: string, setting?: WindowSetting): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${worker.port}/`, {
      method: 'POST',
      body: JSON.stringify({ url, setting }),
    });
    return response.ok ? await response.json() : await response.text();
  }

  describe.each(WINDOW_SETTINGS)('$name', (setting) => {
    const agreement = ['permessage-deflate', ...parametersOf(setting)].sort();

    test.each([
      ['our server', WebSocketServer],
      ['the server of ws', WsServer as unknown as typeof WebSocketServer],
    ])('our client there and %s', async (_name, Server) => {
      const { url, agreed } = await startEcho(Server, windowOptions(setting));
      expect(await connect(url, setting)).toEqual([]);
      expect(agreed()).toEqual(agreement);
    });

    test('its own client and our server', async () => {
      const { url, agreed } = await startEcho(WebSocketServer, windowOptions(setting));
      expect(await connect(url)).toEqual([]);
      expect(agreed()).toEqual(agreement);
    });

    test('our client and its own server', async () => {
      const client = new WebSocket(`ws://127.0.0.1:${worker.port}/`, { perMessageDeflate: windowOptions(setting) });
      expect(await mismatches(client as unknown as EchoSocket)).toEqual([]);
      expect(client.extensions).toBe('permessage-deflate');
    });
  });
});
