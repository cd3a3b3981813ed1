// Declares the exchanges of our classes with other WebSockets at each window of permessage-deflate.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import {
  mismatches,
  parametersOf,
  WINDOW_SETTINGS,
  windowOptions,
  type EchoSocket,
  type WindowSetting,
} from './window-matrix.ts';

type Deflate = ReturnType<typeof windowOptions> & { engine?: 'wasm' | 'zlib' };
type Classes = Pick<typeof NodeWs, 'WebSocket' | 'WebSocketServer'>;

/** Connects a client of another library. It may ignore the options. */
type Connect = (url: string, perMessageDeflate: Deflate) => unknown;
/** An echo server. */
export interface Echo {
  readonly url: string;
  /** The elements of the Sec-WebSocket-Extensions that it has sent; undefined where it does not tell. */
  agreed?(): string[];
  /** Its answer, if that does not agree to each parameter; in alphabetical order, empty without compression. */
  readonly answer?: readonly string[];
}

/** Starts an echo over a server class with the API of ws, until the test ends. */
export async function startEcho(
  Server: Classes['WebSocketServer'],
  perMessageDeflate: Deflate,
): Promise<Echo & { agreed(): string[] }> {
  const server = new Server({ port: 0, host: '127.0.0.1', perMessageDeflate });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data as Buffer, { binary: isBinary })));
  let agreement: string | undefined;
  server.on('headers', (lines: string[]) => {
    agreement = lines.find((line) => /^sec-websocket-extensions: /i.test(line));
  });
  await once(server as never, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, agreed: () => agreement?.split(/: |; /).slice(1).sort() ?? [] };
}

/** Declares the tests of `ours` with the `clients` and `servers` of others. */
export function describeWindowPairs(
  ours: Classes,
  clients: readonly (readonly [name: string, connect: Connect])[],
  servers: readonly (readonly [name: string, start: (setting: WindowSetting) => Echo | Promise<Echo>])[],
): void {
  describe.each(WINDOW_SETTINGS)('$name', (setting) => {
    const options = windowOptions(setting);
    const agreement = ['permessage-deflate', ...parametersOf(setting)].sort();

    describe.each(['wasm', 'zlib'] as const)('engine %s', (engine) => {
      test.each(clients)('our server and the client of %s', async (_name, connect) => {
        const { url, agreed } = await startEcho(ours.WebSocketServer, { ...options, engine });
        expect(await mismatches(connect(url, options) as EchoSocket)).toEqual([]);
        expect(agreed()).toEqual(agreement);
      });

      test.each(servers)('our client and the server of %s', async (_name, start) => {
        const { url, agreed, answer: expected = agreement } = await start(setting);
        const client = new ours.WebSocket(url, { perMessageDeflate: { ...options, engine } });
        let answer: string[] = [];
        client.on('upgrade', ({ headers }: { headers: Record<string, string> }) => {
          answer = headers['sec-websocket-extensions']?.split('; ').sort() ?? [];
        });
        expect(await mismatches(client as unknown as EchoSocket)).toEqual([]);
        expect(answer).toEqual(expected);
        if (agreed) expect(agreed()).toEqual(agreement);
      });
    });
  });
}
