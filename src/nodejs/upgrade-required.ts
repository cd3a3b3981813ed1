// The answer of a node:http server for WebSockets only to any other request: 426. Counts these answers.

import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

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

/**
 * Counts the requests that `server` answers itself: requests that are no upgrade, and bytes that are no request. Not by listeners, because Node.js answers bad
 * requests only where nothing listens for 'clientError'.
 */
export function countRefusals(server: Server, onRefusal: () => void): void {
  const emit = server.emit.bind(server) as (event: string, ...values: unknown[]) => boolean;
  server.emit = ((event: string, ...values: unknown[]) => {
    if (event === 'request' || (event === 'clientError' && isOfRequest(values[0] as NodeJS.ErrnoException))) onRefusal();
    return emit(event, ...values);
  }) as Server['emit'];
}

/** Whether an error is one of a request, and none of its socket. */
function isOfRequest({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT';
}
