// What goes out: arguments of send, ping, pong and close, callbacks, and every method in every state.

import { describe, expect, test } from 'vitest';
import {
  closed,
  errorOf,
  open,
  ours,
  outcome,
  rawServer,
  sameOnAllSides,
  sameWithBoth,
  theirs,
  until,
  type Library,
  type Socket_,
} from './oracle.ts';

const BYTES = Buffer.from('bytes');
const SHARED = new SharedArrayBuffer(3);
new Uint8Array(SHARED).set([1, 2, 3]);

const PAYLOADS: readonly (readonly [string, () => unknown])[] = [
  ['text', () => 'text'],
  ['text beyond ASCII', () => 'жäöü€😀'],
  ['a lone surrogate', () => 'a\ud800b'],
  ['empty text', () => ''],
  ['125 characters', () => 'x'.repeat(125)],
  ['126 characters', () => 'x'.repeat(126)],
  ['65535 characters', () => 'x'.repeat(65535)],
  ['65536 characters', () => 'x'.repeat(65536)],
  ['200000 characters', () => 'ж'.repeat(100000)],
  ['an integer', () => 42],
  ['zero', () => 0],
  ['a fraction', () => -0.5],
  ['NaN', () => NaN],
  ['undefined', () => undefined],
  ['null', () => null],
  ['false', () => false],
  ['true', () => true],
  ['a bigint', () => 5n],
  ['a zero bigint', () => 0n],
  ['a symbol', () => Symbol('x')],
  ['a function', () => () => {}],
  ['an object', () => ({})],
  ['an object with a length', () => ({ length: 2, 0: 65, 1: 66 })],
  ['an object with valueOf', () => ({ valueOf: () => 'value' })],
  ['an object with toPrimitive', () => ({ [Symbol.toPrimitive]: () => 'primitive' })],
  ['an array', () => [1, 2, 300]],
  ['an empty array', () => []],
  ['an array of texts', () => ['1', 'x']],
  ['a Date', () => new Date(0)],
  ['a Map', () => new Map()],
  ['a Buffer', () => BYTES],
  ['an empty Buffer', () => Buffer.alloc(0)],
  ['a large Buffer', () => Buffer.alloc(70000, 'y')],
  ['a larger Buffer', () => Buffer.alloc(300000, 'z')],
  ['a Uint8Array', () => new Uint8Array([1, 2, 3])],
  ['a part of an ArrayBuffer', () => new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)],
  ['a Uint16Array', () => new Uint16Array([1, 515])],
  ['a Float64Array', () => new Float64Array([1])],
  ['a DataView', () => new DataView(new Uint8Array([9, 8, 7]).buffer, 1)],
  ['an ArrayBuffer', () => new Uint8Array([4, 5]).buffer],
  ['an empty ArrayBuffer', () => new ArrayBuffer(0)],
  ['a SharedArrayBuffer', () => SHARED.slice(0)],
  ['a String object', () => new String('object')],
  ['a Blob', () => new Blob(['blob'])],
  ['an empty Blob', () => new Blob([])],
  ['a Blob with a type', () => new Blob(['x'], { type: 'text/plain' })],
  ['a File', () => new File(['file'], 'name')],
  [
    'what looks like a Blob',
    () => ({
      size: 2,
      type: '',
      stream() {},
      arrayBuffer: () => Promise.resolve(new Uint8Array([104, 105]).buffer),
      [Symbol.toStringTag]: 'Blob',
    }),
  ],
];

const OPTIONS: readonly (readonly [string, unknown])[] = [
  ['no options', undefined],
  ['empty options', {}],
  ['binary', { binary: true }],
  ['not binary', { binary: false }],
  ['binary undefined', { binary: undefined }],
  ['binary null', { binary: null }],
  ['compress', { compress: true }],
  ['no compress', { compress: false }],
  ['fin', { fin: true }],
  ['other members', { other: 1 }],
  ['null for options', null],
  ['true for options', true],
];

/** What the other side gets of one call, and what the call gives back. */
async function delivered(
  sides: { client: Library; server: Library },
  fromClient: boolean,
  call: (ws: Socket_, log: unknown[]) => unknown,
) {
  const pair = await open(sides);
  const calls: unknown[] = [];
  calls.push(outcome(() => call(fromClient ? pair.client : pair.peer, calls)));
  const [sender, log] = fromClient ? [pair.client, pair.peerLog] : [pair.peer, pair.clientLog];
  sender.send('last');
  await until(() => log.some((entry) => (entry as unknown[])[1] === 'Buffer last'));
  await pair.end();
  return { calls, log: log.filter((entry) => (entry as unknown[])[0] !== 'upgrade') };
}

describe.each([
  ['client', true],
  ['server', false],
] as const)('a %s', (_side, fromClient) => {
  test.each(PAYLOADS)('sends %s', (_, make) =>
    sameOnAllSides((sides) =>
      delivered(sides, fromClient, (ws, log) =>
        ws.send(make() as string, (error) => log.push(['callback', errorOf(error ?? undefined)])),
      ),
    ),
  );

  test.each(PAYLOADS.filter(([name]) => !/\d{5}|large/.test(name)))('pings with %s', (_, make) =>
    sameOnAllSides((sides) =>
      delivered(sides, fromClient, (ws, log) => {
        const data = make();
        if (typeof data === 'function') return;
        ws.ping(data, undefined, (error) => log.push(['callback', errorOf(error ?? undefined)]));
      }),
    ),
  );

  test.each(OPTIONS)('sends text and bytes with %s', (_, options) =>
    sameOnAllSides((sides) =>
      delivered(sides, fromClient, (ws) => {
        ws.send('text', options as object);
        ws.send(BYTES, options as object);
        ws.send(7, options as object);
        ws.send('', options as object);
      }),
    ),
  );

  test('sends fragments', () =>
    sameOnAllSides((sides) =>
      delivered(sides, fromClient, (ws) => {
        ws.send('one ', { fin: false });
        ws.send(Buffer.from('two '), { fin: false });
        ws.ping('between');
        ws.send('three', { fin: true, binary: true });
        ws.send(BYTES, { fin: false });
        ws.send('', { fin: false });
        ws.send('end');
      }),
    ));

  test('keeps the order around Blobs', () =>
    sameOnAllSides((sides) =>
      delivered(sides, fromClient, (ws, log) => {
        const done = (name: string) => (error?: Error) => log.push([name, errorOf(error ?? undefined)]);
        ws.send('a', done('a'));
        ws.send(new Blob(['b'.repeat(1000)]), done('b'));
        ws.send('c', done('c'));
        ws.ping('d', undefined, done('d'));
        ws.send(new Blob(['e']), { binary: false }, done('e'));
        ws.pong(new Blob(['f']), undefined, done('f'));
        ws.send(8, done('8'));
        ws.send(Buffer.from('g'), done('g'));
      }),
    ));

  test('reports a Blob that cannot be read', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      const ws = fromClient ? pair.client : pair.peer;
      const broken = Object.assign(new Blob(['x']), { arrayBuffer: () => Promise.reject(new Error('unreadable')) });
      const log: unknown[] = [];
      ws.on('error', (error) => log.push(['error', errorOf(error)]));
      ws.send(broken, (error) => log.push(['callback', errorOf(error)]));
      await closed(ws);
      const { client, peer } = await pair.end();
      return [log, client.at(-1), peer.at(-1)];
    }));

  test.each<[string, readonly unknown[]]>([
    ['nothing', []],
    ['text', ['text']],
    ['a number', [12]],
    ['a callback alone', ['CALLBACK']],
    ['data and callback', ['text', 'CALLBACK']],
    ['data, undefined and callback', ['text', undefined, 'CALLBACK']],
    ['125 bytes', ['x'.repeat(125), undefined, 'CALLBACK']],
    ['126 bytes', ['x'.repeat(126), undefined, 'CALLBACK']],
    ['126 bytes of a Blob', [new Blob(['x'.repeat(126)])]],
    ['63 wide characters', ['ж'.repeat(63)]],
    ['null', [null]],
    ['false', [false]],
    ['the right mask', ['text', fromClient]],
    ['true as data', [true]],
  ])('pings and pongs with %s', (_, values) =>
    sameOnAllSides((sides) =>
      delivered(sides, fromClient, (ws, log) => {
        for (const method of ['ping', 'pong'] as const) {
          const callback = (error?: unknown) => log.push([method, errorOf(error ?? undefined)]);
          log.push(
            outcome(() =>
              (ws[method] as (...values: unknown[]) => void)(
                ...values.map((value) => (value === 'CALLBACK' ? callback : value)),
              ),
            ),
          );
        }
      }),
    ),
  );

  test.each<[string, readonly unknown[]]>([
    ['nothing', []],
    ['1000', [1000]],
    ['1001 and text', [1001, 'reason']],
    ['1000 and a Buffer', [1000, Buffer.from('reason')]],
    ['1000 and a Uint8Array', [1000, new Uint8Array([97, 98])]],
    ['1000 and an ArrayBuffer', [1000, new ArrayBuffer(2)]],
    ['1000 and a DataView', [1000, new DataView(new ArrayBuffer(2))]],
    ['1000 and a Uint16Array', [1000, new Uint16Array(2)]],
    ['1000 and a number', [1000, 5]],
    ['1000 and null', [1000, null]],
    ['1000 and an object', [1000, {}]],
    ['1000 and an array', [1000, [1]]],
    ['1000 and empty text', [1000, '']],
    ['1000 and 123 bytes', [1000, 'x'.repeat(123)]],
    ['1000 and 124 bytes', [1000, 'x'.repeat(124)]],
    ['1000 and 62 wide characters', [1000, 'ж'.repeat(62)]],
    ['no code and 124 bytes', [undefined, 'x'.repeat(124)]],
    ['no code and a reason', [undefined, 'reason']],
    ['null', [null]],
    ['text', ['1000']],
    ...[0, 999, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1014, 1015, 1016, 1999, 2000, 2999, 3000, 4999, 5000, NaN].map(
      (code): [string, readonly unknown[]] => [String(code), [code]],
    ),
  ])('closes with %s', (_, values) =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      const ws = fromClient ? pair.client : pair.peer;
      const result = outcome(() => (ws.close as (...values: unknown[]) => void)(...values)) as { throws?: { name: string } };
      const state = ws.readyState;
      // A property of null: the engine's words.
      if (result.throws?.name === 'TypeError' && values[1] === null) return [state, (await pair.end()).client.at(-1)];
      return [result, state, await pair.end()];
    }),
  );
});

type Act = (ws: Socket_, log: unknown[]) => void;
const ACTS: readonly (readonly [string, Act])[] = [
  ['send text', (ws, log) => ws.send('late', (error) => log.push(['sent', errorOf(error)]))],
  ['send bytes', (ws, log) => ws.send(BYTES, {}, (error) => log.push(['sent', errorOf(error)]))],
  ['send a number', (ws) => ws.send(1234)],
  ['send nothing', (ws, log) => ws.send(undefined as never, (error) => log.push(['sent', errorOf(error)]))],
  ['send a Blob', (ws, log) => ws.send(new Blob(['12345']), (error) => log.push(['sent', errorOf(error)]))],
  ['send an object', (ws) => ws.send({} as never)],
  ['send without a callback', (ws) => ws.send('late')],
  ['ping', (ws, log) => ws.ping('late', undefined, (error) => log.push(['sent', errorOf(error)]))],
  ['ping with a callback alone', (ws, log) => ws.ping((error: Error) => log.push(['sent', errorOf(error)]))],
  ['ping with too much', (ws) => ws.ping('x'.repeat(200))],
  ['pong', (ws, log) => ws.pong('late', true, (error) => log.push(['sent', errorOf(error)]))],
  ['pause', (ws) => ws.pause()],
  ['resume', (ws) => ws.resume()],
  ['close', (ws) => ws.close()],
  ['close with a bad code', (ws) => ws.close(1)],
  ['close with a code', (ws) => ws.close(1000, 'again')],
  ['terminate', (ws) => ws.terminate()],
  ['set binaryType', (ws) => (ws.binaryType = 'fragments')],
  ['nothing', () => {}],
];

function stateOf(ws: Socket_): unknown[] {
  return [ws.readyState, ws.bufferedAmount, ws.isPaused, ws.binaryType];
}

async function actOn(ws: Socket_, act: Act): Promise<unknown> {
  const log: unknown[] = [];
  const result = outcome(() => act(ws, log));
  const after = stateOf(ws);
  await new Promise((resolve) => void setImmediate(resolve));
  return [result, after, log];
}

describe.each(ACTS)('in each state: %s', (name, act) => {
  test('while connecting', () =>
    sameWithBoth(async (library) => {
      const server = await rawServer(() => {});
      const ws = new library.WebSocket(`ws://127.0.0.1:${server.port}`, { perMessageDeflate: false });
      const log: unknown[] = [];
      ws.on('error', (error) => log.push(['error', errorOf(error), ws.readyState]));
      ws.on('close', (code, reason) => log.push(['close', code, String(reason), ws.readyState]));
      const seen = await actOn(ws, act);
      ws.terminate();
      await closed(ws);
      server.close();
      return [seen, log];
    }));

  test('while closing', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      pair.client.close(1000, 'bye');
      if (name === 'pause') return pair.end();
      const seen = await actOn(pair.client, act);
      const { client, peer } = await pair.end();
      // A connection that is cut may be cut before the other side heard anything.
      return [seen, name === 'terminate' ? [] : [client, peer]];
    }));

  test('while the server is closing', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      pair.peer.close(3000, 'bye');
      if (name === 'pause') return pair.end();
      const seen = await actOn(pair.peer, act);
      const { client, peer } = await pair.end();
      return [seen, name === 'terminate' ? [] : [client, peer]];
    }));

  test('after terminate()', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      pair.client.terminate();
      const seen = await actOn(pair.client, act);
      return [seen, await pair.end()];
    }));

  test('when closed', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      pair.client.close();
      await pair.end();
      return [await actOn(pair.client, act), await actOn(pair.peer, act)];
    }));
});

describe('bufferedAmount', () => {
  test('is zero once the callback was called', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      await new Promise((resolve) => {
        pair.client.send(Buffer.alloc(100000), resolve);
      });
      const { bufferedAmount } = pair.client;
      await pair.end();
      return bufferedAmount;
    }));

  test('counts a Blob that is being read', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      pair.client.send(new Blob(['12345']));
      pair.client.send('678');
      const { bufferedAmount } = pair.client;
      await pair.end();
      return bufferedAmount;
    }));

  test('of ours counts payload until the end of the turn, of ws only what the kernel did not take', async () => {
    const mine = await open({ client: ours, server: ours });
    mine.client.send('12345');
    expect(mine.client.bufferedAmount).toBe(5);
    await mine.end();
    const other = await open({ client: theirs, server: theirs });
    other.client.send('12345');
    expect(other.client.bufferedAmount).toBe(0);
    await other.end();
  });
});
