// The Sender export: calls in, bytes and callbacks out.

import { describe, expect, test } from 'vitest';
import { pattern } from '../../../support/frames.ts';
import { outcome, show, sleep } from '../oracle.ts';
import { ours, readLog, sameWithBoth, Sink, type LowLevel } from './lowlevel.ts';

type AnySender = InstanceType<LowLevel['Sender']>;
type Options = Parameters<AnySender['send']>[1];
const key = (mask: Buffer): void => void mask.writeUInt32BE(0x01020304);

/** Runs `program` with a sender; what was written, by write, and whatever the program has noted. */
async function sent(
  library: LowLevel,
  program: (sender: AnySender, sink: Sink) => unknown,
  extensions?: ConstructorParameters<LowLevel['Sender']>[1],
  milliseconds: number = 15,
): Promise<unknown> {
  const sink = new Sink();
  sink.on('error', () => {});
  const sender = new library.Sender(sink, extensions, key);
  const result = outcome(() => program(sender, sink));
  sink.log.push('returned');
  await sleep(milliseconds);
  return [sink.log, result];
}

const DATA: readonly (readonly [string, () => never])[] = (
  [
    ['text', () => 'text'],
    ['no text', () => ''],
    ['text beyond ASCII', () => 'жä€😀\ud800'],
    ['a Buffer', () => Buffer.from('bytes')],
    ['an empty Buffer', () => Buffer.alloc(0)],
    ['an ArrayBuffer', () => Uint8Array.from([1, 2, 3]).buffer],
    ['a Uint16Array', () => Uint16Array.from([1, 2, 3])],
    ['a DataView', () => new DataView(new ArrayBuffer(9), 2, 5)],
    ['a list', () => [1, 2, 300]],
    ['125 bytes', () => Buffer.from(pattern(125))],
    ['126 bytes', () => Buffer.from(pattern(126))],
    ['65535 bytes', () => Buffer.from(pattern(65535))],
    ['65536 bytes', () => Buffer.from(pattern(65536))],
    ['200000 bytes', () => Buffer.from(pattern(200_000))],
    ['undefined', () => undefined],
    ['a number', () => 5],
    ['an object', () => ({})],
    ['a Blob', () => new Blob(['blob'])],
    ['an empty Blob', () => new Blob([])],
  ] as [string, () => never][]
).map(([name, make]) => [name, make] as const);

describe('send()', () => {
  const SETTINGS: Options[] = [
    { fin: true },
    { fin: true, mask: true },
    { fin: true, binary: true },
    { fin: true, binary: true, mask: true },
    {},
  ];
  test.each(SETTINGS.flatMap((settings) => DATA.map(([name, make]) => [name, settings, make] as const)))(
    'writes %s with %j',
    (_, settings, make) =>
      sameWithBoth((library) => sent(library, (sender, sink) => sender.send(make(), settings, sink.note('sent')))),
  );

  test('leaves what it is given as it was', () =>
    sameWithBoth(async (library) => {
      const given = [Buffer.from('bytes'), Uint8Array.from([1, 2, 3]), new Uint8Array([4, 5]).buffer];
      await sent(library, (sender) => {
        for (const data of given) sender.send(data, { fin: true, mask: true });
      });
      return given.map((data) => Buffer.from(data as Buffer).toString('hex'));
    }));

  test('writes fragments, with control frames between', () =>
    sameWithBoth((library) =>
      sent(library, (sender, sink) => {
        sender.send('a', { fin: false }, sink.note('a'));
        sender.ping('p', false, sink.note('p'));
        sender.send('b', { fin: false, binary: true }, sink.note('b'));
        sender.send('c', { fin: true, binary: true }, sink.note('c'));
        sender.send('d', { fin: true, binary: true }, sink.note('d'));
      }),
    ));

  test('refuses null, and needs options', () =>
    sameWithBoth(({ Sender }) => {
      const sender = new Sender(new Sink());
      expect(() => sender.send(null as never, { fin: true })).toThrow(TypeError);
      expect(() => sender.send('x', undefined as never)).toThrow(TypeError);
    }));

  test('of ours sends as it is what cannot be compressed', async () => {
    const result = await sent(ours, (sender) => sender.send('x', { fin: true, compress: true }));
    expect(result).toEqual([['810178', 'returned'], { returns: undefined }]);
  });
});

describe('ping() and pong()', () => {
  test.each([true, false, undefined].flatMap((mask) => DATA.map(([name, make]) => [name, mask, make] as const)))(
    'write %s, mask: %s',
    (_, mask, make) =>
      sameWithBoth(async (library) => [
        await sent(library, (sender, sink) => sender.ping(make(), mask, sink.note('sent'))),
        await sent(library, (sender, sink) => sender.pong(make(), mask, sink.note('sent'))),
      ]),
  );
});

describe('close()', () => {
  const CODES: unknown[] = [undefined, 1000, 1014, 3000, 4999, 999, 1004, 1005, 1006, 1015, 2000, 5000, -1, NaN, '1000', null];
  test.each(CODES)('writes or refuses %s', (code) =>
    sameWithBoth((library) =>
      sent(library, (sender, sink) => sender.close(code as number, undefined, false, sink.note('sent'))),
    ),
  );

  const REASONS: unknown[] = [
    undefined,
    '',
    'reason',
    'ж'.repeat(61),
    'ж'.repeat(62),
    Buffer.from('bytes'),
    new Uint8Array(124),
  ];
  test.each(REASONS)('writes or refuses the reason %j', (reason) =>
    sameWithBoth((library) => sent(library, (sender, sink) => sender.close(1000, reason as string, true, sink.note('sent')))),
  );

  test('leaves the sender open', () =>
    sameWithBoth((library) =>
      sent(library, (sender) => {
        sender.close();
        sender.close(1000, 'x');
        sender.send('late', { fin: true });
      }),
    ));
});

describe('Sender.frame()', () => {
  const COMBINATIONS = [true, false].flatMap((fin) =>
    [true, false].flatMap((mask) =>
      [true, false].flatMap((readOnly) => [true, false].map((rsv1) => ({ fin, mask, readOnly, rsv1, opcode: fin ? 1 : 10 }))),
    ),
  );
  const PAYLOADS: (() => Buffer | string)[] = [
    () => '',
    () => 'жtext',
    () => Buffer.alloc(0),
    () => Buffer.from('bytes'),
    ...[125, 126, 65535, 65536].map((length) => () => Buffer.from(pattern(length))),
  ];

  test.each(COMBINATIONS)('makes the pieces of %j', (options) =>
    sameWithBoth(({ Sender }) =>
      PAYLOADS.map((make) => {
        const data = make();
        const list = Sender.frame(data, { ...options, generateMask: key, maskBuffer: Buffer.alloc(4) });
        return [list.map(show), list.map((piece) => piece === data), show(data)];
      }),
    ),
  );

  test.each([{}, { opcode: 2 }, { fin: true }])('takes %j', (options) =>
    sameWithBoth(({ Sender }) => Sender.frame(Buffer.from('x'), options).map(show)),
  );

  test('draws a fresh key for each frame', () => {
    const keys = Array.from({ length: 50 }, () =>
      ours.Sender.frame('', { fin: true, opcode: 1, mask: true })[0].toString('hex'),
    );
    expect(new Set(keys).size).toBe(50);
    for (const frame of keys) expect(frame).toMatch(/^8180[0-9a-f]{8}$/);
  });
});

describe('sendFrame()', () => {
  test.each([1, 2])('writes a frame of %i pieces', (count) =>
    sameWithBoth((library) =>
      sent(library, (sender, sink) => {
        const list = [Buffer.from('one'), Buffer.from('two')].slice(0, count);
        sender.sendFrame(list, sink.note('sent'));
        sender.sendFrame(list);
      }),
    ),
  );
});

describe('what takes its time', () => {
  const deflateOf = (
    library: LowLevel,
    options: object = {},
    parameters: Record<string, [true]> = {},
  ): ConstructorParameters<LowLevel['Sender']>[1] => {
    const deflate = new library.PerMessageDeflate({ threshold: 0, ...options });
    deflate.accept([parameters]);
    return { 'permessage-deflate': deflate };
  };

  /** As `sent`, with the contents of compressed messages in place of their bytes. */
  const sentCompressed = async (...values: Parameters<typeof sent>): Promise<unknown> => {
    const [log, ...rest] = (await sent(...values)) as [unknown[], unknown];
    return [readLog(log), ...rest];
  };

  test('holds up what follows, in order', () =>
    sameWithBoth((library) =>
      sentCompressed(
        library,
        (sender, sink) => {
          const note = (name: string) => (error?: Error | null) => {
            sink.note(name)(error);
            sink.log.push(sender._bufferedBytes);
          };
          sender.send('hello', { fin: true, compress: true }, note('first'));
          sink.log.push(sender._bufferedBytes);
          sender.send(new Blob(['blob']), { fin: true, binary: true }, note('blob'));
          sender.ping('ping', false, note('ping'));
          sender.send(Buffer.from('plain'), { fin: true, binary: true }, note('plain'));
          sender.send('hello', { fin: true, compress: true, mask: true }, note('again'));
          sender.close(1000, 'bye', false, note('close'));
          sink.log.push(sender._bufferedBytes);
        },
        deflateOf(library),
        40,
      ),
    ));

  test.each<[string, Options[]]>([
    ['compressed from the start', [{ compress: true }, { compress: false }, { fin: true }]],
    ['not compressed from the start', [{}, { compress: true }, { fin: true, compress: true }]],
    ['one fragment, then another message', [{ compress: true, fin: true }, { fin: true }]],
  ])('a message is compressed as a whole: %s', (_, list) =>
    sameWithBoth((library) =>
      sentCompressed(
        library,
        (sender) => {
          for (const options of list) sender.send('hello hello hello', options);
        },
        deflateOf(library),
        100,
      ),
    ),
  );

  test.each<[string, object, string]>([
    ['short, no context', { threshold: 10, isServer: false }, 'x'.repeat(9)],
    ['long enough, no context', { threshold: 10, serverNoContextTakeover: true, isServer: true }, 'x'.repeat(10)],
    ['short, a context', { threshold: 10, isServer: true }, 'x'.repeat(9)],
    ['short, by the default', { threshold: undefined, serverNoContextTakeover: true, isServer: true }, 'x'.repeat(1023)],
    ['long enough, by the default', { threshold: undefined, serverNoContextTakeover: true, isServer: true }, 'x'.repeat(1024)],
    ['empty', {}, ''],
  ])('the threshold: %s', (name, options, text) =>
    sameWithBoth((library) =>
      sentCompressed(
        library,
        (sender, sink) => {
          sender.send(text, { fin: true, compress: true }, sink.note('one'));
          sender.send(text, { fin: true, compress: true }, sink.note('two'));
        },
        deflateOf(library, options, name.endsWith('no context') ? { client_no_context_takeover: [true] } : {}),
        100,
      ),
    ),
  );

  test('a stream that is destroyed meanwhile: compressing', () =>
    sameWithBoth((library) =>
      sent(
        library,
        (sender, sink) => {
          sender.send('hello', { fin: true, compress: true }, sink.note('compressed'));
          sender.send('plain', { fin: true }, sink.note('plain'));
          sender.ping('ping', false, sink.note('ping'));
          sink.destroy();
        },
        deflateOf(library),
      ),
    ));

  test('a stream that is destroyed meanwhile: reading a Blob', () =>
    sameWithBoth((library) =>
      sent(library, (sender, sink) => {
        sender.send(new Blob(['hello']), { fin: true, binary: true }, sink.note('blob'));
        sender.send('plain', { fin: true }, sink.note('plain'));
        sink.destroy();
      }),
    ));

  test('a Blob that cannot be read fails what waits, and onerror hears of it', () =>
    sameWithBoth((library) =>
      sent(library, (sender, sink) => {
        const blob = new Blob(['hello']);
        blob.arrayBuffer = () => Promise.reject(new Error('unreadable'));
        sender.onerror = sink.note('onerror');
        sender.send(blob, { fin: true, binary: true }, sink.note('blob'));
        sender.send('plain', { fin: true }, sink.note('plain'));
      }),
    ));

  test('a context that is freed meanwhile fails what waits', async () => {
    const extensions = deflateOf(ours)!;
    const [log] = (await sent(
      ours,
      (sender, sink) => {
        sender.onerror = sink.note('onerror');
        sender.send('hello', { fin: true, compress: true }, sink.note('compressed'));
        sender.send('plain', { fin: true }, sink.note('plain'));
        extensions['permessage-deflate']!.cleanup();
      },
      extensions,
    )) as [unknown[]];
    const error = { name: 'Error', message: 'The deflate stream was closed while data was being processed' };
    expect(log).toEqual([['compressed', error], ['plain', error], ['onerror', error], 'returned']);
  });
});
