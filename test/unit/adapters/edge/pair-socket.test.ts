import { beforeEach, describe, expect, test } from 'vitest';
import { PairSocket, type WorkerSocket } from '../../../../adapters/edge/pair-socket.ts';
import { CapacityError } from '../../../../src/base/errors.ts';

/** A half whose other half is the test. */
class FakeHalf implements WorkerSocket {
  readyState = 1;
  binaryType = 'blob';
  readonly calls: unknown[][] = [];
  readonly #listeners = new Map<string, (event: never) => void>();

  accept(): void {
    this.calls.push(['accept']);
  }

  send(data: string | Uint8Array): void {
    this.calls.push(['send', data]);
  }

  close(...values: unknown[]): void {
    if (values[0] === 1006) throw new RangeError('Invalid code');
    this.calls.push(['close', ...values]);
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, listener);
  }

  fire(type: string, event: object): void {
    this.#listeners.get(type)!(event as never);
  }
}

let half: FakeHalf;
let events: unknown[];

function create(maxPayload = 0): PairSocket {
  const socket = new PairSocket(half, maxPayload);
  socket.addEventListener('message', ({ data }) => events.push(data));
  socket.addEventListener('error', ({ error }) => events.push(error));
  socket.addEventListener('close', (event) => events.push(event));
  half.calls.length = 0;
  return socket;
}

const LOST = { code: 1006, reason: '', wasClean: false };

beforeEach(() => {
  half = new FakeHalf();
  events = [];
});

test('accepts, and passes on what it is told', () => {
  const accepted = new PairSocket(half, 0);
  expect(half.calls).toEqual([['accept']]);
  accepted.binaryType = 'arraybuffer';
  expect([accepted.binaryType, accepted.readyState, accepted.bufferedAmount]).toEqual(['arraybuffer', 1, 0]);
});

test('sends text as it is, bytes as they are, and U+FFFD for a lone surrogate', () => {
  const socket = create();
  socket.send('ä👋');
  socket.send('a\ud800b');
  socket.send(Uint8Array.of(1));
  // String.prototype.toWellFormed is newer than Node.js 18; every runtime that is supported has it.
  expect(half.calls).toEqual([
    ['send', 'ä👋'],
    ['send', 'a\ufffdb'],
    ['send', Uint8Array.of(1)],
  ]);
});

describe('close', () => {
  test('goes out with a code and a reason, or with none', () => {
    create().close(4000, 'why');
    expect(half.calls).toEqual([['close', 4000, 'why']]);
    create().close();
    expect(half.calls).toEqual([['close']]);
  });

  test('goes out once, unless the runtime has refused it', () => {
    const socket = create();
    expect(() => socket.close(1006)).toThrow(RangeError);
    socket.close(4000);
    socket.close(4001);
    expect(half.calls).toEqual([['close', 4000, undefined]]);
  });

  test.each([
    [{ code: 3000, reason: 'bye', wasClean: true }, ['close', 3000, 'bye']],
    [{ code: 1005, reason: '', wasClean: true }, ['close']],
  ])('of the peer is told, and answered when it is asked to: %j', (event, answer) => {
    const socket = create();
    half.readyState = 2;
    half.fire('close', event);
    expect(events).toEqual([{ ...event, answer: expect.any(Function) as unknown }]);
    // What came before may still be answered.
    expect(socket.readyState).toBe(1);
    expect(half.calls).toEqual([]);
    (events[0] as { answer(): void }).answer();
    expect(half.calls).toEqual([answer]);
    expect(socket.readyState).toBe(2);
  });

  test('that answers ours is not answered', () => {
    create();
    half.readyState = 3;
    half.fire('close', { code: 4000, reason: 'why', wasClean: true });
    expect(events).toHaveLength(1);
    (events[0] as { answer(): void }).answer();
    expect(half.calls).toEqual([]);
  });

  test("without a frame has no reason, whatever the runtime's words are", () => {
    create();
    half.fire('close', { code: 1006, reason: 'WebSocket disconnected without sending Close frame.', wasClean: false });
    expect(half.calls).toEqual([]);
    expect(events).toEqual([LOST]);
  });

  test('follows an error, and nothing follows it', () => {
    create();
    const error = new Error('lost');
    half.fire('error', { error });
    half.fire('error', { error });
    half.fire('close', LOST);
    half.fire('message', { data: 'late' });
    expect(events).toEqual([error, LOST]);
  });
});

describe('maxPayload', () => {
  test.each([['x'.repeat(10)], ['ä'.repeat(5)], [new ArrayBuffer(10)]])('lets a message of its size pass', (data) => {
    create(10);
    half.fire('message', { data });
    expect(events).toEqual([data]);
  });

  test.each([['x'.repeat(11)], ['ä'.repeat(6)], [new ArrayBuffer(11)]])(
    'answers a larger one with 1009, and reads no more',
    (data) => {
      create(10);
      half.fire('message', { data });
      half.fire('message', { data: 'next' });
      expect(half.calls).toEqual([['close', 1009, '']]);
      expect(events).toEqual([expect.any(CapacityError)]);
    },
  );
});
