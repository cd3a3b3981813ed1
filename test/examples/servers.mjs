// Small servers without a single 'error' listener, one for each way to write one: `servers.mjs NAME`. They say on which port they listen.
// attacks.test.ts runs them on every runtime and attacks them.

import { createServer } from 'node:http';
import process from 'node:process';

const HOST = '127.0.0.1';

/** @param {{ address(): unknown }} server */
function tell(server) {
  const address = /** @type {{ port: number }} */ (server.address());
  console.log(`Listening on ws://${HOST}:${address.port}/`);
}

/** @param {(ws: import('wasock').WebSocket) => unknown} onConnection @param {import('wasock').ServerOptions} options */
async function serve(onConnection, options = {}) {
  const { WebSocketServer } = await import('wasock');
  const server = new WebSocketServer({ host: HOST, port: 0, ...options });
  server.on('listening', () => tell(server));
  server.on('connection', onConnection);
  server.on('connectionError', (error, ws) => console.log(`Reported: ${error.message} (${ws.readyState})`));
}

/** @param {import('node:http').RequestListener} [onRequest] */
function listen(onRequest) {
  const http = createServer(onRequest);
  http.listen(0, HOST, () => tell(http));
  return http;
}

/** A fetch handler in the HTTP server of Deno or Bun. */
function serveNatively(websocket, handler) {
  const say = (port) => console.log(`Listening on ws://${HOST}:${port}/`);
  if ('Deno' in globalThis) {
    const onListen = ({ port }) => say(port);
    Deno.serve({ hostname: HOST, port: 0, onListen }, (request) => handler(request, ...NATIVE_OPTIONS));
  } else {
    const fetch = (request, server) => handler(request, server);
    say(Bun.serve({ hostname: HOST, port: 0, fetch, websocket: { ...websocket, idleTimeout: 1 } }).port);
  }
}
/** Deno's Pings come every 30 s otherwise. */
const NATIVE_OPTIONS = [{ idleTimeout: 1 }];

/** @type {Record<string, () => unknown>} */
const SERVERS = {
  plain: () => serve((ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }))),
  deferred: () =>
    serve((ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })), {
      allowSynchronousEvents: false,
      perMessageDeflate: true,
    }),
  heartbeat: () =>
    serve((ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })), {
      heartbeat: { interval: 50, timeout: 50 },
      perMessageDeflate: true,
    }),
  handlers: () => serve((ws) => (ws.onmessage = ({ data }) => ws.send(data))),
  loop: () =>
    serve(async (ws) => {
      for await (const message of ws) ws.send(message);
    }),
  ready: () =>
    serve(async (ws) => {
      await ws.ready;
      for await (const message of ws) void ws.sendAsync(message);
    }),
  late: () =>
    serve((ws) =>
      ws.on('message', (data, isBinary) => {
        setTimeout(() => void ws.sendAsync(data, { binary: isBinary }), 1);
      }),
    ),
  stream: async () => {
    const { createWebSocketStream } = await import('wasock');
    await serve((ws) => {
      const stream = createWebSocketStream(ws, { readableObjectMode: true, decodeStrings: false });
      stream.pipe(stream);
    });
  },
  blob: () => serve((ws) => ws.on('message', (data) => ws.send(new Blob([/** @type {Buffer<ArrayBuffer>} */ (data)])))),
  // Never stops sending: a peer that resets meets it in the middle of a write.
  flood: () =>
    serve((ws) => {
      const piece = Buffer.alloc(65_536);
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
      const timer = setInterval(() => ws.send(piece), 1);
      ws.on('close', () => clearInterval(timer));
    }),
  noServer: async () => {
    const { WebSocketServer } = await import('wasock');
    const server = new WebSocketServer({ noServer: true });
    listen().on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (ws) =>
        ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })),
      );
    });
  },
  slowVerification: () =>
    serve((ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })), {
      verifyClient: (_info, callback) => void setTimeout(() => callback(true), 20),
    }),
  refusing: () =>
    serve((ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })), {
      verifyClient: ({ req }) => req.headers['x-refuse'] === undefined,
    }),
  // The runtime's own WebSocket, which tells of a silent peer by an error.
  native: async () => {
    const { upgrade, websocket } = await import('wasock');
    serveNatively(websocket, (request, ...context) => {
      const { response, socket } = upgrade(request, ...context);
      socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      return response;
    });
  },
  nativeW3C: async () => {
    const { upgrade, websocket } = await import('wasock/w3c');
    serveNatively(websocket, (request, ...context) => {
      const { response, socket } = upgrade(request, ...context);
      socket?.addEventListener('message', ({ data }) => socket.send(data));
      return response;
    });
  },
  nativeFibjs: async () => {
    const { upgrade, websocket } = await import('wasock/fibjs');
    serveNatively(
      websocket,
      upgrade((connection) => (connection.onmessage = ({ data }) => connection.send(data))),
    );
  },
  websocket: async () => {
    const { server: Server } = await import('wasock/websocket');
    const server = new Server({ httpServer: listen() });
    server.on('request', (request) => {
      const connection = request.accept(null, request.origin);
      connection.on('message', (message) => {
        if (message.type === 'utf8') connection.sendUTF(message.utf8Data);
        else connection.sendBytes(message.binaryData);
      });
    });
  },
  classic: async () => {
    const { Server } = await import('wasock/classic');
    const http = listen();
    const server = new Server({ server: http });
    server.on('connection', (ws) => ws.on('message', (data, { binary }) => ws.send(data, { binary })));
  },
  fibjs: async () => {
    const { upgrade } = await import('wasock/fibjs');
    const handler = upgrade((connection) => (connection.onmessage = ({ data }) => connection.send(data)));
    listen(handler).on('upgrade', handler);
  },
  jsh: async () => {
    const { WebSocketServer } = await import('wasock/jsh');
    const server = new WebSocketServer({ server: listen() });
    server.on('connection', (socket) => socket.on('message', ({ data }) => socket.send(data)));
  },
};

await SERVERS[process.argv[2]]();
