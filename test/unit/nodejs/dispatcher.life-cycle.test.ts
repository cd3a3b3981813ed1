// A handshake through a dispatcher that is given up or taken over by the program, and the option itself.

import type { ClientRequest } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from '../../../adapters/node/index.ts';
import { WebSocket as W3C } from '../../../adapters/node/w3c.ts';
import { parseAddress } from '../../../src/api/address.ts';
import { checkDispatcher, type Dispatcher } from '../../../src/nodejs/dispatcher.ts';
import { until, within } from '../../support/sockets.ts';
import { accept, agent, linesOf, rawServer, sameOnAllRoads, story } from './roads.ts';

describe('giving up', () => {
  test('handshakeTimeout ends a handshake without an answer', () =>
    sameOnAllRoads(async (road) => {
      const { port, peers } = await rawServer(() => undefined);
      const log = await story(new WebSocket(`ws://127.0.0.1:${port}`, { handshakeTimeout: 100, ...road }));
      await until('the end of the connection', () => peers[0]?.hasClosed);
      return log;
    }));

  test.each(['terminate', 'close'] as const)('%s() ends a handshake under way, and its connection', (method) =>
    sameOnAllRoads(async (road) => {
      const { port, peers } = await rawServer(() => undefined);
      const ws = new WebSocket(`ws://127.0.0.1:${port}`, road);
      const told = story(ws);
      await until('the request', () => peers.length > 0 && peers[0].head !== '');
      ws[method]();
      const log = await told;
      await until('the end of the connection', () => peers[0]?.hasClosed);
      return log;
    }),
  );

  test('terminate() right after the constructor sends nothing', async () => {
    const dispatch = vi.fn<() => boolean>();
    const ws = new WebSocket('ws://127.0.0.1:1', { dispatcher: { dispatch } });
    const told = story(ws);
    ws.terminate();
    expect((await told).at(-1)).toEqual(['close', 1006, '']);
    expect(dispatch).not.toHaveBeenCalled();
  });

  test('terminate() in a listener for upgrade ends the connection', () =>
    sameOnAllRoads(async (road) => {
      const { port, peers } = await rawServer((head) => accept(head));
      const ws = new WebSocket(`ws://127.0.0.1:${port}`, road);
      ws.on('upgrade', () => ws.terminate());
      const log = await story(ws);
      await until('the end of the connection', () => peers[0]?.hasClosed);
      return log;
    }));

  test('destroy() in finishRequest fails the handshake', () =>
    sameOnAllRoads(async (road) => {
      const finishRequest = (request: ClientRequest): void => void request.destroy();
      return story(new WebSocket('ws://127.0.0.1:1', { finishRequest, ...road }));
    }));

  test('finishRequest may change the request, and send it later', () =>
    sameOnAllRoads(async (road) => {
      const { port, peers } = await rawServer(() => 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
      const finishRequest = (request: ClientRequest): void => {
        request.setHeader('Authorization', 'Bearer late');
        setTimeout(() => request.end(), 10);
      };
      const log = await story(new WebSocket(`ws://127.0.0.1:${port}`, { finishRequest, ...road }));
      return [log, linesOf(peers[0].head)];
    }));

  test("a listener's exception is the program's", async () => {
    const { port } = await rawServer((head) => accept(head));
    const thrown = new Promise((resolve) => {
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException').once('uncaughtException', resolve);
      onTestFinished(() => others.forEach((listener) => process.on('uncaughtException', listener)));
    });
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { dispatcher: agent() });
    ws.on('open', () => {
      throw new Error('of the program');
    });
    expect(await within('the exception', thrown)).toEqual(new Error('of the program'));
    expect(ws.readyState).toBe(WebSocket.OPEN);
    ws.terminate();
  });
});

describe('option', () => {
  test('is checked', () => {
    const target = parseAddress('ws://host');
    expect(() => checkDispatcher({}, {}, target)).toThrow(TypeError);
    expect(() => checkDispatcher('dispatch', {}, target)).toThrow('no method dispatch()');
    expect(() => checkDispatcher(agent(), { cert: '' }, target)).toThrow('The options dispatcher and cert exclude each other');
    expect(() => checkDispatcher(agent(), { agent: undefined, headers: {} }, target)).not.toThrow();
    expect(() => checkDispatcher(undefined, { cert: '' }, parseAddress('ws+unix:/a'))).not.toThrow();
    expect(() => checkDispatcher(agent(), {}, parseAddress('ws+unix:/a'))).toThrow('connect.socketPath');
  });

  test('is checked by the W3C face too', () => {
    expect(() => new W3C('ws://host', { dispatcher: {} as Dispatcher })).toThrow('no method dispatch()');
    expect(() => new W3C('ws://host', [], { dispatcher: agent(), tls: {} })).toThrow(
      new TypeError('The options dispatcher and tls exclude each other: the dispatcher decides how to connect'),
    );
  });

  test('may throw, and may answer on the spot', async () => {
    const throwing = {
      dispatch(): boolean {
        throw new RangeError('no');
      },
    };
    expect(await story(new WebSocket('ws://h', { dispatcher: throwing }))).toEqual([
      ['error', 'RangeError', 'no'],
      ['close', 1006, ''],
    ]);
    const controller = { abort() {}, pause() {}, resume() {} };
    const answering = {
      dispatch(_: object, handler: object): boolean {
        const { onRequestStart, onResponseStart } = handler as Record<string, (...values: unknown[]) => void>;
        onRequestStart(controller, {});
        onResponseStart(controller, 418, { 'set-cookie': ['a', 'b'], x: 'y' }, "I'm a teapot");
        return true;
      },
    };
    const ws = new WebSocket('ws://h', { dispatcher: answering });
    let headers: unknown;
    ws.on('unexpected-response', (_request, response) => {
      ({ headers } = response);
      ws.terminate();
    });
    await story(ws);
    expect(headers).toEqual({ 'set-cookie': ['a', 'b'], x: 'y' });
  });
});
