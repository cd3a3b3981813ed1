// A scripted conversation that the network ends at every byte of it: what came in full is heard, nothing else is, and the end says why.

import { describe, expect, test } from 'vitest';
import { OUTPUT_SLOTS } from '../../../assembly/layout.ts';
import type { DeflateEngine } from '../../../src/deflate/engine.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { sharedDeflateKernel } from '../../../src/deflate/load.ts';
import type { Role } from '../../../src/platform.ts';
import type { ConnectionOptions } from '../../../src/protocol/settings.ts';
import { concat, frame, pattern, utf8 } from '../../support/frames.ts';
import { createEnd, type PipeEnd, type SessionEvent } from '../../support/memory-pipe.ts';
import { wholeFrames } from '../../support/parse-frames.ts';
import { ManualPlatform } from '../../support/platform.ts';
import { randomOf } from '../../support/random.ts';

const KEY = new Uint8Array([0x37, 0xfa, 0x21, 0x3d]);
const CLOSE_TIMEOUT = 500;
/** "Hello" by DEFLATE, from RFC 7692 section 7.2.3.1. */
const COMPRESSED_HELLO = new Uint8Array([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
const agreement = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};
const compression = { engine: createWasmEngine(sharedDeflateKernel), agreement, threshold: 0 };

/** A frame of the script, and what is heard once its last byte has come. */
interface Step {
  readonly bytes: Uint8Array;
  readonly heard: string | undefined;
}

function scriptFor(role: Role, isCompressed: boolean): readonly Step[] {
  const key = role === 'server' ? { key: KEY } : {};
  const step = (options: Parameters<typeof frame>[0], heard?: string): Step => ({
    bytes: frame({ ...options, ...key }),
    heard,
  });
  return [
    step({ payload: 'żółw' }, 'text żółw'),
    step({ opcode: 2, fin: false, payload: 'ab' }),
    step({ opcode: 9, payload: '?' }, 'ping ?'),
    step({ opcode: 0, fin: false, payload: '' }),
    step({ opcode: 0, payload: 'cd' }, 'binary abcd'),
    isCompressed ? step({ rsv1: true, payload: COMPRESSED_HELLO }, 'text Hello') : step({ opcode: 10 }, 'pong '),
    step({ opcode: 2, payload: pattern(130) }, `binary ${Buffer.from(pattern(130)).toString('latin1')}`),
    step({ opcode: 8, payload: concat(new Uint8Array([0x0f, 0xa0]), utf8('bye')) }),
  ];
}

const NAMES: Partial<Record<SessionEvent[0], string>> = { text: 'text', binary: 'binary', ping: 'ping', pong: 'pong' };

function heardBy({ sink }: PipeEnd): string[] {
  return sink.events
    .filter(([kind]) => kind in NAMES)
    .map(
      ([kind, value]) => `${kind} ${typeof value === 'string' ? value : Buffer.from(value as Uint8Array).toString('latin1')}`,
    );
}

interface Fault {
  readonly name: string;
  /** Ends the conversation. */
  strike(end: PipeEnd, platform: ManualPlatform): void;
}

const FAULTS: readonly Fault[] = [
  { name: 'a reset', strike: ({ transport }) => transport.fail(new Error('ECONNRESET')) },
  {
    name: 'FIN, then the end of TCP',
    strike({ transport }, platform) {
      transport.receiveEnd();
      platform.runDeferred();
      transport.fail();
    },
  },
  {
    name: 'FIN, then nothing more',
    strike({ transport }, platform) {
      transport.isHeld = true;
      transport.receiveEnd();
      platform.advance(CLOSE_TIMEOUT);
    },
  },
  {
    name: 'a stall, until the program gives up',
    strike({ session }, platform) {
      session.close(1000, utf8('enough'));
      platform.runDeferred();
      platform.advance(CLOSE_TIMEOUT);
    },
  },
  { name: 'terminate()', strike: ({ session }) => session.terminate() },
];

/** Lengths of reads. */
const READS: readonly (readonly [string, number])[] = [
  ['one byte a read', 1],
  ['reads of 7 bytes', 7],
  ['one read', Infinity],
];

describe.each(['server', 'client'] as const)('a %s', (role) => {
  describe.each([false, true])('with compression %s', (isCompressed) => {
    const script = scriptFor(role, isCompressed);
    const stream = concat(...script.map(({ bytes }) => bytes));
    const options: ConnectionOptions = { role, closeTimeout: CLOSE_TIMEOUT, ...(isCompressed && { compression }) };

    /** What has been heard when the first `length` bytes have come. */
    function expectedAt(length: number): string[] {
      let end = 0;
      return script.flatMap(({ bytes, heard }) => {
        end += bytes.length;
        return end <= length && heard !== undefined ? [heard] : [];
      });
    }

    test('at any order of short reads, stalls, writes that wait, and jumps of the clock: what came in full is heard, then one end', () => {
      const platform = new ManualPlatform();
      const settings = { ...options, heartbeat: { interval: 1000, timeout: 1000 } };
      for (let seed = 1; seed <= 300; seed++) {
        const random = randomOf(seed);
        const end = createEnd(platform, settings);
        end.sink.onEvent = ([kind, value]) => {
          if (kind === 'text') end.session.sendText(`re: ${value}`);
        };
        end.session.start();
        let length = 0;
        for (let step = 0; step < 200 && !end.transport.isDestroyed; step++) {
          const draw = random();
          if (draw < 0.6) end.transport.receive(stream.slice(length, (length += 1 + Math.floor(random() * 4))));
          else if (draw < 0.7) end.transport.isHeld = random() < 0.5;
          else if (draw < 0.8) end.transport.release();
          // Due timers fire in the order of their start, whichever is due first.
          else if (draw < 0.95) platform.advance(random() < 0.1 ? 3_600_000 : random() * 600);
          else if (draw < 0.96) end.session.close(1000);
          platform.runDeferred();
          while (platform.runTurn());
        }
        // A connection that is still open has heard all that came.
        const least = end.sink.of('closing').length === 0 ? expectedAt(length).length : 0;
        end.transport.isHeld = false;
        end.transport.release();
        end.transport.fail();
        platform.runDeferred();
        const at = `seed ${seed}`;
        expect(heardBy(end), at).toEqual(expectedAt(Infinity).slice(0, heardBy(end).length));
        expect(heardBy(end).length, at).toBeGreaterThanOrEqual(least);
        expect(end.sink.of('end'), at).toHaveLength(1);
        expect(end.sink.events.at(-1)![0], at).toBe('end');
        expect(end.sink.of('error'), at).toEqual([]);
        expect([platform.timers, platform.uncaught, platform.codec.freeSlots], at).toEqual([[], [], OUTPUT_SLOTS]);
      }
    });

    describe.each(FAULTS)('ended by $name', ({ strike }) => {
      test.each(READS)('at every byte, with %s', (_, read) => {
        const platform = new ManualPlatform();
        for (let length = 0; length <= stream.length; length++) {
          const end = createEnd(platform, options);
          const callbacks: (Error | null | undefined)[] = [];
          end.sink.onEvent = ([kind, value]) => {
            if (kind === 'text') end.session.sendText(`re: ${value}`, undefined, (error) => callbacks.push(error));
          };
          end.session.start();
          end.transport.chunkLength = () => read;
          // Odd cuts find writes waiting for the system.
          end.transport.isHeld = (length & 1) === 1;
          if (length > 0) end.transport.receive(stream.slice(0, length));
          platform.runDeferred();
          // On a busy machine a message is not inflated in one slice.
          while (platform.runTurn());
          strike(end, platform);
          platform.runDeferred();
          if (!end.transport.isDestroyed) end.transport.fail();
          platform.runDeferred();
          const isClosed = length === stream.length;
          const at = `cut at ${length} of ${stream.length}`;
          expect(heardBy(end), at).toEqual(expectedAt(length));
          expect(end.sink.of('end'), at).toEqual([isClosed ? ['end', 4000, 'bye', true] : ['end', 1006, '', false]]);
          expect(end.sink.events.at(-1)![0], at).toBe('end');
          expect(end.sink.of('closing'), at).toHaveLength(1);
          // Nothing that the network does is a violation.
          expect(end.sink.of('error'), at).toEqual([]);
          expect(callbacks, at).toHaveLength(end.sink.of('text').length);
          const closes = wholeFrames(end.transport.bytes).filter(({ first }) => first === 0x88);
          expect(closes.length, at).toBeLessThanOrEqual(1);
          expect([platform.timers, platform.uncaught, platform.codec.freeSlots], at).toEqual([[], [], OUTPUT_SLOTS]);
          expect(end.session.bufferedAmount, at).toBe(0);
        }
      });
    });
  });
});

test('a clock that jumps ahead ends what waits, once', () => {
  const platform = new ManualPlatform();
  const end = createEnd(platform, {
    role: 'server',
    closeTimeout: CLOSE_TIMEOUT,
    heartbeat: { interval: 1000, timeout: 1000 },
  });
  end.session.start();
  // As after a suspended process: the timer comes late, and the peer's answer waits in the socket.
  platform.advance(3_600_000);
  expect(wholeFrames(end.transport.bytes).map(({ first }) => first)).toEqual([0x89]);
  end.transport.receive(frame({ opcode: 10, key: KEY }));
  platform.advance(999);
  expect(end.sink.of('end')).toEqual([]);
  // The idle time, the time for the answer, and the time to read it.
  for (let jump = 0; jump < 3; jump++) platform.advance(3_600_000);
  expect(end.sink.of('end')).toEqual([]);
  while (platform.runTurn());
  expect(end.sink.of('end')).toEqual([['end', 1006, '', false]]);
  expect(platform.timers).toEqual([]);
});

// As streams may do whose resume() reads at once.
test('messages stay in order if the transport delivers within the resume() of a listener, also of one that was inflated in a later turn', () => {
  const platform = new ManualPlatform();
  /** Takes two steps for each message, which is not compressed in truth. */
  const engine: DeflateEngine = {
    ...createWasmEngine(sharedDeflateKernel),
    createInflator: () => ({
      inflate(data) {
        let steps = 0;
        return { isOwned: true, step: () => (steps++ === 0 ? null : new Uint8Array(data)) };
      },
      close() {},
    }),
  };
  const { session, sink, transport } = createEnd(platform, {
    role: 'server',
    compression: { engine, agreement, threshold: 0 },
  });
  const texts = Array.from({ length: 40 }, (_, index) => `message ${index}`);
  const chunks = texts.map((text, index) => frame({ key: KEY, rsv1: index % 3 > 0, payload: text }));
  // Three frames in a chunk.
  const waiting = Array.from({ length: 14 }, (_, index) => concat(...chunks.slice(index * 3, index * 3 + 3)));
  let isPaused = false;
  transport.pause = () => void (isPaused = true);
  transport.resume = () => {
    isPaused = false;
    const chunk = waiting.shift();
    if (chunk !== undefined) transport.receive(chunk);
  };
  sink.onEvent = () => {
    session.pause();
    session.resume();
  };
  session.start();
  transport.resume();
  do {
    while (platform.runDeferred());
    if (!isPaused && waiting.length > 0) transport.resume();
  } while (platform.runTurn() || waiting.length > 0);
  while (platform.runDeferred());
  expect(sink.of('text').map(([, text]) => text)).toEqual(texts);
});
