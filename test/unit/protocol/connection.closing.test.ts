// The end of a connection: RFC 6455 sections 5.5.1 and 7.

import { describe, expect, test } from 'vitest';
import { OUTPUT_SLOTS } from '../../../assembly/layout.ts';
import type { DeflateEngine } from '../../../src/deflate/engine.ts';
import { parseFrames } from '../../support/parse-frames.ts';
import { concat, frame, hex, pattern, toHex, utf8 } from '../../support/frames.ts';
import { createEnd, MemoryPipe, type PipeEnd } from '../../support/memory-pipe.ts';
import { ManualPlatform } from '../../support/platform.ts';

const KEY = hex('37 fa 21 3d');
const ROLES = ['client', 'server'] as const;

function other(role: 'client' | 'server'): 'client' | 'server' {
  return role === 'client' ? 'server' : 'client';
}

describe.each(ROLES)('closing handshake begun by the %s', (role) => {
  test('goes both ways, the server ends TCP first, both are clean', () => {
    const pipe = new MemoryPipe();
    const ours = pipe[role];
    const theirs = pipe[other(role)];
    const results: unknown[] = [];
    ours.session.close(3001, utf8('wédone'), (error) => results.push(error));
    expect(ours.sink.events).toEqual([['closing']]);
    expect(pipe.platform.timers).toEqual([30_000]);
    pipe.run();
    expect(results).toEqual([undefined]);
    for (const { sink } of [ours, theirs]) expect(sink.events).toEqual([['closing'], ['end', 3001, 'wédone', true]]);
    expect(pipe.platform.timers).toEqual([]);
    expect(pipe.platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
  });

  test('lets what was sent before, and what comes back, arrive', () => {
    const pipe = new MemoryPipe();
    const ours = pipe[role];
    const theirs = pipe[other(role)];
    ours.session.sendText('last');
    ours.session.close(1000);
    theirs.session.sendText('crossing');
    pipe.run();
    expect(theirs.sink.events[0]).toEqual(['text', 'last']);
    expect(ours.sink.events).toEqual([['closing'], ['text', 'crossing'], ['end', 1000, '', true]]);
  });

  test('without a code is 1005 on the other side', () => {
    const pipe = new MemoryPipe();
    pipe[role].session.close();
    pipe.run();
    for (const { sink } of [pipe.client, pipe.server]) expect(sink.events.at(-1)).toEqual(['end', 1005, '', true]);
  });

  test('refuses what must not be sent and stays open', () => {
    const pipe = new MemoryPipe();
    const { session, sink } = pipe[role];
    expect(() => session.close(1005)).toThrow(expect.objectContaining({ code: 'WS_ERR_USAGE' }));
    expect(() => session.close(1000, new Uint8Array(124))).toThrow('123');
    expect(() => session.ping(new Uint8Array(126))).toThrow('125');
    expect(() => session.pong(new Uint8Array(126))).toThrow('125');
    session.sendText('open');
    pipe.run();
    expect(sink.events).toEqual([]);
    expect(pipe[other(role)].sink.events).toEqual([['text', 'open']]);
  });

  test('is cut when the peer never answers', () => {
    const platform = new ManualPlatform();
    const { session, transport, sink } = createEnd(platform, { role, closeTimeout: 500 });
    session.start();
    session.close(1000);
    platform.runDeferred();
    platform.advance(499);
    expect(transport.calls).not.toContain('destroy');
    platform.advance(1);
    expect(transport.calls.at(-1)).toBe('destroy');
    expect(sink.events).toEqual([['closing'], ['end', 1006, '', false]]);
  });

  test('has no clock when closeTimeout is 0', () => {
    const platform = new ManualPlatform();
    createEnd(platform, { role, closeTimeout: 0 }).session.close();
    expect(platform.timers).toEqual([]);
  });

  test('refuses to send afterwards, and tells the callbacks', () => {
    const pipe = new MemoryPipe();
    const { session, transport } = pipe[role];
    session.close();
    const errors: unknown[] = [];
    session.sendText('a', undefined, (error) => errors.push(error));
    session.sendBytes(pattern(3), false, undefined, (error) => errors.push(error));
    session.ping(pattern(3), (error) => errors.push(error));
    session.pong(pattern(3), (error) => errors.push(error));
    expect(errors).toEqual([]);
    pipe.run();
    session.sendText('b', undefined, (error) => errors.push(error));
    pipe.run();
    expect(errors).toHaveLength(5);
    expect(errors.every((error) => error instanceof Error && error.message.includes('not open'))).toBe(true);
    expect(parseFrames(transport.bytes)).toHaveLength(1);
    expect(session.bufferedAmount).toBe(0);
  });
});

test('both close at once: each keeps the code of the other', () => {
  const pipe = new MemoryPipe();
  pipe.client.session.close(3000, utf8('client'));
  pipe.server.session.close(4000, utf8('server'));
  pipe.run();
  expect(pipe.client.sink.events).toEqual([['closing'], ['end', 4000, 'server', true]]);
  expect(pipe.server.sink.events).toEqual([['closing'], ['end', 3000, 'client', true]]);
  expect([pipe.client, pipe.server].map(({ transport }) => parseFrames(transport.bytes).length)).toEqual([1, 1]);
});

test('server ends TCP at the Close frame; client waits for the FIN, though paused', () => {
  for (const role of ROLES) {
    const platform = new ManualPlatform();
    const { session, transport, sink } = createEnd(platform, { role });
    session.start();
    transport.receive(frame({ opcode: 8, payload: hex('03e8'), ...(role === 'server' && { key: KEY }) }));
    platform.runDeferred();
    expect(transport.calls).toEqual(['start', 'resume', 'write', ...(role === 'server' ? ['end'] : [])]);
    expect(platform.timers).toEqual([30_000]);
    transport.receiveEnd();
    platform.runDeferred();
    expect(transport.calls.at(-1)).toBe('end');
    expect(sink.events.at(-1)).toEqual(['end', 1000, '', true]);
  }
});

test('a close from the listener of the last message leaves with its answer', () => {
  const pipe = new MemoryPipe();
  pipe.server.sink.onEvent = ([type]) => {
    if (type !== 'text') return;
    pipe.server.session.sendText('answer');
    pipe.server.session.close(1000);
  };
  pipe.client.session.sendText('question');
  pipe.run();
  expect(pipe.server.transport.writes.map(toHex)).toEqual(['81 06 61 6e 73 77 65 72 88 02 03 e8']);
  expect(pipe.client.sink.events).toEqual([['text', 'answer'], ['closing'], ['end', 1000, '', true]]);
});

describe('the end without a Close frame', () => {
  let platform: ManualPlatform;
  let end: PipeEnd;
  function begin(): void {
    platform = new ManualPlatform();
    end = createEnd(platform, { role: 'server' });
    end.session.start();
  }

  test('a half-close flushes, then ends, with 1006', () => {
    begin();
    end.transport.isHeld = true;
    end.session.sendText('a');
    platform.runDeferred();
    end.session.sendText('b');
    end.transport.receiveEnd();
    platform.runDeferred();
    expect(end.transport.calls).toEqual(['start', 'write']);
    end.transport.release();
    end.transport.release();
    expect(end.transport.calls).toEqual(['start', 'write', 'write', 'end']);
    expect(toHex(end.transport.bytes)).toBe('81 01 61 81 01 62');
    // The transport closed inside end(): nothing is heard after that.
    expect(end.sink.events).toEqual([['closing'], ['end', 1006, '', false]]);
  });

  test('nothing can be sent after a half-close', () => {
    begin();
    end.transport.isHeld = true;
    const results: unknown[] = [];
    end.session.sendText('a', undefined, () => end.session.sendText('b', undefined, (error) => results.push(error)));
    platform.runDeferred();
    end.transport.receiveEnd();
    end.session.close(1000);
    end.transport.release();
    platform.runDeferred();
    expect(results).toEqual([new Error('The WebSocket is not open')]);
    expect(toHex(end.transport.bytes)).toBe('81 01 61');
    expect(end.sink.events.at(-1)).toEqual(['end', 1006, '', false]);
  });

  test('closed tells each pending callback, in order, and gives all slots back', () => {
    begin();
    const results: string[] = [];
    const note =
      (name: string) =>
      (error?: Error | null): void => {
        results.push(`${name} ${error?.message}`);
      };
    end.transport.isHeld = true;
    end.session.sendText('a', undefined, note('a'));
    end.session.ping(utf8('b'), note('b'));
    platform.runDeferred();
    end.session.sendBytes(pattern(300_000), false, undefined, note('c'));
    end.session.close(1000, utf8('bye'), note('d'));
    end.transport.fail(new Error('reset'));
    expect(results).toEqual(['a reset', 'b reset', 'c reset', 'd reset']);
    expect(end.sink.events).toEqual([['closing'], ['end', 1006, '', false]]);
    expect(end.session.bufferedAmount).toBe(0);
    platform.runDeferred();
    expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
    expect(platform.timers).toEqual([]);
    expect(results).toHaveLength(4);
  });

  test('closed without an error still gives the callbacks one', () => {
    begin();
    const errors: unknown[] = [];
    end.session.sendText('a', undefined, (error) => errors.push(error));
    end.transport.fail();
    expect(errors).toEqual([expect.any(Error)]);
  });

  test('nothing is heard after the end', () => {
    begin();
    end.transport.fail();
    const { events } = end.sink;
    const count = events.length;
    end.session.receive(frame({ payload: 'a', key: KEY }));
    end.session.receiveEnd();
    end.session.closed(new Error('again'));
    end.session.terminate();
    end.session.close();
    end.session.start();
    platform.advance(100_000);
    expect(events).toHaveLength(count);
    expect(end.transport.calls).toEqual(['start']);
  });

  test('terminate sends what this turn has sent, and drops the connection and what comes', () => {
    begin();
    const results: string[] = [];
    end.session.sendText('a', undefined, (error) => results.push(`a ${error instanceof Error}`));
    end.sink.onEvent = ([type]) => {
      if (type === 'text') end.session.terminate();
    };
    end.transport.receive(frame({ payload: 'x', key: KEY }));
    end.session.sendText('b', undefined, (error) => results.push(`b ${error instanceof Error}`));
    platform.runDeferred();
    expect(end.transport.calls).toEqual(['start', 'write', 'destroy']);
    expect(end.sink.events).toEqual([['text', 'x'], ['closing'], ['end', 1006, '', false]]);
    expect(results).toEqual(['a false', 'b true']);
    expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
  });

  test('nothing is written after terminate, even if the transport takes its time', () => {
    begin();
    end.transport.destroy = (): void => {
      end.transport.calls.push('destroy');
    };
    const results: unknown[] = [];
    end.session.terminate();
    end.session.sendText('a', undefined, (error) => results.push(error));
    end.session.close(1000);
    platform.runDeferred();
    expect(end.transport.calls).toEqual(['start', 'destroy']);
    expect(results).toEqual([new Error('The WebSocket is not open')]);
  });

  test('what waited for the end of its turn is written before terminate', () => {
    begin();
    const { transport } = end;
    transport.destroy = (): void => {
      transport.calls.push('destroy');
    };
    const results: string[] = [];
    end.session.sendText('a', undefined, (error) => results.push(`${error?.message}`));
    end.session.terminate();
    platform.runDeferred();
    expect(transport.calls).toEqual(['start', 'write', 'destroy']);
    transport.fail(new Error('gone'));
    expect(results).toEqual(['undefined']);
  });
});

describe('compression that fails on our side', () => {
  const agreement = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const throws = (): never => {
    throw new RangeError('Array buffer allocation failed');
  };
  const close = (): void => {};
  const engines: readonly (readonly [string, DeflateEngine])[] = [
    ['a context cannot be made', { createDeflator: throws, createInflator: throws }],
    [
      'a job fails',
      {
        createDeflator: () => ({
          deflate: () => ({ isOwned: false, step: throws }),
          sharedWindow: null,
          takeWindow: throws,
          adoptWindow: throws,
          close,
        }),
        createInflator: () => ({ inflate: () => ({ isOwned: false, step: throws }), close }),
      },
    ],
  ];

  test.each(engines)('ends the connection with 1011 when a message comes and %s', (_, engine) => {
    const platform = new ManualPlatform();
    const { session, sink, transport } = createEnd(platform, { role: 'server', compression: { engine, agreement } });
    const { events } = sink;
    session.start();
    transport.receive(
      concat(
        frame({ key: KEY, payload: 'before' }),
        frame({ key: KEY, rsv1: true, payload: hex('f2 48 cd c9 c9 07 00') }),
        frame({ key: KEY, payload: 'behind' }),
      ),
    );
    while (platform.runDeferred());
    expect(events.map(([type]) => type)).toEqual(['text', 'closing', 'error']);
    expect(sink.of('error')[0][1]).toMatchObject({
      code: 'WS_ERR_COMPRESSION_FAILED',
      closeCode: 1011,
      message: 'Decompression failed: Array buffer allocation failed',
      cause: new RangeError('Array buffer allocation failed'),
    });
    expect(toHex(transport.writes.at(-1)!)).toBe(toHex(hex('88 02 03 f3')));
    transport.receiveEnd();
    while (platform.runDeferred());
    expect(events.at(-1)).toEqual(['end', 1006, '', false]);
    // Another connection over the same codec is as before.
    const neighbour = createEnd(platform, { role: 'server' });
    neighbour.session.start();
    neighbour.transport.receive(frame({ key: KEY, payload: 'hello' }));
    expect(neighbour.sink.events).toEqual([['text', 'hello']]);
  });

  test.each(engines)('drops the connection when a message is sent and %s', (_, engine) => {
    const platform = new ManualPlatform();
    const { session, sink, transport } = createEnd(platform, { role: 'server', compression: { engine, agreement } });
    const results: unknown[] = [];
    sink.onEvent = ([type]) => {
      if (type === 'text') session.sendText('x'.repeat(2000), undefined, (error) => results.push(error?.message));
    };
    session.start();
    transport.receive(frame({ key: KEY, payload: 'hello' }));
    while (platform.runDeferred());
    expect(results).toEqual(['Array buffer allocation failed']);
    expect(sink.events.map(([type]) => type)).toEqual(['text', 'closing', 'error', 'end']);
    expect(sink.events[3]).toEqual(['end', 1006, '', false]);
  });
});
