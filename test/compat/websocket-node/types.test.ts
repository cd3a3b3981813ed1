// Programs written against @types/websocket compile against the facade: tsc checks each against both.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

const PROGRAMS: Readonly<Record<string, string>> = {
  server: `
    import * as http from 'http';
    import * as https from 'https';
    import * as WebSocket from 'websocket';
    import { server as WebSocketServer, connection, request, IServerConfig, ICookie, Message } from 'websocket';
    const config: IServerConfig = { httpServer: [http.createServer(), https.createServer()], keepalive: true };
    const server = new WebSocketServer(config);
    const other: WebSocket.server = new WebSocket.server({ httpServer: http.createServer(), autoAcceptConnections: false });
    new WebSocketServer().mount(config);
    server.on('request', (request) => {
      const cookies: ICookie[] = [{ name: 'a', value: 'b', path: '/', expires: new Date(), maxage: 5, secure: true, httponly: true }];
      if (request.origin !== 'x') { request.reject(403, 'no', { a: 'b' }); return; }
      const protocol: string = request.requestedProtocols[0];
      const path: string | null = request.resourceURL.pathname;
      console.log(path, request.host, request.resource, request.key, request.remoteAddress, request.remoteAddresses.length,
        request.cookies.map(({ name, value }) => name + value), request.httpRequest.headers, request.webSocketVersion);
      const accepted = request.accept(protocol, request.origin, cookies);
      request.accept(null, request.origin); request.accept('x'); request.accept();
      request.on('requestAccepted', (one) => one.close()).on('requestRejected', (one) => one.host);
      handle(accepted);
    });
    function handle(one: connection) {
      one.on('message', (message) => {
        if (message.type === 'utf8') one.sendUTF(message.utf8Data); else one.sendBytes(message.binaryData);
      });
      one.on('message', (message: Message) => console.log(message.type));
      one.on('close', (code, description) => console.log(code.toFixed(), description.length));
      one.on('error', (error) => console.log(error.message)).on('drain', () => {}).on('pause', () => {}).on('resume', () => {});
      one.on('frame', (frame) => console.log(frame.opcode, frame.fin, frame.binaryPayload.length, frame.closeStatus));
      one.on('ping', (cancel, payload) => { if (payload.length > 5) cancel(); });
      one.on('pong', (payload) => payload.toString());
      one.addListener('message', (message) => message.type);
      one.send('x'); one.send(Buffer.alloc(1)); one.send(5, (error) => console.log(error?.message)); one.sendUTF('x', (error?: Error) => error);
      one.sendBytes(Buffer.alloc(1), () => {}); one.ping('x'); one.ping(Buffer.alloc(1)); one.pong(Buffer.alloc(1));
      one.close(); one.close(1000, 'x'); one.drop(1000, 'x', true); one.pause(); one.resume();
      one.close(WebSocket.connection.CLOSE_REASON_NORMAL, WebSocket.connection.CLOSE_DESCRIPTIONS[1000]);
      const connected: boolean = one.connected; const code: number = one.closeReasonCode; const text: string = one.closeDescription;
      const state: string = one.state; const remote: string = one.remoteAddress; const version: number = one.webSocketVersion;
      console.log(connected, code, text, state, remote, version, one.protocol.length, one.socket.remotePort, one.extensions.length);
    }
    server.on('connect', (one: connection) => handle(one));
    server.on('close', (one, reason, description) => console.log(one.remoteAddress, reason, description));
    server.on('request', function (one: request) { one.reject(); one.reject(404); });
    server.broadcast('x'); server.broadcastUTF('x'); server.broadcastBytes(Buffer.alloc(1));
    server.closeAllConnections(); server.unmount(); server.shutDown();
    console.log(other.connections.length, server.pendingRequests.length, server.config?.keepalive);`,
  client: `
    import { client as WebSocketClient, connection, IClientConfig, IStringified } from 'websocket';
    import { IncomingMessage } from 'http';
    const config: IClientConfig = { webSocketVersion: 13, tlsOptions: { rejectUnauthorized: false }, closeTimeout: 5 };
    const client = new WebSocketClient(config);
    client.on('connectFailed', (error) => console.log(error.message));
    client.on('connectFailed', (error: Error) => console.log(error.toString()));
    client.on('connect', (one) => { one.sendUTF('x'); });
    client.on('connect', function (one: connection) { one.on('message', (message) => message.type === 'utf8' && message.utf8Data.length); });
    client.on('httpResponse', (response: IncomingMessage, same: WebSocketClient) => console.log(response.statusCode, same));
    client.connect('ws://localhost'); client.connect('ws://localhost', 'chat'); client.connect('ws://localhost', ['a', 'b'], 'http://o');
    client.connect('ws://localhost', undefined, undefined, { Cookie: 'a=b', List: ['1', '2'] }, { agent: false });
    client.abort();
    const text: IStringified = { toString: () => 'x' };
    console.log(text, new WebSocketClient());`,
  router: `
    import { router as WebSocketRouter, server, IRouterRequest, IRouterConfig } from 'websocket';
    declare const one: server;
    const config: IRouterConfig = { server: one };
    const router = new WebSocketRouter(config);
    router.attachServer(one); router.detachServer();
    router.mount('*', 'chat', (request) => { request.accept(request.origin).close(); });
    router.mount(/x/, null, (request: IRouterRequest) => {
      const { webSocketRequest, resource, cookies, remoteAddress } = request;
      request.on('requestAccepted', (connection) => connection.close());
      request.reject(404, 'no');
      console.log(webSocketRequest.key, resource, cookies, remoteAddress, request.protocol, request.resourceURL.query);
    });
    router.unmount('*', 'chat');
    new WebSocketRouter();`,
  w3c: `
    import { w3cwebsocket as W3CWebSocket, IMessageEvent, ICloseEvent } from 'websocket';
    const ws = new W3CWebSocket('ws://localhost', 'chat', 'http://o', { a: 'b' }, {}, { closeTimeout: 5 });
    new W3CWebSocket('ws://localhost', ['a']); new W3CWebSocket('ws://localhost');
    ws.onopen = () => { ws.send('x'); ws.send(new Uint8Array(1)); ws.send(new ArrayBuffer(1)); ws.send(Buffer.alloc(1)); };
    ws.onopen = function () {};
    ws.onerror = (error) => console.log(error.message);
    ws.onerror = function (error: Error) { console.log(error); };
    ws.onclose = (event) => console.log(event.code.toFixed(), event.reason.length, event.wasClean);
    ws.onclose = (event: ICloseEvent) => console.log(event.code);
    ws.onmessage = (message) => { if (typeof message.data === 'string') console.log(message.data.length); };
    ws.onmessage = ({ data }: IMessageEvent) => console.log(data.toString());
    if (ws.readyState === ws.OPEN || ws.readyState === W3CWebSocket.CLOSED) ws.close();
    ws.close(1000, 'x'); ws.binaryType = 'arraybuffer';
    const state: number = ws.readyState; const url: string = ws.url; const protocol: string | undefined = ws.protocol;
    console.log(state, url, protocol, ws.bufferedAmount.toFixed(), ws.extensions.length);
    ws.onmessage({ data: 'x' }); ws.onclose({ code: 1, reason: '', wasClean: true });`,
  others: `
    import websocket = require('websocket');
    import { frame, deprecation, version, IBufferList, IConfig, IExtension, IUtf8Message, IBinaryMessage, IRouterHandler } from 'websocket';
    const text: string = version;
    deprecation.disableWarnings = true; deprecation.warn('x'); console.log(deprecation.deprecationWarningMap['x'].length, text);
    declare const one: frame; declare const list: IBufferList; declare const config: IConfig;
    const done: boolean = one.addData(list); const thrown: boolean = one.throwAwayPayload(list);
    const bytes: Buffer = one.toBuffer(true); one.opcode = 1; one.fin = true; one.binaryPayload = Buffer.alloc(1); one.rsv1 = false;
    export type All = [IExtension, IUtf8Message, IBinaryMessage, IRouterHandler];
    console.log(done, thrown, bytes.length, one.toString(), config.maxReceivedFrameSize, websocket.version,
      one.closeStatus, one.dropReason, one.protocolError, one.frameTooLarge, one.invalidCloseFrameLength, one.length);`,
};

/** What tsc says about `programs`, each a module of its own. `paths` says what 'websocket' means. */
async function compile(programs: Readonly<Record<string, string>>, paths: Record<string, string[]>): Promise<string> {
  const base = join(ROOT, 'node_modules/.cache');
  await mkdir(base, { recursive: true });
  const folder = await mkdtemp(join(base, 'types-'));
  try {
    const compilerOptions = {
      paths,
      strict: true,
      noEmit: true,
      target: 'es2022',
      module: 'preserve',
      moduleResolution: 'bundler',
      lib: ['es2022', 'dom'],
      types: ['node'],
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      esModuleInterop: true,
    };
    await writeFile(join(folder, 'package.json'), '{}');
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    for (const [name, text] of Object.entries(programs)) await writeFile(join(folder, `${name}.ts`), text);
    return await new Promise((resolve) => {
      execFile(process.execPath, [TSC, '-p', folder], { cwd: folder }, (_error, stdout) => {
        resolve(stdout.trim());
      });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const OURS = { websocket: [join(ROOT, 'src/compat/websocket-node/index.ts')] };

describe('programs typed against websocket', () => {
  test('compile with the types of websocket', async () => expect(await compile(PROGRAMS, {})).toBe(''));
  test('compile with ours', async () => expect(await compile(PROGRAMS, OURS)).toBe(''));
  test('are still checked', async () => {
    const wrong = `import { client, connection } from 'websocket'; declare const one: connection;
      one.sendBytes('x'); new client(5); one.close('x');`;
    const messages = await compile({ wrong }, OURS);
    expect(messages.match(/error TS/g)?.length).toBe(3);
  });
});
