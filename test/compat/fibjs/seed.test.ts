// The code of fibjs's documentation of `ws`, changed only where Node.js forces it: its HTTP server takes no table of paths.

import { createServer } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as imported from '../../../src/compat/fibjs/index.ts';
import { listen, until } from '../../support/sockets.ts';

// var ws = require('ws')
const ws = imported.default;

test('module has Message, Socket, upgrade and the constants, by every way of loading it', () => {
  const names = ['Message', 'Socket', 'upgrade', 'route', 'createFibjs', 'nodeBinding', 'TruncatedMessageError'];
  const constants = {
    CONTINUE: 0,
    TEXT: 1,
    BINARY: 2,
    CLOSE: 8,
    PING: 9,
    PONG: 10,
    CONNECTING: 0,
    OPEN: 1,
    CLOSING: 2,
    CLOSED: 3,
  };
  expect(ws).toMatchObject(constants);
  expect(imported).toMatchObject(constants);
  for (const name of names) {
    expect((ws as unknown as Record<string, unknown>)[name]).toBe((imported as Record<string, unknown>)[name]);
  }
  expect(imported.default).toBe(ws);
  expect(new Set(Object.keys(ws))).toEqual(new Set([...names, ...Object.keys(constants)]));
});

describe('the samples', () => {
  test('server prints what the client sends, and the client what the server does', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    onTestFinished(() => log.mockRestore());

    // Create a server
    const svr = createServer().on(
      'upgrade',
      ws.route({
        '/ws': ws.upgrade((conn, _req) => {
          conn.onmessage = (e) => console.log(e.data);
          conn.send('from the server');
        }),
      }),
    );
    const port = await listen(svr);
    onTestFinished(() => void svr.close());

    // use WebSocket Client
    const conn = new ws.Socket(`ws://127.0.0.1:${port}/ws`);
    conn.onmessage = (e) => console.log(e.data);

    conn.onopen = () => conn.send('from the client');
    await until('both messages', () => log.mock.calls.length === 2);
    expect(new Set(log.mock.calls.flat())).toEqual(new Set(['from the client', 'from the server']));
    conn.close();
    await until('the end', () => conn.readyState === ws.CLOSED);
  });

  test('upgrade takes the options of the documentation', async () => {
    const svr = createServer().on(
      'upgrade',
      ws.upgrade({ perMessageDeflate: false, maxPayload: 67108864 }, (conn) => {
        conn.onmessage = (e) => conn.send(e.data);
      }),
    );
    const port = await listen(svr);
    onTestFinished(() => void svr.close());
    const conn = new ws.Socket(`ws://127.0.0.1:${port}/ws`);
    const heard: unknown[] = [];
    conn.onopen = () => conn.send('Hello');
    conn.onmessage = ({ data, type }) => {
      heard.push(data, type === ws.TEXT);
      conn.close();
    };
    await until('the end', () => conn.readyState === ws.CLOSED);
    expect(heard).toEqual(['Hello', true]);
  });
});
