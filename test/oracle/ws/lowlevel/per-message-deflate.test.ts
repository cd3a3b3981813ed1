// The PerMessageDeflate export: compression by hand, and with a Receiver.

import { describe, expect, test } from 'vitest';
import { hex, pattern, utf8 } from '../../../support/frames.ts';
import { show, sleep, until } from '../oracle.ts';
import { framesFor, ours, readerOf, receive, sameWithBoth, theirs, type LowLevel } from './lowlevel.ts';

type Deflate = InstanceType<LowLevel['PerMessageDeflate']>;
type Settings = NonNullable<ConstructorParameters<LowLevel['PerMessageDeflate']>[0]>;

function accepted({ PerMessageDeflate }: LowLevel, options: Settings = {}, parameters: object = {}): Deflate {
  const deflate = new PerMessageDeflate(options);
  deflate.accept([structuredClone(parameters) as never]);
  return deflate;
}

function run(deflate: Deflate, method: 'compress' | 'decompress', data: unknown, fin: boolean = true): Promise<unknown[]> {
  return new Promise((resolve) => {
    deflate[method](data as Buffer, fin, (...values) => resolve(values.map(view)));
  });
}

function bytesOf(deflate: Deflate, data: unknown, fin: boolean = true): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflate.compress(data as Buffer, fin, (error, bytes) => (error ? reject(error) : resolve(bytes!)));
  });
}

function view(value: unknown): unknown {
  if (Buffer.isBuffer(value))
    return value.length > 200 ? [value.length, value.subarray(-20).toString('hex')] : value.toString('hex');
  return show(value);
}

const LONG = 'wasock and ws '.repeat(5000);
const WINDOWS = [8, 9, 12, 15];

describe('compress()', () => {
  const OPTIONS: [Settings, object][] = [true, false].flatMap((isServer) => [
    [{ isServer }, {}],
    [{ isServer }, { server_no_context_takeover: [true] }],
    [{ isServer }, { client_no_context_takeover: [true] }],
    ...WINDOWS.map((window): [Settings, object] => [{ isServer }, { server_max_window_bits: [String(window)] }]),
    ...WINDOWS.map((window): [Settings, object] => [{ isServer }, { client_max_window_bits: [String(window)] }]),
    [{ isServer, zlibDeflateOptions: { level: 1, memLevel: 3 } }, {}],
    [{ isServer, zlibDeflateOptions: { level: 0, chunkSize: 64 } }, {}],
  ]);

  test.each(OPTIONS)('gives messages that zlib reads: %j, %j', (options, parameters) =>
    sameWithBoth(async (library) => {
      const deflate = accepted(library, options, parameters);
      const side = options.isServer ? 'server' : 'client';
      const bits = (parameters as Record<string, [string] | undefined>)[`${side}_max_window_bits`]?.[0] ?? 15;
      const read = readerOf(Number(bits), `${side}_no_context_takeover` in parameters);
      const results: unknown[] = [];
      for (const [data, fin] of [
        ['hello', true],
        ['hello', true],
        [LONG, true],
        [Buffer.from('hello'), true],
        [Buffer.from(pattern(3000)), true],
        ['part', false],
        ['part', false],
        ['part', true],
        ['hello', true],
      ] as const) {
        results.push(read(await bytesOf(deflate, data, fin), fin));
      }
      deflate.cleanup();
      return results;
    }),
  );

  test('gives an empty message as one empty block', async () => {
    const deflate = accepted(ours);
    const first = await run(deflate, 'compress', Buffer.alloc(0));
    const second = await run(deflate, 'compress', Buffer.alloc(0));
    const plain = await run(deflate, 'compress', 'x');
    const other = accepted(ours, { isServer: true });
    for (const [, data] of [first, second]) {
      expect(await run(other, 'decompress', Buffer.from(data as string, 'hex'))).toEqual([null, '']);
    }
    expect(await run(other, 'decompress', Buffer.from(plain[1] as string, 'hex'))).toEqual([null, '78']);
  });

  test('calls back in a later turn', () =>
    sameWithBoth(async (library) => {
      const [one, other] = [accepted(library), accepted(library, { isServer: true })];
      const log: unknown[] = [];
      let hasReturned = false;
      one.compress('hello', true, (...values) => log.push([hasReturned, ...values.map(view)]));
      hasReturned = true;
      await until(() => log.length === 1);
      hasReturned = false;
      const hello = Buffer.from('ca48cdc9c90700', 'hex');
      other.decompress(hello, true, (...values) => log.push([hasReturned, ...values.map(view)]));
      hasReturned = true;
      await until(() => log.length === 2);
      return log;
    }));

  test('of ours takes several calls at once', async () => {
    const [one, other] = [accepted(ours), accepted(ours, { isServer: true })];
    const texts = ['hello', LONG, '', 'hello', 'end'];
    const packed = await Promise.all(
      texts.map((text) => new Promise<Buffer>((resolve) => one.compress(text, true, (_, data) => resolve(data!)))),
    );
    const plain = await Promise.all(
      packed.map((data) => new Promise<Buffer>((resolve) => other.decompress(data, true, (_, bytes) => resolve(bytes!)))),
    );
    expect(plain.map(String)).toEqual(texts);
  });

  test('a cleanup while it works is an error for its callback', () =>
    sameWithBoth(async (library) => {
      const deflate = accepted(library);
      const log: unknown[] = [];
      deflate.compress('hello', true, (...values) => log.push(values.map(view)));
      deflate.cleanup();
      log.push('cleaned');
      await until(() => log.length === 2);
      await sleep(15);
      deflate.cleanup();
      return [log, await run(deflate, 'compress', 'hello')];
    }));
});

describe('decompress()', () => {
  const HELLO = 'ca48cdc9c90700';
  test.each<[string, Settings, (readonly [string, boolean])[]]>([
    [
      'a message, twice',
      {},
      [
        [HELLO, true],
        [HELLO, true],
      ],
    ],
    [
      'a reference to the message before',
      {},
      [
        ['f248cdc9c90700', true],
        ['f200110000', true],
      ],
    ],
    [
      'fragments',
      {},
      [
        ['ca48cd', false],
        ['c9c90700', true],
        [HELLO, true],
      ],
    ],
    [
      'what is no deflate stream, then what is',
      {},
      [
        ['ffff', true],
        [HELLO, true],
      ],
    ],
    [
      'what is no deflate stream, in a fragment',
      {},
      [
        ['ffff', false],
        [HELLO, true],
      ],
    ],
    [
      'an empty message',
      {},
      [
        ['00', true],
        [HELLO, true],
      ],
    ],
    [
      'a block with BFINAL',
      {},
      [
        ['cb48cdc9c90700', true],
        [HELLO, true],
      ],
    ],
    [
      'more than maxPayload',
      { maxPayload: 4 },
      [
        [HELLO, true],
        ['4a4c4c0400', true],
      ],
    ],
    [
      'as much as maxPayload',
      { maxPayload: 5 },
      [
        [HELLO, true],
        [HELLO, true],
      ],
    ],
    [
      'fragments, each within maxPayload',
      { maxPayload: 5 },
      [
        ['ca48cdc9c907000000ffff', false],
        [HELLO, true],
      ],
    ],
  ])('gives the same for %s', (_, options, list) =>
    sameWithBoth(async (library) => {
      const deflate = accepted(library, options);
      const results: unknown[] = [];
      for (const [digits, fin] of list) results.push(await run(deflate, 'decompress', Buffer.from(digits, 'hex'), fin));
      deflate.cleanup();
      return results;
    }),
  );

  test.each(
    [true, false].flatMap((isServer) =>
      WINDOWS.flatMap((window) => [true, false].map((resets) => [isServer, window, resets] as const)),
    ),
  )('takes what the other library compresses: isServer %s, %i window bits, no context %s', async (isServer, window, resets) => {
    const parameters = {
      server_max_window_bits: [String(window)],
      client_max_window_bits: [String(window)],
      ...(resets && { server_no_context_takeover: [true], client_no_context_takeover: [true] }),
    };
    for (const [sender, receiver] of [
      [ours, theirs],
      [theirs, ours],
    ]) {
      const [from, to] = [accepted(sender, { isServer: !isServer }, parameters), accepted(receiver, { isServer }, parameters)];
      for (const text of ['hello', LONG, 'hello', 'ж'.repeat(3000)]) {
        const packed = await new Promise<Buffer>((resolve) => from.compress(text, true, (_, data) => resolve(data!)));
        const plain = await new Promise<Buffer>((resolve) => to.decompress(packed, true, (_, data) => resolve(data!)));
        expect(plain.toString()).toBe(text);
      }
    }
  });

  test('of ours takes no bytes for an empty message', async () => {
    const deflate = accepted(ours);
    for (const digits of ['', '00', '']) {
      expect(await run(deflate, 'decompress', Buffer.from(digits, 'hex'))).toEqual([null, '']);
    }
    expect(await run(deflate, 'decompress', Buffer.from(HELLO, 'hex'))).toEqual([null, '68656c6c6f']);
  });

  test('of ours refuses a message that ends within a block', async () => {
    const deflate = accepted(ours);
    const [error] = await run(deflate, 'decompress', Buffer.from('f248cd', 'hex'));
    expect(error).toMatchObject({ code: 'Z_BUF_ERROR' });
    expect(await run(deflate, 'decompress', Buffer.from(HELLO, 'hex'))).toEqual([null, '68656c6c6f']);
  });

  test('a bomb costs no more than maxPayload', async () => {
    const deflate = accepted(ours, { maxPayload: 100_000 });
    const bomb = await new Promise<Buffer>((resolve) => {
      accepted(ours, { isServer: true }).compress(Buffer.alloc(50_000_000), true, (_, data) => resolve(data!));
    });
    const before = process.memoryUsage().arrayBuffers;
    const [error] = await run(deflate, 'decompress', bomb);
    expect(error).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });
});

describe('a Receiver with it', () => {
  const list = [
    { payload: hex('f248cdc9c90700'), rsv1: true },
    { payload: 'plain' },
    { payload: hex('f200110000'), rsv1: true },
    { opcode: 9, payload: 'ping' },
    { opcode: 2, payload: hex('f248'), rsv1: true, fin: false },
    { opcode: 9, payload: 'between' },
    { opcode: 0, payload: hex('cdc9c90700') },
    { opcode: 8, payload: hex('03e8') },
    { payload: 'late' },
  ];
  const receiver = (library: LowLevel, options: object = {}, settings: Settings = {}): InstanceType<LowLevel['Receiver']> =>
    new library.Receiver({
      isServer: true,
      extensions: { [library.PerMessageDeflate.extensionName]: accepted(library, { isServer: true, ...settings }) },
      ...options,
    });
  /** How the events come in turns is ours; their order is not. */
  const events = (log: unknown[]): unknown[] => log.filter((entry) => Array.isArray(entry) && entry[0] !== 'callback 0');

  test.each([true, false])('inflates in order, allowSynchronousEvents: %s', (allowSynchronousEvents) =>
    sameWithBoth(async (library) =>
      events(await receive(receiver(library, { allowSynchronousEvents }), [framesFor(true, list)], 50)),
    ),
  );

  test('inflates in order, byte by byte', () =>
    sameWithBoth(async (library) => {
      const chunks = Array.from(framesFor(true, list.slice(0, -2)), (byte) => Buffer.from([byte]));
      return events(await receive(receiver(library), chunks, 50)).filter(
        (entry) => !(entry as string[])[0].startsWith('callback'),
      );
    }));

  test.each<[string, object, Settings, object[]]>([
    ['no deflate stream', {}, {}, [{ payload: hex('ffff'), rsv1: true }]],
    ['more than maxPayload', { maxPayload: 4 }, { maxPayload: 4 }, [{ payload: hex('ca48cdc9c90700'), rsv1: true }]],
    ['more than its own maxPayload', {}, { maxPayload: 4 }, [{ payload: hex('ca48cdc9c90700'), rsv1: true }]],
    ['text that is no UTF-8', {}, {}, [{ payload: hex('fa0f00'), rsv1: true }]],
    [
      'RSV1 on a continuation',
      {},
      {},
      [
        { fin: false, payload: 'x' },
        { opcode: 0, rsv1: true },
      ],
    ],
    ['RSV1 on a Ping', {}, {}, [{ opcode: 9, rsv1: true }]],
    ['nothing, compressed', {}, {}, [{ rsv1: true }, { payload: 'x' }]],
    ['an empty block', {}, {}, [{ rsv1: true, payload: hex('00') }, { payload: 'x' }]],
  ])('takes or refuses %s', (_, options, settings, frames) =>
    sameWithBoth(async (library) => {
      const log = events(await receive(receiver(library, options, settings), [framesFor(true, frames)], 25));
      return JSON.parse(JSON.stringify(log)) as unknown;
    }),
  );

  test('a long message holds up what comes behind, and its write', async () => {
    const text = utf8('x'.repeat(8_000_000));
    const packed = await new Promise<Buffer>((resolve) => accepted(ours).compress(text, true, (_, data) => resolve(data!)));
    const one = receiver(ours);
    const log: unknown[] = [];
    one.on('message', (data) => log.push((data as Buffer).length));
    const written = new Promise<void>((resolve) => {
      one.write(
        framesFor(true, [{ payload: packed, rsv1: true }, { payload: 'after' }]),
        () => (log.push('callback'), resolve()),
      );
    });
    expect(log).toEqual([]);
    await written;
    expect(log).toEqual([8_000_000, 5, 'callback']);
  });

  test('goes on after a cleanup, with fresh contexts', async () => {
    const deflate = accepted(ours, { isServer: true });
    const one = new ours.Receiver({ isServer: true, extensions: { 'permessage-deflate': deflate } });
    const log: unknown[] = [];
    one.on('message', (data) => log.push(show(data)));
    const received = async (count: number): Promise<void> => {
      await expect.poll(() => log).toEqual(Array.from({ length: count }, () => 'Buffer Hello'));
    };
    one.write(framesFor(true, [list[0]]));
    // Another test may have used up the turn: then it comes in the next one.
    await received(1);
    deflate.cleanup();
    one.write(framesFor(true, [list[0]]));
    await received(2);
  });
});
