// permessage-deflate: what is offered, answered and agreed on. RFC 7692 section 7.1.

import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerTo, messagesIn } from './lowlevel/compressed-peer.ts';
import {
  closed,
  exchange,
  open,
  ours,
  rawServer,
  record,
  requestOf,
  sameOnAllSides,
  sameWithBoth,
  theirs,
  until,
  type Library,
} from './oracle.ts';

type Options = Record<string, unknown>;
const BITS = [8, 9, 10, 11, 12, 13, 14, 15];

/** The value of the Sec-WebSocket-Extensions header. */
function extensionsIn(head: string): string | undefined {
  return /^sec-websocket-extensions: (.*)\r?$/im.exec(head)?.[1];
}

const OPTIONS: readonly (Options | boolean)[] = [
  true,
  false,
  {},
  { serverNoContextTakeover: true },
  { serverNoContextTakeover: false },
  { clientNoContextTakeover: true },
  { clientNoContextTakeover: false },
  { clientMaxWindowBits: true },
  { clientMaxWindowBits: false },
  { serverMaxWindowBits: false },
  ...BITS.map((bits) => ({ serverMaxWindowBits: bits })),
  ...BITS.map((bits) => ({ clientMaxWindowBits: bits })),
  { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
  { threshold: 5, concurrencyLimit: 3, zlibDeflateOptions: { level: 9 }, zlibInflateOptions: { chunkSize: 1024 } },
];

async function takes({ WebSocket }: Library, perMessageDeflate: unknown, answer: string): Promise<unknown> {
  const server = await rawServer((socket, head) => {
    socket.write(answerTo(head, answer));
    socket.on('data', () => socket.end());
    socket.on('end', () => socket.end());
  });
  const ws = new WebSocket(`ws://127.0.0.1:${server.port}`, { perMessageDeflate } as never);
  const log = record(ws, [], ['open', 'error', 'close']);
  const states: unknown[] = [];
  ws.on('open', () => (states.push(ws.extensions), ws.terminate()));
  await closed(ws);
  server.close();
  return [log, states, ws.extensions];
}

describe('a client', () => {
  async function offerOf({ WebSocket }: Library, perMessageDeflate: unknown): Promise<string | undefined> {
    let offer: string | undefined;
    const server = await rawServer((socket, head) => {
      offer = extensionsIn(head);
      socket.destroy();
    });
    const ws = new WebSocket(
      `ws://127.0.0.1:${server.port}`,
      (perMessageDeflate === undefined ? {} : { perMessageDeflate }) as never,
    );
    ws.on('error', () => {});
    await closed(ws);
    server.close();
    return offer;
  }

  test.each(OPTIONS)('offers the same with %j', (options) => sameWithBoth((library) => offerOf(library, options)));
  test('offers by default', () => sameWithBoth((library) => offerOf(library, undefined)));

  const ANSWERS = [
    'permessage-deflate',
    'permessage-deflate; server_no_context_takeover',
    'permessage-deflate; client_no_context_takeover',
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    ...[8, 12, 15].map((bits) => `permessage-deflate; server_max_window_bits=${bits}`),
    ...[8, 12, 15].map((bits) => `permessage-deflate; client_max_window_bits=${bits}`),
    'permessage-deflate; client_max_window_bits="10"',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_max_window_bits=7',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; client_max_window_bits=0',
    'permessage-deflate; client_max_window_bits=x',
    'permessage-deflate; server_no_context_takeover=true',
    'permessage-deflate; client_no_context_takeover=""',
    'permessage-deflate; client_no_context_takeover; client_no_context_takeover',
    'permessage-deflate; server_max_window_bits=10; server_max_window_bits=10',
    'permessage-deflate; unknown',
    'permessage-deflate; unknown=1',
    'permessage-deflate, x-other',
    'x-other',
    'x-webkit-deflate-frame',
    'PERMESSAGE-DEFLATE',
    'permessage-deflate;',
    'permessage-deflate; =1',
    '',
  ];
  const CLIENTS: unknown[] = [
    true,
    false,
    { clientNoContextTakeover: true },
    { clientNoContextTakeover: false },
    { clientMaxWindowBits: 12 },
    { clientMaxWindowBits: false },
  ];
  test.each(CLIENTS.flatMap((options) => ANSWERS.map((answer) => [options, answer] as const)))(
    'with %j takes or refuses the answer %j',
    (options, answer) => sameWithBoth((library) => takes(library, options, answer)),
  );
});

describe('a client of ours', () => {
  test('refuses an answer that names the extension twice', async () => {
    const twice = 'permessage-deflate, permessage-deflate; server_no_context_takeover';
    const [log] = (await takes(ours, true, twice)) as [unknown[]];
    const error = { name: 'Error', message: 'Invalid Sec-WebSocket-Extensions header' };
    expect(log).toEqual([
      ['error', error, 2],
      ['close', 1006, 'Buffer ', 3],
    ]);
  });
});

describe('a server', () => {
  async function answers(
    { WebSocketServer }: Library,
    perMessageDeflate: unknown,
    offers: readonly string[],
  ): Promise<string[]> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate } as never);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const heads = await Promise.all(
      offers.map((offer) => exchange(port, requestOf({ 'Sec-WebSocket-Extensions': offer }), /\r\n\r\n/)),
    );
    for (const ws of server.clients) ws.terminate();
    server.close();
    return heads.map((head) => (head.startsWith('HTTP/1.1 101') ? (extensionsIn(head) ?? 'none') : head.split('\r\n')[0]));
  }

  const PARAMETERS = [
    'server_no_context_takeover',
    'client_no_context_takeover',
    'server_max_window_bits=8',
    'server_max_window_bits=12',
    'server_max_window_bits=15',
    'client_max_window_bits',
    'client_max_window_bits=8',
    'client_max_window_bits=12',
    'client_max_window_bits=15',
  ];
  const name = (parameter: string): string => parameter.split('=')[0];
  /** All offers of up to two different parameters, in both orders, and one of all four. */
  const OFFERS = [
    'permessage-deflate',
    ...PARAMETERS.map((one) => `permessage-deflate; ${one}`),
    ...PARAMETERS.flatMap((one) =>
      PARAMETERS.filter((other) => name(one) !== name(other)).map((other) => `permessage-deflate; ${one}; ${other}`),
    ),
    'permessage-deflate; client_max_window_bits; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover',
    'permessage-deflate; server_max_window_bits="10"',
    'permessage-deflate; client_max_window_bits, permessage-deflate',
    'permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=15, permessage-deflate',
    'x-other, permessage-deflate; client_max_window_bits',
    'x-other; a=b',
    'PERMESSAGE-DEFLATE',
  ];
  /** ws refuses the handshake where an offer cannot be accepted; we go on without compression (docs/ws-compatibility.md). */
  const comparable = (answer: string): string => (answer === 'none' ? 'HTTP/1.1 400 Bad Request' : answer);
  /** The order of the parameters means nothing. */
  const sorted = (answer: string): string => answer.split('; ').toSorted().join('; ');

  test.each(OPTIONS.filter((options) => options !== false))('with %j answers the same', async (options) => {
    const known = OFFERS.filter((offer) => offer.includes('permessage'));
    // Where ours may keep the largest windows. Otherwise it asks for smaller ones, which ws does not.
    const given = { maxMemoryPerConnection: 65536, ...(options === true ? {} : options) };
    const [expected, actual] = await Promise.all([answers(theirs, options, known), answers(ours, given, known)]);
    const pairs = known.map((offer, index) => [offer, sorted(comparable(actual[index]))]);
    expect(pairs).toEqual(known.map((offer, index) => [offer, sorted(comparable(expected[index]))]));
  });

  test('without an offer, or with compression off, answers nothing', () =>
    sameWithBoth(async (library) => [
      await answers(library, false, OFFERS),
      await answers(library, true, ['x-other; a=b', 'PERMESSAGE-DEFLATE', 'x-webkit-deflate-frame']),
    ]));

  test.each([
    'permessage-deflate; unknown',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_max_window_bits=7',
    'permessage-deflate; client_max_window_bits=16',
    'permessage-deflate; server_no_context_takeover=1',
    'permessage-deflate; client_max_window_bits; client_max_window_bits',
  ])('of ours declines %j and goes on; ws refuses', async (offer) => {
    expect(await answers(ours, true, [offer])).toEqual(['none']);
    expect(await answers(theirs, true, [offer])).toEqual(['HTTP/1.1 400 Bad Request']);
    // And looks at the next offer.
    expect(await answers(ours, true, [`${offer}, permessage-deflate`])).toEqual(['permessage-deflate']);
  });
});

describe('both', () => {
  const choice = fc.record(
    {
      serverNoContextTakeover: fc.boolean(),
      clientNoContextTakeover: fc.boolean(),
      serverMaxWindowBits: fc.integer({ min: 8, max: 15 }),
      clientMaxWindowBits: fc.integer({ min: 8, max: 15 }),
    },
    { requiredKeys: [] },
  );
  const PAIRS = fc.sample(fc.tuple(choice, choice), { seed: 7, numRuns: 25 });

  test.each(PAIRS)('agree, and understand each other: client %j, server %j', async (client, server) => {
    // ws refuses to connect where window bits do not fit.
    const isRefused =
      (client.serverMaxWindowBits ?? 15) < (server.serverMaxWindowBits ?? 0) ||
      (client.clientMaxWindowBits ?? 15) < (server.clientMaxWindowBits ?? 0) ||
      (server.serverNoContextTakeover === false && client.serverNoContextTakeover) ||
      (client.clientNoContextTakeover === false && server.clientNoContextTakeover);
    if (isRefused) return;
    await sameOnAllSides(async (sides) => {
      const options = (side: Options): Options => ({ ...side, threshold: 0 });
      const pair = await open(sides, { perMessageDeflate: options(client) }, { perMessageDeflate: options(server) });
      const text = 'wasock and ws '.repeat(3000);
      const messages = ['hello', text, 'hello', Buffer.from(text), '', 'end'];
      for (const data of messages) {
        pair.client.send(data);
        pair.peer.send(data);
      }
      await until(() => [pair.clientLog, pair.peerLog].every((log) => messagesIn(log) === messages.length));
      const extensions = [pair.client.extensions, pair.peer.extensions];
      return [extensions, await pair.end()];
    });
  });
});
