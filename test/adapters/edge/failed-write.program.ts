// A bare socket of workerd: reads 3 bytes, lets 3 more and a reset arrive, and reads on, after a write if the query says so.

// oxlint-disable-next-line typescript/triple-slash-reference -- it declares a module of the runtime, and is none itself
/// <reference path="../../../adapters/edge/cloudflare.d.ts" />

import { connect } from 'cloudflare:sockets';

export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams: query } = new URL(request.url);
    const { readable, writable } = connect(
      { hostname: '127.0.0.1', port: Number(query.get('port')) },
      { secureTransport: 'off', allowHalfOpen: true },
    );
    const reader = readable.getReader();
    const writer = writable.getWriter();
    const decoder = new TextDecoder();
    await writer.write(new TextEncoder().encode('go'));
    let read = '';
    const readOn = async (): Promise<boolean> => {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      read += decoder.decode(value);
      return !done;
    };
    await readOn();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    if (query.has('writes')) await writer.write(new TextEncoder().encode('x')).catch(() => {});
    while (await readOn());
    return new Response(read);
  },
};
