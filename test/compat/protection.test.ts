// Options that protect a server of the main entry point are no options of the older APIs: giving one is an error, not a protection that fails in silence.

import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createProxy } from '../../adapters/node/proxy.ts';
import { ADMISSION_OPTIONS } from '../../src/admission/options.ts';
import { Server as ClassicServer, WebSocket as ClassicWebSocket } from '../../src/compat/classic/index.ts';
import { Socket as FibjsSocket, upgrade } from '../../src/compat/fibjs/index.ts';
import { WebSocketServer as JshServer } from '../../src/compat/jsh/index.ts';
import { client as WebSocketNodeClient, server as WebSocketNodeServer } from '../../src/compat/websocket-node/index.ts';

const FACADES: Readonly<Record<string, (options: object) => unknown>> = {
  classic: (options) => new ClassicServer({ noServer: true, ...options }),
  fibjs: (options) => upgrade(options, () => {}),
  jsh: (options) => new JshServer({ server: createServer(), ...options }),
  websocket: (options) => new WebSocketNodeServer({ httpServer: createServer(), ...options }),
};

describe.each(Object.entries(FACADES))('%s', (_, start) => {
  test.each([...ADMISSION_OPTIONS, 'allowedOrigins'])('%s is a TypeError that says what to do', (name) => {
    const make = (): unknown => start({ [name]: 1 });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(`no "${name}" option: use WebSocketServer of the main entry point`);
  });

  test('borrowMessages is one as well', () => {
    for (const borrowMessages of [true, 'checked']) {
      expect(() => start({ borrowMessages })).toThrow('Older APIs have no "borrowMessages" option');
    }
    start({ borrowMessages: false });
  });

  test('options that are null or inherited count as left out', () => {
    start({ maxConnections: null, trustProxy: undefined });
    start({ __proto__: { maxConnections: 1 } });
  });
});

test.each<[string, (options: object) => unknown]>([
  ['classic', (options) => new ClassicWebSocket('ws://127.0.0.1:1', options)],
  ['fibjs', (options) => new FibjsSocket('ws://127.0.0.1:1', options)],
  ['websocket', (options) => new WebSocketNodeClient(options)],
])('borrowMessages and proxy of a client: %s', (_, start) => {
  expect(() => start({ borrowMessages: true })).toThrow('Older APIs have no "borrowMessages" option');
  expect(() => start({ proxy: createProxy('http://127.0.0.1:1') })).toThrow('Older APIs have no "proxy" option');
});
