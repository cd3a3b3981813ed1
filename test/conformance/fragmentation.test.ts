// RFC 6455 section 5.4: messages in fragments, in both roles, with control frames between them.

import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { concat, hex, pattern } from '../support/frames.ts';
import { eventually, expectFailure, onBothSides, type RawPeer } from '../support/raw-peer.ts';

const FOUR_MEGABYTES = 4 * 1024 * 1024;
const FRAGMENT = 64;

onBothSides(({ open }) => {
  test.each([
    { type: 'text', opcode: 1 },
    { type: 'binary', opcode: 2 },
  ])('5.4-a 5.4-b 5.4-c joins the fragments of a $type message in order', async ({ opcode }) => {
    const { peer, log } = await open();
    await peer.send(
      peer.frame({ opcode, fin: false, payload: 'one ' }),
      peer.frame({ opcode: 0, fin: false, payload: 'two ' }),
      peer.frame({ opcode: 0, fin: false, payload: 'three ' }),
      peer.frame({ opcode: 0, payload: 'four' }),
      peer.frame({ opcode, payload: 'unfragmented' }),
    );
    await eventually(() => log.messages.length === 2);
    const expected = ['one two three four', 'unfragmented'];
    expect(log.messages).toEqual(opcode === 1 ? expected : expected.map((text) => Buffer.from(text)));
  });

  test('5.4-a 5.4-b takes empty fragments at the start, in the middle and at the end', async () => {
    const { peer, log } = await open();
    await peer.send(
      peer.frame({ opcode: 1, fin: false }),
      peer.frame({ opcode: 0, fin: false }),
      peer.frame({ opcode: 0, fin: false, payload: 'all' }),
      peer.frame({ opcode: 0, fin: false }),
      peer.frame({ opcode: 0 }),
      peer.frame({ opcode: 2, fin: false }),
      peer.frame({ opcode: 0 }),
    );
    await eventually(() => log.messages.length === 2);
    expect(log.messages).toEqual(['all', Buffer.alloc(0)]);
  });

  test('5.4-b 6.2-b delivers nothing of a message before its last fragment', async () => {
    const { peer, log } = await open();
    await peer.send(peer.frame({ fin: false, payload: 'a' }), peer.frame({ opcode: 0, fin: false, payload: 'b' }));
    // The Pong shows that both fragments have been read.
    await peer.sendFrame({ opcode: 9 });
    await peer.read(1);
    expect(log.messages).toEqual([]);
    await peer.sendFrame({ opcode: 0, payload: 'c' });
    await eventually(() => log.messages.length > 0);
    expect(log.messages).toEqual(['abc']);
  });

  test('5.4-d 5.5.2-b 6.2-a answers a Ping between fragments before the message is complete', async () => {
    const { peer, log } = await open();
    await peer.send(peer.frame({ fin: false, payload: 'a' }), peer.frame({ opcode: 9, payload: 'now' }));
    const [pong] = await peer.read(1);
    expect([pong.opcode, pong.payload.toString()]).toEqual([10, 'now']);
    expect(log.messages).toEqual([]);
    await peer.send(peer.frame({ opcode: 10, payload: 'unasked' }), peer.frame({ opcode: 0, payload: 'b' }));
    await eventually(() => log.messages.length > 0);
    expect(log.messages).toEqual(['ab']);
    expect(log.pings).toEqual(['now']);
    expect(log.pongs).toEqual(['unasked']);
  });

  test('5.4-d 5.5.1-d obeys a Close frame between fragments and drops the unfinished message', async () => {
    const { peer, log } = await open();
    await peer.send(peer.frame({ fin: false, payload: 'a' }), peer.frame({ opcode: 8, payload: hex('03 e9') }));
    const [close] = await peer.read(1);
    expect(close).toMatchObject({ opcode: 8, payload: Buffer.from([3, 0xe9]) });
    peer.end();
    expect((await log.end()).code).toBe(1001);
    expect(log.messages).toEqual([]);
    expect(log.errors).toEqual([]);
  });

  test.each([8, 9, 10])('5.4-e closes with 1002 at a control frame without FIN (opcode %i)', async (opcode) => {
    const conversation = await open();
    const { peer, log } = conversation;
    await peer.send(peer.frame({ payload: 'before' }), peer.frame({ opcode, fin: false }), peer.frame({ opcode: 0 }));
    await expectFailure(conversation, 1002, 'WS_ERR_EXPECTED_FIN');
    expect(log.messages).toEqual(['before']);
    expect(log.pings).toEqual([]);
  });

  test.each([1, 2])('5.4-f 5.4-h closes with 1002 at a new message inside a fragmented one (opcode %i)', async (opcode) => {
    for (const fin of [true, false]) {
      const conversation = await open();
      const { peer, log } = conversation;
      await peer.send(
        peer.frame({ payload: 'before' }),
        peer.frame({ fin: false, payload: 'a' }),
        peer.frame({ opcode, fin, payload: 'b' }),
      );
      await expectFailure(conversation, 1002, 'WS_ERR_INVALID_OPCODE');
      expect(log.messages).toEqual(['before']);
    }
  });

  test.each([true, false])('5.4-g closes with 1002 at a continuation of nothing (FIN %s)', async (fin) => {
    const first = await open();
    await first.peer.sendFrame({ opcode: 0, fin, payload: 'x' });
    await expectFailure(first, 1002, 'WS_ERR_INVALID_OPCODE');
    expect(first.log.messages).toEqual([]);

    const later = await open();
    const { peer, log } = later;
    await peer.send(
      peer.frame({ fin: false, payload: 'a' }),
      peer.frame({ opcode: 0, payload: 'b' }),
      peer.frame({ opcode: 0, fin, payload: 'c' }),
    );
    await expectFailure(later, 1002, 'WS_ERR_INVALID_OPCODE');
    expect(log.messages).toEqual(['ab']);
  });
});

onBothSides(
  ({ open }) => {
    test.each([
      { type: 'binary', opcode: 2, bytes: pattern(FOUR_MEGABYTES) },
      {
        type: 'text',
        opcode: 1,
        bytes: Buffer.from('añ€😀 and ASCII '.repeat(FOUR_MEGABYTES / 16)).subarray(0, FOUR_MEGABYTES),
      },
    ])(
      '5.4-a 10-a takes 4 MB of $type in fragments of 64 bytes with the limits at their defaults',
      async ({ opcode, bytes }) => {
        const { ws, peer, log } = await open();
        await peer.send(inFragments(peer, opcode, bytes));
        await eventually(() => log.messages.length === 1 || log.errors.length > 0);
        expect(log.errors).toEqual([]);
        const [message] = log.messages;
        expect(typeof message).toBe(opcode === 1 ? 'string' : 'object');
        expect(Buffer.compare(Buffer.from(message as string), bytes)).toBe(0);
        expect(ws.readyState).toBe(ws.OPEN);
      },
    );

    test.each([
      { type: 'text', opcode: 1 },
      { type: 'binary', opcode: 2 },
    ])('5.4-b 5.4-h 6.1-b sends fragments of $type: opcode, continuations, FIN on the last', async ({ opcode }) => {
      const { ws, peer } = await open();
      for (const [index, part] of ['one', 'two', 'three'].entries()) {
        ws.send(opcode === 1 ? part : Buffer.from(part), { fin: index === 2 });
        ws.ping('between');
      }
      ws.send(opcode === 1 ? 'next' : Buffer.from('next'));
      const frames = await peer.read(7);
      const seen = frames
        .filter(({ opcode: one }) => one !== 9)
        .map(({ fin, opcode: one, payload }) => [fin, one, payload.toString()]);
      expect(seen).toEqual([
        [false, opcode, 'one'],
        [false, 0, 'two'],
        [true, 0, 'three'],
        [true, opcode, 'next'],
      ]);
      expect(frames[1]).toMatchObject({ fin: true, opcode: 9 });
    });

    test('5.4-a takes one fragment of every length from 0 to 300 in one message', async () => {
      const { peer, log } = await open();
      const parts = Array.from({ length: 301 }, (_, length) => pattern(length, length + 1));
      await peer.send(
        ...parts.map((payload, index) => peer.frame({ opcode: index === 0 ? 2 : 0, fin: index === 300, payload })),
      );
      await eventually(() => log.messages.length === 1);
      expect(Buffer.compare(log.messages[0] as Buffer, concat(...parts))).toBe(0);
    });
  },
  ['chunk'],
);

/** `bytes` as one message in frames of 64 bytes, all in one array. */
function inFragments(peer: RawPeer, opcode: number, bytes: Uint8Array): Uint8Array {
  const count = bytes.length / FRAGMENT;
  const size = peer.frame({ payload: bytes.subarray(0, FRAGMENT) }).length;
  const whole = new Uint8Array(count * size);
  for (let index = 0; index < count; index++) {
    const payload = bytes.subarray(index * FRAGMENT, (index + 1) * FRAGMENT);
    whole.set(peer.frame({ opcode: index === 0 ? opcode : 0, fin: index === count - 1, payload }), index * size);
  }
  return whole;
}
