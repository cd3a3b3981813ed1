// A worker with one path for each thing that features.test.ts looks at.

import { enableDeflate } from '../../../adapters/edge/deflate.ts';
import {
  createWebSocketStream,
  Gate,
  Receiver,
  Sender,
  upgrade,
  WebSocket as WsStyle,
  WebSocketServer,
} from '../../../adapters/edge/index.ts';
import { ReconnectingWebSocket } from '../../../adapters/edge/reconnecting.ts';
import { upgrade as upgradeW3C, WebSocket } from '../../../adapters/edge/w3c.ts';
import { Topics } from '../../../src/topics/index.ts';
import { pattern } from '../../support/frames.ts';

/** Exchanges `size` bytes with an echo. */
function exchange(url: string, size: number, perMessageDeflate: boolean): Promise<string> {
  const bytes = pattern(size);
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate });
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => socket.send(bytes));
    socket.addEventListener('message', ({ data }) => {
      const answer = new Uint8Array(data as ArrayBuffer);
      const isSame = answer.length === size && answer.every((byte, index) => byte === bytes[index]);
      resolve(`${socket.extensions} ${isSame}`);
      socket.close(1000);
    });
    socket.addEventListener('error', () => reject(new Error('No connection')));
  });
}

function messageOf(call: () => unknown): string {
  try {
    call();
    return 'no error';
  } catch (error) {
    return (error as Error).message;
  }
}

const gate = new Gate({ maxConnections: 1, messageRate: { count: 3, interval: 10_000_000 }, ratePolicy: 'close' });
const pausing = new Gate({ messageRate: 1 });
const topics = new Topics({ history: { size: 10, ttl: 60_000 } });

type Handler = (request: Request, query: URLSearchParams) => Response | Promise<Response>;

const HANDLERS: Readonly<Record<string, Handler | undefined>> = {
  '/topics': (request) => {
    const { response, socket } = upgrade(request);
    if (socket === null) return response;
    const say = (text: string): void => socket.send(text);
    void topics.subscribe(socket, 'all').then(() => say('ready'));
    socket.on('message', (data) => {
      void topics
        .publish('all', (data as Buffer).toString())
        .then(({ local }) => say(`${local}, ${topics.counts.dropped} dropped`));
    });
    return response;
  },
  '/exchange': async (_, query) => new Response(await exchange(query.get('to') ?? '', Number(query.get('size')), false)),
  '/exchange-deflated': async (_, query) => {
    enableDeflate();
    return new Response(await exchange(query.get('to') ?? '', Number(query.get('size')), true));
  },
  '/reconnect': async (_, query) => {
    const ws = new ReconnectingWebSocket(`${query.get('to')}/end-first`, { backoff: { initial: 1, resetAfter: 0 } });
    const log: string[] = [];
    ws.addEventListener('close', ({ code, willReconnect }) => {
      log.push(`close ${code} ${willReconnect}`);
      ws.send('again');
    });
    ws.send('waits');
    for await (const message of ws) {
      log.push(`message ${message as string}`);
      if (message === 'again') ws.close();
    }
    return Response.json(log);
  },
  '/frames': () => {
    // A masked "Hello", RFC 6455 section 5.7, read and written again.
    const receiver = new Receiver({ isServer: true });
    let text = '';
    receiver.on('message', (data: Uint8Array) => (text = new TextDecoder().decode(data)));
    receiver.write(Uint8Array.of(0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58));
    const options = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false };
    return Response.json([text, ...Sender.frame(new TextEncoder().encode(text) as never, options).map((part) => [...part])]);
  },
  '/errors': (request) =>
    Response.json([
      messageOf(() => new WebSocketServer({ port: 80 })),
      `${upgrade(request).response.status}`,
      messageOf(() => new WebSocket('ws://127.0.0.1/', { perMessageDeflate: true })),
      messageOf(() => new WebSocket('wss://127.0.0.1/', { tls: { rejectUnauthorized: false } })),
      messageOf(() => new WebSocket('ws://127.0.0.1/', { borrowMessages: true })),
      messageOf(() => new WsStyle('ws://127.0.0.1/', { borrowMessages: 'checked' })),
      messageOf(() => upgrade(request, { borrowMessages: true } as object)),
    ]),
  '/gated': (request) => {
    const { response, socket } = upgrade(request, { gate });
    socket?.on('message', (data) => socket.send(data));
    return response;
  },
  '/gate': (request) =>
    Response.json({
      connections: gate.connections,
      counters: gate.counters,
      metrics: gate.metrics(),
      pausing: messageOf(() => upgrade(request, { gate: pausing })),
    }),
  '/gate-shutdown': async () => Response.json(await gate.shutdown({ timeout: 5000 })),
  '/limited': (request) => {
    const { response, socket } = upgradeW3C(request, { maxPayload: 1000, headers: { 'X-Worker': 'yes' } });
    if (socket === null) return response;
    socket.addEventListener('message', ({ data }) => socket.send(`${String(data).length}`));
    return response;
  },
  '/greeting': (request) => {
    const { response, socket } = upgradeW3C(request);
    if (socket === null) return response;
    socket.addEventListener('open', () =>
      socket.send(`${socket.readyState} ${socket.url} ${String(socket instanceof WebSocket)}`),
    );
    return response;
  },
  '/ws-greeting': (request) => {
    const { response, socket } = upgrade(request);
    if (socket === null) return response;
    socket.send(`${socket.readyState} ${messageOf(() => socket.ping())}`);
    return response;
  },
  '/ready': async (request) => {
    const { response, socket } = upgrade(request);
    if (socket === null) return response;
    await socket.ready;
    socket.on('message', (data) => socket.send(`heard ${(data as Buffer).toString()}`));
    return response;
  },
  '/throwing': (request) => {
    const { response, socket } = upgrade(request);
    socket?.on('message', (data) => {
      if ((data as Buffer).toString() === 'throw') throw new Error('of a listener');
      socket.send(data);
    });
    return response;
  },
  '/w3c-throwing': (request) => {
    const { response, socket } = upgradeW3C(request);
    socket?.addEventListener('message', ({ data }) => {
      if (data === 'throw') throw new Error('of a listener');
      socket.send(data as string);
    });
    return response;
  },
  '/all-throwing': (request) => {
    const { response, socket } = upgrade(request, { maxPayload: 10 });
    for (const event of ['message', 'error', 'close'] as const) {
      socket?.on(event, () => {
        throw new Error(`${event} listener`);
      });
    }
    return response;
  },
  // Listens only after the microtasks behind `open`.
  '/w3c-late-listener': (request) => {
    const { response, socket } = upgradeW3C(request);
    socket?.addEventListener('open', () => {
      let microtask = Promise.resolve();
      for (let count = 0; count < 20; count++) microtask = microtask.then(() => {});
      void microtask.then(() => socket.addEventListener('message', ({ data }) => socket.send(data as string)));
    });
    return response;
  },
  '/stream': (request) => {
    const { response, socket } = upgrade(request);
    if (socket === null) return response;
    const stream = createWebSocketStream(socket);
    stream.pipe(stream);
    return response;
  },
};

export default {
  fetch(request: Request): Response | Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    return HANDLERS[pathname]?.(request, searchParams) ?? new Response('No such path', { status: 404 });
  },
};
