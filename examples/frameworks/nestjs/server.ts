// NestJS with a plain route and a gateway on one port; SIGTERM closes both in order:
//
//     npx tsc --project . && node server.js [port]

import 'reflect-metadata';
import process from 'node:process';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'wasock';

/** Nest's adapter for ws, with servers of wasock. */
class WasockAdapter extends WsAdapter {
  override create(port: number, { path = '/', ...options }: ServerOptions = {}) {
    const server = this.bindErrorHandler(new WebSocketServer({ ...options, noServer: true }));
    // Port 0 is the port of the application. Gateways with a port of their own get an HTTP server.
    if (port === 0) this.ensureHttpServerExists(0, this.httpServer);
    else this.ensureHttpServerExists(port)?.listen(port);
    this.addWsServerToRegistry(server, port, path);
    return server;
  }

  override async close(server: WebSocketServer) {
    await server.shutdown({ timeout: 10_000 });
  }
}

// Messages are JSON: `{"event": "echo", "data": …}`.
@WebSocketGateway({ path: '/echo', maxPayload: 65_536 })
class EchoGateway {
  @SubscribeMessage('echo')
  echo(client: WebSocket, data: unknown) {
    return { event: 'echo', data };
  }
}

@Controller()
class PageController {
  @Get()
  page() {
    return 'The echo is at /echo.';
  }
}

@Module({ controllers: [PageController], providers: [EchoGateway] })
class AppModule {}

// Sockets of refused upgrades may stay open, and Nest waits for all sockets unless it closes them by force, after the WebSockets.
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'], forceCloseConnections: true });
app.useWebSocketAdapter(new WasockAdapter(app));
// Nest closes the application at SIGTERM, then the process ends with 0.
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
await app.listen(Number(process.argv[2] ?? 8080), '127.0.0.1');
console.log(`Listening on ${await app.getUrl()}/`);
