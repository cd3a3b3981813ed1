import { afterEach, describe, expect, test } from 'vitest';
import { MESSAGE_BORROWED, MESSAGE_OWNED, UNATTACHED, type SendCallback, type SessionSink } from '../../../src/platform.ts';
import { ConnectionMemory, BORROWED_FROM, BORROWED_UP_TO } from '../../../src/nodejs/message-memory.ts';
import { concat, frame, hex, pattern } from '../../support/frames.ts';
import { createEnd, type PipeEnd } from '../../support/memory-pipe.ts';
import { ManualPlatform } from '../../support/platform.ts';

const KEY = hex('37 fa 21 3d');
const made: ConnectionMemory[] = [];
afterEach(() => {
  for (const memory of made.splice(0)) memory.attach(UNATTACHED);
});

/** Memory whose messages go to `onMessage`. */
function create(onMessage: SessionSink['onMessage'] = () => {}, isChecked: boolean = false): ConnectionMemory {
  const memory = new ConnectionMemory(isChecked);
  made.push(memory);
  return memory.attach({ ...UNATTACHED, onMessage });
}

describe('memory of a connection', () => {
  test('a message within a listener for another one gets memory of its own', () => {
    const kinds: number[] = [];
    const outer = pattern(50_000, 1);
    const inner = pattern(60_000, 2);
    const memory: ConnectionMemory = create((source, start, end, kind) => {
      kinds.push(kind);
      if (kinds.length > 1) return expect(source.subarray(start, end)).toEqual(inner);
      memory.onMessage(inner, 0, inner.length, 0);
      const assembler = memory.createAssembler(new ManualPlatform());
      assembler.append(inner, 0, 30_000, 30_000, true);
      assembler.append(inner, 30_000, 60_000, 0, true);
      memory.onMessage(assembler.take(), 0, inner.length, MESSAGE_OWNED);
      expect(source).toEqual(Buffer.from(outer));
    });
    memory.onMessage(outer, 0, outer.length, 0);
    expect(kinds).toEqual([MESSAGE_BORROWED, 0, MESSAGE_OWNED]);
  });

  test('a header alone allocates no more than four times what has arrived, or 16 KiB', () => {
    const memory = create();
    const assembler = memory.createAssembler(new ManualPlatform());
    let length = 0;
    for (const piece of [10, 5000, 20_000, 100_000, 200_000]) {
      assembler.append(pattern(piece), 0, piece, BORROWED_UP_TO - length - piece, true);
      length += piece;
      expect(memory.bytes.length).toBeLessThanOrEqual(Math.max(16_384, 4 * length));
    }
    assembler.append(pattern(BORROWED_UP_TO), length, BORROWED_UP_TO, 0, true);
    expect(assembler.take()).toHaveLength(BORROWED_UP_TO);
  });

  test('a message that grows beyond what is borrowed moves to memory of its own, and all its bytes are there', () => {
    const kinds: number[] = [];
    const memory = create((_source, _start, _end, kind) => void kinds.push(kind));
    const assembler = memory.createAssembler(new ManualPlatform());
    const parts = [1, 2, 3].map((seed) => pattern(500_000, seed));
    for (const [index, part] of parts.entries()) assembler.append(part, 0, part.length, 0, index === 2);
    expect(assembler.length).toBe(1_500_000);
    const message = assembler.take();
    expect(message.buffer.byteLength).toBe(1_500_000);
    expect(Buffer.compare(message, concat(...parts))).toBe(0);
    memory.onMessage(message, 0, message.length, MESSAGE_OWNED);
    expect(kinds).toEqual([MESSAGE_OWNED]);
  });

  test('is freed when it is not used from one sweep to the next, and when most of it is not used', () => {
    const memory = create();
    const receive = (length: number): void => void memory.onMessage(pattern(length), 0, length, 0);
    receive(BORROWED_FROM);
    memory.sweep();
    expect(memory.bytes).toHaveLength(16_384);
    memory.sweep();
    expect(memory.bytes).toHaveLength(0);
    receive(1_000_000);
    expect(memory.bytes).toHaveLength(1_048_576);
    memory.sweep();
    receive(300_000);
    memory.sweep();
    expect(memory.bytes).toHaveLength(1_048_576);
    receive(20_000);
    memory.sweep();
    expect(memory.bytes).toHaveLength(0);
    receive(20_000);
    expect(memory.bytes).toHaveLength(32_768);
    memory.attach(UNATTACHED);
    expect(memory.bytes).toHaveLength(0);
  });

  test('a message that is being assembled is not freed', () => {
    const memory = create();
    const assembler = memory.createAssembler(new ManualPlatform());
    assembler.append(pattern(30_000, 1), 0, 30_000, 0, false);
    memory.sweep();
    memory.sweep();
    assembler.append(pattern(30_000, 2), 0, 30_000, 0, true);
    expect(Buffer.compare(assembler.take(), concat(pattern(30_000, 1), pattern(30_000, 2)))).toBe(0);
  });

  test('a program that transfers a kept message while the next one is assembled gets an error, not a wrong message', () => {
    let kept: Uint8Array | undefined;
    const memory = create((source) => void (kept = source));
    memory.onMessage(pattern(30_000), 0, 30_000, 0);
    const assembler = memory.createAssembler(new ManualPlatform());
    assembler.append(pattern(30_000), 0, 20_000, 10_000, true);
    structuredClone(kept!.buffer, { transfer: [kept!.buffer as ArrayBuffer] });
    expect(() => assembler.append(pattern(30_000), 20_000, 30_000, 0, true)).toThrow(
      'The program transferred a borrowed message',
    );
  });

  test("'checked' takes messages of any length away, unless the sink keeps them or throws", () => {
    const views: Uint8Array[] = [];
    let answer: () => boolean | void = () => {};
    const memory = create((source) => {
      views.push(source);
      return answer();
    }, true);
    const receive = (length: number, kind: number = 0): void => {
      memory.onMessage(Buffer.from(new Uint8Array(pattern(length)).buffer), 0, length, kind);
    };
    receive(1);
    receive(5000);
    receive(BORROWED_UP_TO + 1, MESSAGE_OWNED);
    expect(views.map(({ length }) => length)).toEqual([0, 0, 0]);
    answer = () => true;
    receive(5000);
    receive(BORROWED_UP_TO + 1, MESSAGE_OWNED);
    answer = () => {
      throw new Error('of a listener');
    };
    expect(() => receive(6000)).toThrow('of a listener');
    answer = () => {};
    receive(7000);
    expect(views.slice(3).map(({ length }) => length)).toEqual([5000, BORROWED_UP_TO + 1, 6000, 0]);
    expect(views[3]).toEqual(Buffer.from(pattern(5000)));
    expect(views[5]).toEqual(Buffer.from(pattern(6000)));
  });
});

describe('a borrowed message that is sent back', () => {
  /** A server that echoes what it borrows. */
  function echo(takesBorrowed: boolean): { end: ReturnType<typeof createEnd>; buffers: unknown[]; platform: ManualPlatform } {
    const platform = new ManualPlatform();
    const end = createEnd(platform, { role: 'server', borrowMessages: true }, takesBorrowed);
    const buffers: unknown[] = [];
    end.session.attach({
      ...UNATTACHED,
      onMessage(source, start, end_, kind) {
        expect(kind & MESSAGE_BORROWED).toBe(MESSAGE_BORROWED);
        buffers.push(source.buffer);
        end.session.sendBytes(source.subarray(start, end_), false);
      },
    });
    end.session.start();
    return { end, buffers, platform };
  }

  const message = (seed: number): Uint8Array => frame({ opcode: 2, payload: pattern(70_000, seed), key: KEY });
  const answer = (seed: number): Uint8Array => frame({ opcode: 2, payload: pattern(70_000, seed) });

  test.each([true, false])('is written from its memory, with its header before it (takesBorrowed: %s)', (takesBorrowed) => {
    const { end, buffers, platform } = echo(takesBorrowed);
    for (const seed of [1, 2, 3]) end.session.receive(message(seed));
    platform.runDeferred();
    expect(end.transport.writes).toHaveLength(3);
    expect(Buffer.compare(end.transport.bytes, concat(answer(1), answer(2), answer(3)))).toBe(0);
    expect(new Set(buffers).size).toBe(1);
    end.session.terminate();
  });

  test('is not written over while the system has not taken it, and its memory comes back', () => {
    const { end, buffers, platform } = echo(false);
    end.transport.isHeld = true;
    for (const seed of [1, 2, 3]) end.session.receive(message(seed));
    platform.runDeferred();
    end.transport.isHeld = false;
    end.transport.release();
    platform.runDeferred();
    end.session.receive(message(4));
    platform.runDeferred();
    expect(Buffer.compare(end.transport.bytes, concat(...[1, 2, 3, 4].map((seed) => answer(seed))))).toBe(0);
    expect(buffers[1]).not.toBe(buffers[0]);
    expect(new Set(buffers).size).toBe(2);
    end.session.terminate();
  });
});

/** What a connection sends in a listener and when its message comes back, over a transport that reads late what it holds. */
describe('a borrowed message that is sent', () => {
  const LENGTH = 70_000;
  const message = frame({ opcode: 2, payload: pattern(LENGTH, 1), key: KEY });
  const whole = frame({ opcode: 2, payload: pattern(LENGTH, 1) });
  const part = frame({ opcode: 2, payload: pattern(LENGTH, 1).subarray(0, 50_000) });
  const small = frame({ opcode: 1, payload: Buffer.from('small') });
  type Listener = (end: PipeEnd, data: Uint8Array) => boolean | void;

  /** Receives one message, then gives up its memory, and lets the transport read. @returns What was written. */
  function receive(takesBorrowed: boolean, isHeld: boolean, listener: Listener, options: object = {}): PipeEnd {
    const platform = new ManualPlatform();
    const end = createEnd(platform, { role: 'server', borrowMessages: true, ...options }, takesBorrowed);
    let view: Uint8Array | undefined;
    let isReturned = false;
    end.sink.onMessage = (source) => {
      const isKept = listener(end, (view ??= source));
      isReturned = isKept === false;
      return isKept;
    };
    end.session.start();
    end.transport.isHeld = isHeld;
    end.session.receive(message);
    // It is the program's if it was kept, also by throwing.
    if (!isReturned) view!.fill(0x58);
    platform.runDeferred();
    end.transport.isHeld = false;
    end.transport.release();
    platform.runDeferred();
    return end;
  }

  const throwing = (): never => {
    throw new Error('of a listener');
  };
  const orders: [string, Listener, Uint8Array[]][] = [
    ['once', ({ session }, data) => session.sendBytes(data, false), [whole]],
    [
      'twice',
      ({ session }, data) => {
        session.sendBytes(data, false);
        session.sendBytes(data, false);
      },
      [whole, whole],
    ],
    [
      'with other lengths',
      ({ session }, data) => {
        session.sendBytes(data, false);
        session.sendBytes(data.subarray(0, 50_000), false);
        session.sendBytes(data, false);
      },
      [whole, part, whole],
    ],
    [
      'between others',
      ({ session }, data) => {
        session.sendText('small');
        session.sendBytes(data, false);
        session.sendText('small');
      },
      [small, whole, small],
    ],
    [
      'before long others',
      ({ session }, data) => {
        session.sendBytes(data, false);
        for (let count = 0; count < 3; count++) session.sendBytes(pattern(LENGTH, 1), false);
      },
      [whole, whole, whole, whole],
    ],
    [
      'as text and as bytes',
      ({ session }, data) => {
        session.sendBytes(data, true);
        session.sendBytes(data, false);
      },
      [frame({ opcode: 1, payload: pattern(LENGTH, 1) }), whole],
    ],
  ];

  describe.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('takesBorrowed: %s, held: %s', (takesBorrowed, isHeld) => {
    test.each(orders)('%s, then kept, leaves as it was', (_, send, expected) => {
      const { transport } = receive(takesBorrowed, isHeld, (end, data) => {
        send(end, data);
        return true;
      });
      expect(Buffer.compare(transport.bytes, concat(...expected))).toBe(0);
    });

    test.each(orders)('%s, before its listener throws, leaves as it was', (_, send, expected) => {
      const { transport } = receive(takesBorrowed, isHeld, (end, data) => {
        send(end, data);
        throwing();
      });
      expect(Buffer.compare(transport.bytes, concat(...expected))).toBe(0);
    });

    test.each(orders)('%s, then returned, leaves as it was', (_, send, expected) => {
      const { transport } = receive(takesBorrowed, isHeld, (end, data) => {
        send(end, data);
        return false;
      });
      expect(Buffer.compare(transport.bytes, concat(...expected))).toBe(0);
    });

    test('before the limit of the output makes the next one flush, leaves as it was', () => {
      const send: Listener = ({ session }, data) => {
        session.sendBytes(data, false);
        session.sendText('small');
        return true;
      };
      const { transport } = receive(takesBorrowed, isHeld, send, { maxBufferedAmount: 1, bufferPolicy: 'drop' });
      expect(Buffer.compare(transport.bytes, isHeld ? whole : concat(whole, small))).toBe(0);
    });

    test('before the connection is dropped, leaves as it was', () => {
      const { transport } = receive(takesBorrowed, false, (end, data) => {
        end.session.sendBytes(data, false);
        end.session.terminate();
        return true;
      });
      expect(Buffer.compare(transport.bytes, whole)).toBe(0);
    });

    test('and transferred within the listener leaves as it was, or fails the connection; nothing else is sent in its place', () => {
      const { transport, sink } = receive(takesBorrowed, isHeld, ({ session }, data) => {
        session.sendText('small');
        session.sendBytes(data, false);
        const { buffer } = data;
        new Uint8Array(structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })).fill(0x59);
        return false;
      });
      if (takesBorrowed) {
        expect(Buffer.compare(transport.bytes, concat(small, whole))).toBe(0);
        return;
      }
      expect(sink.of('error').map(([, error]) => (error as Error & { code: string }).code)).toEqual(['WS_ERR_USAGE']);
      const text = 'The program transferred a borrowed message';
      expect(sink.of('error').map(([, { message: of }]) => of)).toEqual([text]);
      expect(Buffer.compare(transport.bytes, concat(small, hex('88 02 03 f3')))).toBe(0);
    });
  });

  describe('and transferred', () => {
    const closeFrame = hex('88 02 03 f3');
    const begin = frame({ opcode: 2, payload: pattern(10, 2), fin: false });
    const transfer = ({ buffer }: Uint8Array): void => void structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    /** Calls what a listener does with a function that makes named callbacks. @returns What was called, in order. */
    function watch(listener: (session: PipeEnd['session'], data: Uint8Array, named: (name: string) => SendCallback) => void) {
      const called: string[] = [];
      const named = (name: string) => (error?: Error | null) => void called.push(`${name}: ${error?.message ?? 'sent'}`);
      const end = receive(false, false, ({ session }, data) => {
        listener(session, data, named);
        return false;
      });
      return { called, end };
    }
    const lost = 'The program transferred a borrowed message';

    test('tells its callback that it is lost, and those of what was sent behind it', () => {
      const { called, end } = watch((session, data, named) => {
        session.sendText('small', undefined, named('before'));
        session.sendText('small');
        session.sendBytes(data, false, undefined, named('it'));
        session.sendText('small', undefined, named('after'));
        session.ping(new Uint8Array(0), named('ping'));
        transfer(data);
      });
      expect(called.toSorted()).toEqual([`after: ${lost}`, 'before: sent', `it: ${lost}`, `ping: ${lost}`]);
      expect(Buffer.compare(end.transport.bytes, concat(small, small, closeFrame))).toBe(0);
      expect(end.session.bufferedAmount).toBe(0);
    });

    test('is not missed in the middle of a message', () => {
      const { called, end } = watch((session, data, named) => {
        session.sendBytes(pattern(10, 2), false, { fin: false }, named('first'));
        session.sendBytes(data, false, { fin: false }, named('second'));
        session.sendBytes(pattern(10, 2), false, { fin: true }, named('third'));
        transfer(data);
      });
      expect(called.toSorted()).toEqual(['first: sent', `second: ${lost}`, `third: ${lost}`]);
      expect(Buffer.compare(end.transport.bytes, concat(begin, closeFrame))).toBe(0);
    });

    const sends: [string, (session: PipeEnd['session'], payload: Uint8Array, callback: SendCallback) => void][] = [
      ['bytes', (session, payload, callback) => session.sendBytes(payload, false, undefined, callback)],
      ['masked bytes', (session, payload, callback) => session.sendBytes(payload, false, { mask: true }, callback)],
      ['fragments', (session, payload, callback) => session.sendBytes(payload, false, { fin: false }, callback)],
      ['text', (session, payload, callback) => session.sendText('a'.repeat(payload.length), undefined, callback)],
      ['frames', (session, payload, callback) => session.sendFrame([hex('82 7f 00 00 00 00 00 00 00 00'), payload], callback)],
    ];
    const lengths = [100, LENGTH, 200_000, 3_000_000];
    const cases = sends.flatMap(([name, send]) => lengths.map((length) => [name, length, send] as const));

    test.each(cases)('before the listener sends more %s of %i bytes, has nothing sent behind it', (_, length, send) => {
      const payload = pattern(length, 3);
      const { called, end } = watch((session, data, named) => {
        session.sendBytes(data, false, undefined, named('it'));
        transfer(data);
        for (let count = 0; count < 4; count++) send(session, payload, named('long'));
      });
      expect(called.filter((line) => line.endsWith('sent'))).toEqual([]);
      expect(called).toHaveLength(5);
      expect(Buffer.compare(end.transport.bytes, closeFrame)).toBe(0);
    });

    test('before the connection is closed, has the status code of the error, and one Close frame', () => {
      const { called, end } = watch((session, data, named) => {
        session.sendBytes(data, false, undefined, named('it'));
        session.close(1000, undefined, named('close'));
        transfer(data);
      });
      expect(called.toSorted()).toEqual([`close: ${lost}`, `it: ${lost}`]);
      expect(Buffer.compare(end.transport.bytes, closeFrame)).toBe(0);
    });

    test('before the connection is dropped, tells its callback once', () => {
      const { called, end } = watch((session, data, named) => {
        session.sendText('small', undefined, named('before'));
        session.sendBytes(data, false, undefined, named('it'));
        transfer(data);
        session.terminate();
      });
      expect(called.toSorted()).toEqual(['before: sent', `it: ${lost}`]);
      expect(Buffer.compare(end.transport.bytes, small)).toBe(0);
    });
  });

  test('and returned is written once, when its listener has returned, from its memory, with what was sent before and after', () => {
    let buffer: unknown;
    const chunks: Uint8Array[] = [];
    const { transport } = receive(false, false, ({ session, transport: { calls }, transport: to }, data) => {
      ({ buffer } = data);
      const write = to.write.bind(to);
      to.write = (list, ...rest) => {
        chunks.push(...list);
        return write(list, ...rest);
      };
      session.sendText('small');
      session.sendBytes(data, false);
      session.sendText('small');
      expect(calls).not.toContain('write');
      return false;
    });
    expect(transport.calls.filter((call) => call === 'write')).toHaveLength(1);
    expect(chunks.map((chunk) => chunk.buffer === buffer)).toEqual([false, true, false]);
    expect(Buffer.compare(transport.bytes, concat(small, whole, small))).toBe(0);
  });
});
