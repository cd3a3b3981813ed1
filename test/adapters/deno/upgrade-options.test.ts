// The options of upgrade() inside of Deno.serve.

import { afterAll, describe, expect, test } from 'vitest';
import { upgrade, WebSocket } from '../../../adapters/deno/index.ts';
import { upgrade as upgradeW3C } from '../../../adapters/deno/w3c.ts';
import { connectRaw, until } from '../../support/sockets.ts';
import { describeUpgradeOptions, type UpgradeSubject } from '../../support/upgrade-options.ts';

type Handler = (request: Request) => Response;
const { serve } = (
  globalThis as unknown as {
    Deno: { serve(options: object, handler: Handler): { readonly addr: { readonly port: number } } };
  }
).Deno;
const controller = new AbortController();
afterAll(() => controller.abort());

function start(handler: Handler, thrown: unknown[] = []): number {
  const onError = (error: unknown): Response => {
    thrown.push(error);
    return new Response(null, { status: 500 });
  };
  return serve({ port: 0, hostname: '127.0.0.1', onListen() {}, signal: controller.signal, onError }, handler).addr.port;
}

const refused: UpgradeSubject['refused'] = {
  autoPong: [false, /answers Pings/],
  borrowMessages: [true, /WebSocketServer/],
  heartbeat: [true, /idleTimeout/],
  maxFragments: [10, /maxPayload/],
  perMessageDeflate: [true, /WebSocketServer/],
  skipUTF8Validation: [true, /checks text/],
};

describeUpgradeOptions('Deno, ws style', {
  WebSocket,
  refused,
  serve: (options, thrown) =>
    start((request) => {
      const { response, socket } = upgrade(request, options);
      socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      return response;
    }, thrown),
});

describeUpgradeOptions('Deno, W3C style', {
  WebSocket,
  refused,
  serve: (options, thrown) =>
    start((request) => {
      const { response, socket } = upgradeW3C(request, options);
      socket?.addEventListener('message', ({ data }) => socket.send(data as string));
      return response;
    }, thrown),
});

describe('maxBufferedAmount', () => {
  /** A WebSocket whose peer reads nothing, with more than the limit waiting. */
  const full = async (
    bufferPolicy: 'close' | 'drop' | 'throw' | undefined,
  ): Promise<{ socket: WebSocket; errors: unknown[] }> => {
    let accepted: WebSocket | undefined;
    const errors: unknown[] = [];
    const port = start((request) => {
      const { response, socket } = upgrade(request, { maxBufferedAmount: 1_000_000, bufferPolicy });
      socket?.on('error', (error) => errors.push(error));
      socket?.on('open', () => (accepted = socket));
      return response;
    });
    const peer = await connectRaw(port);
    peer.socket.pause();
    await until('the opening', () => accepted !== undefined);
    accepted!.send(Buffer.alloc(30_000_000));
    expect(accepted!.bufferedAmount).toBeGreaterThan(1_000_000);
    return { socket: accepted!, errors };
  };
  const TOO_MUCH = { code: 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT' };

  test('drops a peer that takes too little', async () => {
    const { socket, errors } = await full(undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const error = await new Promise((resolve) => socket.send('more', resolve));
    expect(error).toMatchObject(TOO_MUCH);
    expect(await closed).toBe(1006);
    expect(errors).toMatchObject([TOO_MUCH]);
  });

  test('drops the message, or throws, where bufferPolicy says so', async () => {
    const dropping = await full('drop');
    expect(await new Promise((resolve) => dropping.socket.send('more', resolve))).toMatchObject(TOO_MUCH);
    const throwing = await full('throw');
    expect(() => throwing.socket.send('more')).toThrow(/maxBufferedAmount/);
    for (const { socket, errors } of [dropping, throwing]) {
      expect([socket.readyState, errors]).toEqual([socket.OPEN, []]);
      socket.terminate();
    }
  });
});
