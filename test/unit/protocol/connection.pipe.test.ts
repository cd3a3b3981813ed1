// Two sessions of one thread, one codec: what happens when the bytes of one arrive while the other's are being delivered.

import { describe, expect, test } from 'vitest';
import { OUTPUT_SLOTS } from '../../../assembly/layout.ts';
import { expectBytes } from '../../support/bytes.ts';
import { frame, hex, pattern, utf8 } from '../../support/frames.ts';
import { MemoryPipe } from '../../support/memory-pipe.ts';

const KEY = hex('37 fa 21 3d');

function immediatePipe(): MemoryPipe {
  const pipe = new MemoryPipe();
  pipe.client.transport.isImmediate = pipe.server.transport.isImmediate = true;
  return pipe;
}

test('an echo comes back through a transport that delivers inside write', () => {
  const pipe = immediatePipe();
  pipe.server.sink.onEvent = ([type, value]) => {
    if (type === 'text') pipe.server.session.sendText(`re:${value}`);
  };
  pipe.client.sink.onEvent = ([, value]) => {
    if (value === 're:1') pipe.client.session.sendText('2');
  };
  pipe.client.session.sendText('1');
  pipe.run();
  expect(pipe.client.sink.events).toEqual([
    ['text', 're:1'],
    ['text', 're:2'],
  ]);
});

test('what is sent in answer during a write leaves before the FIN', () => {
  const pipe = immediatePipe();
  pipe.client.sink.onEvent = ([type]) => {
    if (type === 'text') pipe.client.session.close(1000);
  };
  pipe.server.session.sendText('x');
  pipe.run();
  expect(pipe.server.sink.events).toEqual([['closing'], ['end', 1000, '', true]]);
  expect(pipe.client.sink.events).toEqual([['text', 'x'], ['closing'], ['end', 1000, '', true]]);
});

describe('bytes that arrive during a delivery', () => {
  /** A pipe whose server, at its first message, is fed `later` chunk by chunk, and at once the rest. */
  function feed(pipe: MemoryPipe, during: () => void, after: () => void): void {
    let isFirst = true;
    const listener = pipe.server.sink.onEvent;
    pipe.server.sink.onEvent = (event) => {
      listener(event);
      if (!isFirst) return;
      isFirst = false;
      during();
    };
    pipe.server.session.receive(frame({ payload: '1', key: KEY }));
    after();
    pipe.run();
  }

  test('server hears them in order, whether they came during or right after it', () => {
    const pipe = new MemoryPipe();
    const receive = (text: string): void => pipe.server.session.receive(frame({ payload: text, key: KEY }));
    feed(
      pipe,
      () => {
        receive('2');
        receive('3');
        expect(pipe.server.sink.events).toHaveLength(1);
      },
      () => receive('4'),
    );
    expect(pipe.server.sink.of('text').map(([, text]) => text)).toEqual(['1', '2', '3', '4']);
    expect(pipe.platform.codec.isDelivering).toBe(false);
  });

  test('server may be fed the rest of a message that it is in the middle of', () => {
    const pipe = new MemoryPipe();
    const bytes = frame({ opcode: 2, payload: pattern(1000), key: KEY });
    feed(
      pipe,
      () => pipe.server.session.receive(bytes.subarray(0, 3)),
      () => pipe.server.session.receive(bytes.subarray(3)),
    );
    expectBytes(pipe.server.sink.of('binary')[0][1], pattern(1000));
  });

  test('the lent chunk may change once receive has returned', () => {
    const pipe = new MemoryPipe();
    const bytes = frame({ payload: 'kept', key: KEY });
    feed(
      pipe,
      () => {
        pipe.server.session.receive(bytes);
        bytes.fill(0);
      },
      () => {},
    );
    expect(pipe.server.sink.of('text').map(([, text]) => text)).toEqual(['1', 'kept']);
  });

  test('server answers their pings and their Close frame', () => {
    const pipe = new MemoryPipe();
    feed(
      pipe,
      () => {
        pipe.server.session.receive(frame({ opcode: 9, payload: 'p', key: KEY }));
      },
      () => {},
    );
    expect(pipe.client.sink.events).toEqual([['pong', utf8('p')]]);
  });

  test('client answers a Close frame among them', () => {
    const pipe = new MemoryPipe();
    pipe.server.sink.onEvent = () => {
      pipe.client.session.receive(frame({ opcode: 8, payload: hex('03e8') }));
    };
    pipe.client.session.sendText('x');
    pipe.run();
    expect(pipe.server.sink.events.slice(0, 2)).toEqual([['text', 'x'], ['closing']]);
    expect(pipe.client.sink.events).toEqual([['closing'], ['end', 1000, '', true]]);
  });

  test('server hears them before the end of the stream', () => {
    const pipe = new MemoryPipe();
    feed(
      pipe,
      () => pipe.server.session.receive(frame({ payload: '2', key: KEY })),
      () => pipe.server.session.receiveEnd(),
    );
    expect(pipe.server.sink.events).toEqual([['text', '1'], ['text', '2'], ['closing'], ['end', 1006, '', false]]);
  });

  test('server hears the rest of the chunk before an end that comes in the middle of it', () => {
    const pipe = new MemoryPipe();
    let isFirst = true;
    pipe.server.sink.onEvent = () => {
      if (isFirst) pipe.server.session.receiveEnd();
      isFirst = false;
    };
    pipe.server.session.receive(Buffer.concat(['1', '2'].map((payload) => frame({ payload, key: KEY }))));
    pipe.run();
    expect(pipe.server.sink.events).toEqual([['text', '1'], ['text', '2'], ['closing'], ['end', 1006, '', false]]);
  });

  test('server hears them before the transport is gone', () => {
    const pipe = new MemoryPipe();
    feed(
      pipe,
      () => pipe.server.session.receive(frame({ payload: '2', key: KEY })),
      () => pipe.server.transport.fail(),
    );
    expect(pipe.server.sink.events).toEqual([['text', '1'], ['text', '2'], ['closing'], ['end', 1006, '', false]]);
  });
});

test('a message goes through at every chunk length, both ways', () => {
  for (let chunk = 1; chunk < 20; chunk++) {
    const pipe = new MemoryPipe();
    pipe.client.transport.chunkLength = pipe.server.transport.chunkLength = () => chunk;
    pipe.client.transport.isDirect = chunk % 2 === 0;
    const text = `né${'x'.repeat(130)}`;
    pipe.server.sink.onEvent = ([type, value]) => {
      if (type === 'text') pipe.server.session.sendText(value);
    };
    pipe.client.session.sendText(text);
    pipe.client.session.ping(utf8('p'));
    pipe.run();
    expect(pipe.client.sink.events).toEqual([
      ['text', text],
      ['pong', utf8('p')],
    ]);
    expect(pipe.platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
  }
});
