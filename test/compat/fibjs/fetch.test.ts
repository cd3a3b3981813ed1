// upgrade and route of the fibjs facade as fetch handlers, over a binding that stands in for a runtime which upgrades by itself.

import type { Duplex } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { createFibjs, nodeBinding, route, upgrade, type MessageEvent, type Socket } from '../../../src/compat/fibjs/index.ts';
import type { FibjsBinding, UpgradedRequest, UpgradePlan } from '../../../src/compat/fibjs/binding.ts';
import type { Session } from '../../../src/platform.ts';
import { frame, hex } from '../../support/frames.ts';
import { duplexPair, KEY, until } from '../../support/sockets.ts';

const FIELDS: Readonly<Record<string, string>> = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
};

function request(fields: Record<string, string> = FIELDS, path: string = '/ws?room=1'): Request {
  return new Request(`http://example.com${path}`, { headers: fields });
}

/** A runtime that upgrades by itself; what its peers would write and read is the other end of each stream. */
function runtime(more: Partial<UpgradedRequest> = {}): {
  binding: FibjsBinding;
  peers: Duplex[];
  plans: UpgradePlan[];
  contexts: (readonly unknown[])[];
  response: Response;
} {
  const peers: Duplex[] = [];
  const plans: UpgradePlan[] = [];
  const contexts: (readonly unknown[])[] = [];
  // Only runtimes that upgrade may make a response with status 101.
  const response = new Response(null, { status: 200 });
  const binding: FibjsBinding = {
    ...nodeBinding,
    upgradeRequest(_request, plan, context) {
      const [socket, peer] = duplexPair();
      peers.push(peer);
      plans.push(plan);
      contexts.push(context);
      const session = nodeBinding.createSession!(socket, { role: 'server', maxPayload: plan.maxPayload });
      return { response, session, ...more };
    },
  };
  return { binding, peers, plans, contexts, response };
}

const masked = (payload: string): Uint8Array => frame({ payload, key: hex('37 fa 21 3d') });

describe('on a runtime that upgrades', () => {
  test('handler gives back the response of the runtime and passes on the connection', async () => {
    const { binding, peers, plans, contexts, response } = runtime();
    const fibjs = createFibjs(binding);
    const events: MessageEvent[] = [];
    let seen: [Socket, Request] | undefined;
    const handler = fibjs.upgrade({ perMessageDeflate: true, maxPayload: 1000 }, (conn, message: Request) => {
      seen = [conn, message];
      conn.onmessage = (event) => {
        events.push(event);
        conn.send(event.data);
      };
    });
    const asked = request({ ...FIELDS, 'Sec-WebSocket-Protocol': 'chat, other', Origin: 'http://example.com' });
    expect(handler(asked, 'server', 'context')).toBe(response);
    expect(plans).toEqual([{ protocol: 'chat', perMessageDeflate: true, maxPayload: 1000 }]);
    expect(contexts).toEqual([['server', 'context']]);
    const [conn, message] = seen!;
    expect(message).toBe(asked);
    expect(conn).toBeInstanceOf(fibjs.Socket);
    expect(conn).toMatchObject({
      readyState: 1,
      protocol: 'chat',
      origin: 'http://example.com',
      url: 'ws://example.com/ws?room=1',
    });
    peers[0].write(masked('Hello'));
    const chunks: Buffer[] = [];
    peers[0].on('data', (chunk: Buffer) => chunks.push(chunk));
    await until('an echo', () => chunks.length > 0);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(hex('81 05 48 65 6c 6c 6f')));
    expect(events).toEqual([{ data: 'Hello', type: 1, masked: true, compress: false }]);
    conn.close();
    peers[0].destroy();
  });

  test('handler passes the defaults on', () => {
    const { binding, plans, peers } = runtime();
    createFibjs(binding).upgrade(() => {})(request());
    expect(plans).toEqual([{ protocol: '', perMessageDeflate: false, maxPayload: 67108864 }]);
    peers[0].destroy();
  });

  test('handler waits for a connection that is not open yet', async () => {
    const [socket, peer] = duplexPair();
    let opened: ((session: Session) => void) | undefined;
    const { binding, response, peers } = runtime({ session: new Promise((resolve) => (opened = resolve)) });
    const heard: unknown[] = [];
    const handler = createFibjs(binding).upgrade((conn) => conn.on('message', ({ data }) => heard.push(data)));
    expect(handler(request())).toBe(response);
    peer.write(masked('Hello'));
    opened!(nodeBinding.createSession!(socket, { role: 'server' }));
    await until('a message', () => heard.length === 1);
    expect(heard).toEqual(['Hello']);
    for (const each of [peer, ...peers]) each.destroy();
  });

  test('handler forgets a connection that never opens', async () => {
    const { binding, response, peers } = runtime({ session: Promise.reject(new Error('gone')) });
    const accept = vi.fn<() => void>();
    expect(createFibjs(binding).upgrade(accept)(request())).toBe(response);
    await new Promise(setImmediate);
    expect(accept).not.toHaveBeenCalled();
    peers[0].destroy();
  });

  test('handler lets ref and unref reach the runtime', () => {
    const holder = { ref: vi.fn<() => void>(), unref: vi.fn<() => void>() };
    const { binding, peers } = runtime({ holder });
    createFibjs(binding).upgrade((conn) => void conn.unref().ref())(request());
    expect(holder.unref).toHaveBeenCalledOnce();
    expect(holder.ref).toHaveBeenCalledOnce();
    peers[0].destroy();
  });

  test.each(Object.keys(FIELDS))('handler refuses a request without %s', async (name) => {
    const { binding, plans } = runtime();
    const { [name]: _left, ...fields } = FIELDS;
    const response = createFibjs(binding).upgrade(() => {})(request(fields));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(name);
    expect(plans).toEqual([]);
  });

  test('handler asks only for Upgrade where the runtime hides the rest', async () => {
    const { binding, plans, response, peers } = runtime();
    const handler = createFibjs({ ...binding, hidesHandshakeFields: true }).upgrade(() => {});
    expect(handler(request({ Upgrade: 'websocket' }))).toBe(response);
    expect(plans).toHaveLength(1);
    const refused = handler(request({}));
    expect([refused.status, await refused.text()]).toEqual([400, 'Invalid Upgrade header']);
    peers[0].destroy();
  });

  test('route finds the handler by the path and answers 404 elsewhere', async () => {
    const { binding, response, peers } = runtime();
    const handler = route({ '/ws': createFibjs(binding).upgrade(() => {}) });
    expect(handler(request())).toBe(response);
    const missing = handler(request(FIELDS, '/other'));
    expect([missing.status, await missing.text()]).toEqual([404, 'There is nothing at this path']);
    peers[0].destroy();
  });
});

describe('on Node.js', () => {
  test('handler says that a fetch request cannot be upgraded', async () => {
    const response = upgrade(() => {})(request());
    expect(response.status).toBe(501);
    expect(await response.text()).toContain('listen for "upgrade"');
  });

  test('handler refuses what is no handshake all the same', () => {
    expect(upgrade(() => {})(request({})).status).toBe(400);
    expect(route({})(request()).status).toBe(404);
  });
});
