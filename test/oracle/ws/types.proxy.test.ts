// Programs that give the option `proxy`, against the types of each entry point. The lines that must not compile say so.

import { describe, expect, test } from 'vitest';
import { compile } from '../../support/compile.ts';

/** `wasock/proxy` and the classes of both APIs, or those of a runtime by its name. */
function programOf(runtime: string): string {
  return `
  import { WebSocket, type ClientOptions } from 'wasock${runtime}';
  import { WebSocket as W3CWebSocket, type W3CWebSocketOptions } from 'wasock${runtime}/w3c';
  import { ReconnectingWebSocket } from 'wasock${runtime}/reconnecting';
  import { createProxy, proxyFromEnvironment, ProxyError } from 'wasock${runtime}/proxy';
  import type { ProxyConnector, ProxyOptions } from 'wasock${runtime}/proxy';
  const settings: ProxyOptions = { headers: { 'Proxy-Authorization': 'Bearer 0' }, tls: undefined };
  const proxy: ProxyConnector = createProxy(new URL('http://proxy.example:3128'), settings);
  const other: ProxyConnector = proxyFromEnvironment({ variables: { HTTP_PROXY: 'http://proxy.example', NO_PROXY: undefined } });
  const ofClient: ClientOptions = { proxy };
  const ofW3C: W3CWebSocketOptions = { proxy: other };
  new WebSocket('ws://server.example', ofClient); new WebSocket('ws://server.example', { proxy: undefined });
  new WebSocket('ws://server.example', ['chat'], { proxy: createProxy('socks5://proxy.example') });
  new W3CWebSocket('ws://server.example', ofW3C); new W3CWebSocket('ws://server.example', { proxy, protocols: 'chat' });
  new ReconnectingWebSocket('ws://server.example', { proxy });
  export function statusOf(error: unknown): number | undefined {
    return error instanceof ProxyError ? error.proxyStatus : undefined;
  }
  // @ts-expect-error -- the URL alone is no proxy
  new WebSocket('ws://server.example', { proxy: 'http://proxy.example' });
  // @ts-expect-error
  new W3CWebSocket('ws://server.example', { proxy: new URL('http://proxy.example') });
  // @ts-expect-error
  new ReconnectingWebSocket('ws://server.example', { proxy: true });
  // @ts-expect-error
  createProxy(3128);
  // @ts-expect-error
  createProxy('http://proxy.example', { header: {} });
  // @ts-expect-error
  proxyFromEnvironment({ variables: ['HTTP_PROXY'] });`;
}

describe.each([
  ['5.9', 'nodenext'],
  ['7', 'bundler'],
] as const)('types of the option proxy: TypeScript %s, module %s', (compiler, module) => {
  test('every entry point takes it', async () => {
    const programs = Object.fromEntries(
      ['', '/deno', '/bun', '/edge'].map((runtime) => [`of${runtime.slice(1)}`, programOf(runtime)]),
    );
    expect(await compile(programs, { module, compiler, packages: ['wasock'] })).toBe('');
  });
});
