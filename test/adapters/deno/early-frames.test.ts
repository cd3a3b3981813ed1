// Frames that come with the request, or right behind it, at upgrade() of the W3C entry point on Deno.

import { afterAll } from 'vitest';
import { upgrade } from '../../../adapters/deno/w3c.ts';
import { describeEarlyFrames } from '../../support/early-frames.ts';

type Handler = (request: Request) => Response;
interface Serving {
  readonly addr: { readonly port: number };
}
const { serve } = (globalThis as unknown as { Deno: { serve(options: object, handler: Handler): Serving } }).Deno;
const controller = new AbortController();
afterAll(() => controller.abort());

describeEarlyFrames('Deno.serve', (onSocket) => {
  const settings = { onListen() {}, signal: controller.signal, port: 0, hostname: '127.0.0.1' };
  return serve(settings, (request) => {
    const { response, socket } = upgrade(request);
    if (socket !== null) onSocket(socket);
    return response;
  }).addr.port;
});
