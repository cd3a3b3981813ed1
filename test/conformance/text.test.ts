// RFC 6455 sections 5.6, 8.1 and 10.4: what may be in a message, and how large it may be, in both roles.

import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { concat, hex, pattern, utf8 } from '../support/frames.ts';
import { eventually, expectFailure, onBothSides } from '../support/raw-peer.ts';

/** Every length of code point, at the borders of its range. */
const VALID = '\u0000 ~ \u007f \u0080 é \u07ff \u0800 € \ud7ff \ue000 \uffff \u{10000} 😀 \u{10ffff}';

/** Bytes of which the last one is the first that cannot be right. */
const INVALID: readonly (readonly [what: string, digits: string])[] = [
  ['a continuation byte alone', '80'],
  ['a two-byte form cut short', 'c3 28'],
  ['an overlong slash', 'c0'],
  ['an overlong form of two bytes', 'c1'],
  ['an overlong form of three bytes', 'e0 9f'],
  ['an overlong form of four bytes', 'f0 8f'],
  ['a surrogate', 'ed a0'],
  ['a low surrogate', 'ed b0'],
  ['a code point above U+10FFFF', 'f4 90'],
  ['a lead byte above all ranges', 'f5'],
  ['0xFE', 'fe'],
  ['0xFF', 'ff'],
  ['a three-byte form cut short', 'e2 82 28'],
  ['a four-byte form cut short', 'f0 9f 98 c3'],
];

onBothSides(({ open }) => {
  test('5.6-a 8.1-a delivers text with code points of every length', async () => {
    const { peer, log } = await open();
    await peer.send(peer.frame({ payload: VALID }), peer.frame({ payload: 'ASCII only' }), peer.frame({ payload: '' }));
    await eventually(() => log.messages.length === 3);
    expect(log.messages).toEqual([VALID, 'ASCII only', '']);
  });

  test('5.6-a takes fragments that end at every byte of a code point', async () => {
    const { peer, log } = await open();
    const bytes = utf8('é€😀!');
    const parts = Array.from(bytes, (byte, index) =>
      peer.frame({ opcode: index === 0 ? 1 : 0, fin: index === bytes.length - 1, payload: Uint8Array.of(byte) }),
    );
    await peer.send(...parts);
    await eventually(() => log.messages.length === 1);
    expect(log.messages).toEqual(['é€😀!']);
  });

  test('5.6-b passes binary data on that is not UTF-8', async () => {
    const { peer, log } = await open();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => 255 - index);
    await peer.send(
      peer.frame({ opcode: 2, payload: bytes }),
      peer.frame({ opcode: 2, fin: false, payload: hex('c3') }),
      peer.frame({ opcode: 0 }),
    );
    await eventually(() => log.messages.length === 2);
    expect(log.messages).toEqual([Buffer.from(bytes), Buffer.from([0xc3])]);
  });

  test.each(INVALID)('8.1-a 8.1-b 8.1-c 7.1.7-c closes with 1007 at %s, in a frame that is not complete', async (_, digits) => {
    const conversation = await open();
    const { peer, log } = conversation;
    const unfinished = peer.frame({ payload: concat(utf8('good so far '), hex(digits)), length: 1000 });
    await peer.send(peer.frame({ payload: 'before' }), unfinished);
    await expectFailure(conversation, 1007, 'WS_ERR_INVALID_UTF8');
    expect(log.messages).toEqual(['before']);
  });

  test.each(INVALID)('8.1-a 8.1-b closes with 1007 at %s, in an unfinished fragment', async (_, digits) => {
    const conversation = await open();
    const { peer, log } = conversation;
    const bytes = hex(digits);
    await peer.send(
      peer.frame({ payload: 'before' }),
      peer.frame({ fin: false, payload: concat(utf8('é'), bytes.subarray(0, -1)) }),
      peer.frame({ opcode: 9, payload: 'p' }),
      peer.frame({ opcode: 0, fin: false, payload: bytes.subarray(-1) }),
    );
    const frames = await expectFailure(conversation, 1007, 'WS_ERR_INVALID_UTF8');
    expect(frames.map(({ opcode }) => opcode)).toEqual([10]);
    expect(log.messages).toEqual(['before']);
  });

  test.each(['c3', 'e2 82', 'f0 9f 98'])(
    '8.1-a 5.6-a closes with 1007 at text that ends inside a code point (%s)',
    async (digits) => {
      for (const fin of [true, false]) {
        const conversation = await open();
        const { peer, log } = conversation;
        const payload = concat(utf8('text '), hex(digits));
        await peer.send(
          peer.frame({ payload: 'before' }),
          peer.frame({ fin, payload }),
          ...(fin ? [] : [peer.frame({ opcode: 0 })]),
        );
        await expectFailure(conversation, 1007, 'WS_ERR_INVALID_UTF8');
        expect(log.messages).toEqual(['before']);
      }
    },
  );

  test('10-a 7.1.7-c closes with 1009 at a length that goes over the limit, before its payload comes', async () => {
    const conversation = await open({ settings: { maxPayload: 1000 } });
    const { peer, log } = conversation;
    await peer.send(
      peer.frame({ opcode: 2, payload: pattern(1000) }),
      peer.frame({ opcode: 2, payload: Uint8Array.of(1), length: 1001 }),
    );
    await expectFailure(conversation, 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
    expect(log.messages).toEqual([Buffer.from(pattern(1000))]);
  });

  test('10-a closes with 1009 at fragments that go over the limit together', async () => {
    const conversation = await open({ settings: { maxPayload: 10 } });
    const { peer, log } = conversation;
    await peer.send(peer.frame({ fin: false, payload: '12345' }), peer.frame({ opcode: 0, fin: false, payload: '67890' }));
    await peer.send(peer.frame({ opcode: 0, fin: false, payload: '!' }));
    await expectFailure(conversation, 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
    expect(log.messages).toEqual([]);
  });

  test('10-a closes with 1009 at a length above 100 MiB with the limits at their defaults', async () => {
    for (const length of [104_857_601, Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 63n - 1n]) {
      const conversation = await open();
      const { peer } = conversation;
      await peer.send(peer.frame({ opcode: 2, payload: Uint8Array.of(1), length }));
      await expectFailure(conversation, 1009);
    }
  });
});

onBothSides(
  ({ open }) => {
    test('8.1-a 8.1-b closes with 1007 at a bad byte deep inside a large frame, wherever the reads cut it', async () => {
      for (const at of [0, 15, 16, 31, 32, 33, 63, 64, 1000, 70_000, 300_001]) {
        const conversation = await open();
        const { peer, log } = conversation;
        const payload = new Uint8Array(400_000).fill(0x61);
        payload[at] = 0xff;
        await peer.send(peer.frame({ payload: 'before' }), peer.frame({ payload, length: 500_000 }));
        await expectFailure(conversation, 1007, 'WS_ERR_INVALID_UTF8');
        expect(log.messages).toEqual(['before']);
      }
    });

    test('5.6-a delivers a large text of mixed code points in one frame and in fragments that cut them', async () => {
      const { peer, log } = await open();
      const text = `${VALID} `.repeat(10_000);
      const bytes = utf8(text);
      const parts: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += 997) {
        const payload = bytes.subarray(at, at + 997);
        parts.push(peer.frame({ opcode: at === 0 ? 1 : 0, fin: at + 997 >= bytes.length, payload }));
      }
      await peer.send(peer.frame({ payload: bytes }), ...parts);
      await eventually(() => log.messages.length === 2);
      expect(log.messages.map((message) => message === text)).toEqual([true, true]);
    });

    test('8.1-d sends strings as UTF-8, with U+FFFD for a lone surrogate', async () => {
      const { ws, peer } = await open();
      ws.send(VALID);
      ws.send('a\ud800b');
      ws.send('\udc00');
      ws.send('\ud83d');
      ws.send('x'.repeat(70_000) + '\ud83d');
      const payloads = (await peer.read(5)).map(({ payload }) => payload);
      expect(payloads[0]).toEqual(Buffer.from(VALID));
      expect(payloads[1].toString('hex')).toBe('61efbfbd62');
      expect(payloads[2].toString('hex')).toBe('efbfbd');
      expect(payloads[3].toString('hex')).toBe('efbfbd');
      expect(payloads[4].subarray(70_000).toString('hex')).toBe('efbfbd');
    });

    test('5.6-b sends bytes as they are, whatever holds them', async () => {
      const { ws, peer } = await open();
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      ws.send(bytes);
      ws.send(bytes.buffer);
      ws.send(new DataView(bytes.buffer, 100, 28));
      const payloads = (await peer.read(3)).map(({ payload }) => payload);
      expect(payloads).toEqual([Buffer.from(bytes), Buffer.from(bytes), Buffer.from(bytes.subarray(100, 128))]);
    });
  },
  ['chunk'],
);
