// The answer of a node:http server for WebSockets only to any other request: 426.

import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';

/** Answers 426, with the fields that RFC 9110 sections 7.8 and 15.5.22 ask for. */
export function answerUpgradeRequired(_request: IncomingMessage, response: ServerResponse): void {
  const body = STATUS_CODES[426]!;
  response.writeHead(426, {
    Connection: response.shouldKeepAlive ? 'Upgrade' : 'close, Upgrade',
    Upgrade: 'websocket',
    'Content-Length': body.length,
    'Content-Type': 'text/plain',
  });
  response.end(body);
}
