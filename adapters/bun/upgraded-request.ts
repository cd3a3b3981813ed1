// Takes the connection from a request of node:http that was upgraded.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

function symbolOf(object: object, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find(({ description }) => description === name);
}

/**
 * Makes responses that a program still makes for the request write nowhere, as on Node.js.
 *
 * A `ServerResponse` of Bun 1.4 writes to the connection that it finds in its request, also after the upgrade. express-ws makes one for each
 * WebSocket, and a middleware that fails later answers by it: the client would get an HTTP response between two frames.
 */
export function releaseRequest(socket: Duplex): void {
  const fields = socket as unknown as Record<symbol, object | undefined>;
  const key = symbolOf(socket, 'request');
  const request = key === undefined ? undefined : (fields[key] as IncomingMessage | undefined);
  if (request === undefined) return;
  const handle = symbolOf(request, 'handle');
  if (handle !== undefined) (request as unknown as Record<symbol, object | undefined>)[handle] = undefined;
}
