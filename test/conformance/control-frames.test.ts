// RFC 6455 sections 5.5, 5.5.2 and 5.5.3: Ping, Pong and the limits of control frames, in both roles.

import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { hex, pattern } from '../support/frames.ts';
import { eventually, expectFailure, onBothSides } from '../support/raw-peer.ts';

onBothSides(({ side, open }) => {
  test.each([8, 9, 10])('5.5-a closes with 1002 at a control frame of more than 125 bytes (opcode %i)', async (opcode) => {
    const conversation = await open();
    const { peer, log } = conversation;
    const payload = opcode === 8 ? Buffer.concat([hex('03 e8'), Buffer.alloc(124, 'x')]) : Buffer.alloc(126, 'x');
    await peer.send(peer.frame({ payload: 'before' }), peer.frame({ opcode, payload }));
    await expectFailure(conversation, 1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH');
    expect(log.messages).toEqual(['before']);
    expect([...log.pings, ...log.pongs]).toEqual([]);
  });

  test.each(['7e', '7f'])(
    '5.5-a closes with 1002 at the length form %s of a control frame, before the length has come',
    async (form) => {
      const conversation = await open();
      const second = side === 'server' ? (parseInt(form, 16) | 0x80).toString(16) : form;
      await conversation.peer.send(hex(`89 ${second}`));
      await expectFailure(conversation, 1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH');
    },
  );

  test('5.5-a takes control frames of 0 and of 125 bytes', async () => {
    const { peer, log } = await open();
    const long = 'y'.repeat(125);
    for (const payload of ['', long]) await peer.send(peer.frame({ opcode: 9, payload }), peer.frame({ opcode: 10, payload }));
    await eventually(() => log.pongs.length === 2);
    expect(log.pings).toEqual(['', long]);
    expect(log.pongs).toEqual(['', long]);
  });

  test('5.5.2-a 5.5.3-a answers each Ping with a Pong of the same payload, in order', async () => {
    const { peer, log } = await open();
    const payloads = ['', 'a', 'some text', 'z'.repeat(125)].map((text) => Buffer.from(text)).concat(Buffer.from(pattern(100)));
    for (const payload of payloads) await peer.sendFrame({ opcode: 9, payload });
    const pongs = await peer.read(payloads.length);
    expect(pongs.map(({ fin, opcode, payload }) => [fin, opcode, payload.toString('hex')])).toEqual(
      payloads.map((payload) => [true, 10, payload.toString('hex')]),
    );
    expect(log.pings).toHaveLength(payloads.length);
  });

  test('5.5.2-a answers a Ping that arrives after our Close frame, as long as the peer’s has not come', async () => {
    const { ws, peer, log } = await open();
    ws.close(1000);
    await peer.read(1);
    await peer.send(peer.frame({ opcode: 9, payload: 'still here?' }), peer.frame({ opcode: 8, payload: hex('03 e8') }));
    peer.end();
    expect((await peer.readToEnd()).map(({ opcode, payload }) => [opcode, payload.toString('latin1')])).toEqual([
      [8, '\x03\xe8'],
      [10, 'still here?'],
    ]);
    expect((await log.end()).code).toBe(1000);
  });

  test('5.5.2-a 5.5.1-c answers no Ping that follows a Close frame', async () => {
    const { peer, log } = await open();
    await peer.send(peer.frame({ opcode: 8, payload: hex('03 e8') }), peer.frame({ opcode: 9, payload: 'too late' }));
    peer.end();
    expect((await peer.readToEnd()).map(({ opcode }) => opcode)).toEqual([8]);
    await log.end();
    expect(log.pings).toEqual([]);
    expect(log.errors).toEqual([]);
  });

  test('5.5.3-b takes a Pong that nobody asked for, and answers nothing', async () => {
    const { ws, peer, log } = await open();
    await peer.send(
      peer.frame({ opcode: 10, payload: 'unasked' }),
      peer.frame({ opcode: 10 }),
      peer.frame({ opcode: 9, payload: 'p' }),
    );
    const [first] = await peer.read(1);
    expect(first.payload.toString()).toBe('p');
    expect(log.pongs).toEqual(['unasked', '']);
    expect(log.errors).toEqual([]);
    expect(ws.readyState).toBe(ws.OPEN);
  });

  test('5.5.2-b 5.4-d answers a Ping that sits behind a message in the same packet', async () => {
    const { ws, peer, log } = await open();
    ws.on('message', () => ws.send('reply'));
    await peer.send(peer.frame({ payload: 'm' }), peer.frame({ opcode: 9, payload: 'p' }), peer.frame({ payload: 'n' }));
    const frames = await peer.read(3);
    expect(frames.map(({ payload }) => payload.toString())).toEqual(['reply', 'p', 'reply']);
    expect(log.messages).toEqual(['m', 'n']);
  });
});

onBothSides(
  ({ open }) => {
    test('5.5-b sends control frames of at most 125 bytes, in one frame, and refuses more', async () => {
      const { ws, peer } = await open();
      expect(() => ws.ping('x'.repeat(126))).toThrow(RangeError);
      expect(() => ws.pong('x'.repeat(126))).toThrow(RangeError);
      expect(() => ws.close(1000, 'x'.repeat(124))).toThrow(RangeError);
      // Also in the middle of a fragmented message.
      ws.send('a', { fin: false });
      ws.ping('x'.repeat(125));
      ws.pong('x'.repeat(125));
      ws.close(1000, 'x'.repeat(123));
      const frames = await peer.read(4);
      expect(frames.map(({ fin, opcode, payload, lengthBits }) => [fin, opcode, payload.length, lengthBits])).toEqual([
        [false, 1, 1, 7],
        [true, 9, 125, 7],
        [true, 10, 125, 7],
        [true, 8, 125, 7],
      ]);
    });

    test('5.5.2-a leaves the answer to the program with autoPong off', async () => {
      const { ws, peer } = await open({ settings: { autoPong: false } });
      ws.on('ping', (payload: Buffer) => ws.pong(`mine: ${payload.toString()}`));
      await peer.sendFrame({ opcode: 9, payload: 'p' });
      const [pong] = await peer.read(1);
      expect(pong.payload.toString()).toBe('mine: p');
    });
  },
  ['chunk'],
);
