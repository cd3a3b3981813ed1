// RFC 6455 sections 5.1, 5.2, 5.3, 5.7, 5.8 and 6: frames on the wire, byte by byte and at once, in both roles.

import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { concat, frame, hex, pattern, toHex, utf8 } from '../support/frames.ts';
import { ACCEPT, closeCodeOf, eventually, expectFailure, onBothSides, openClient, openServer } from '../support/raw-peer.ts';

const KEY = hex('37 fa 21 3d');
const LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 70000];

onBothSides(({ side, open }) => {
  test('5.1-b 5.1-d 7.1.7-c closes with 1002 at a frame whose MASK bit is wrong for the role, after what came before', async () => {
    const conversation = await open();
    const { peer, log } = conversation;
    const wrong = side === 'server' ? hex('81 05 48 65 6c 6c 6f') : hex('81 85 37 fa 21 3d 7f 9f 4d 51 58');
    await peer.send(peer.frame({ payload: 'before' }), wrong, peer.frame({ payload: 'after' }));
    await expectFailure(conversation, 1002, side === 'server' ? 'WS_ERR_EXPECTED_MASK' : 'WS_ERR_UNEXPECTED_MASK');
    expect(log.messages).toEqual(['before']);
  });

  test('5.1-b 5.1-d closes with 1002 at a control frame and an empty frame whose MASK bit is wrong for the role', async () => {
    for (const wrong of side === 'server'
      ? ['89 00', '81 00', '88 00']
      : ['89 80 00 00 00 00', '81 80 01 02 03 04', '88 80 00 00 00 00']) {
      const conversation = await open();
      await conversation.peer.send(hex(wrong));
      await expectFailure(conversation, 1002);
      expect(conversation.log.pings).toEqual([]);
    }
  });

  test.each([
    { bit: 'RSV1', options: { rsv1: true }, error: 'WS_ERR_UNEXPECTED_RSV_1' },
    { bit: 'RSV2', options: { rsv2: true }, error: 'WS_ERR_UNEXPECTED_RSV_2_3' },
    { bit: 'RSV3', options: { rsv3: true }, error: 'WS_ERR_UNEXPECTED_RSV_2_3' },
  ])('5.2-a 7.1.7-c 10-c closes with 1002 at $bit, after what came before', async ({ options, error }) => {
    for (const opcode of [1, 2, 9]) {
      const conversation = await open();
      const { peer, log } = conversation;
      await peer.send(
        peer.frame({ payload: 'before' }),
        peer.frame({ ...options, opcode, payload: 'x' }),
        peer.frame({ payload: 'after' }),
      );
      await expectFailure(conversation, 1002, error);
      expect(log.messages).toEqual(['before']);
      expect(log.pings).toEqual([]);
    }
  });

  test('5.2-a closes with 1002 at a reserved bit on a continuation frame', async () => {
    const conversation = await open();
    const { peer } = conversation;
    await peer.send(peer.frame({ fin: false, payload: 'a' }), peer.frame({ opcode: 0, rsv1: true, payload: 'b' }));
    await expectFailure(conversation, 1002, 'WS_ERR_UNEXPECTED_RSV_1');
    expect(conversation.log.messages).toEqual([]);
  });

  test.each([3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf])(
    '5.2-b 5.8-a 7.1.7-c closes with 1002 at the reserved opcode %i, after what came before',
    async (opcode) => {
      const conversation = await open();
      const { peer, log } = conversation;
      await peer.send(
        peer.frame({ payload: 'before' }),
        peer.frame({ opcode, payload: 'x' }),
        peer.frame({ payload: 'after' }),
      );
      await expectFailure(conversation, 1002, 'WS_ERR_INVALID_OPCODE');
      expect(log.messages).toEqual(['before']);
    },
  );

  test.each([
    { form: 'nothing in 16 bits', head: '82 7e 00 00' },
    { form: '125 in 16 bits', head: '82 7e 00 7d' },
    { form: '125 in 64 bits', head: '82 7f 00 00 00 00 00 00 00 7d' },
    { form: '126 in 64 bits', head: '82 7f 00 00 00 00 00 00 00 7e' },
    { form: '65,535 in 64 bits', head: '82 7f 00 00 00 00 00 00 ff ff' },
  ])('5.2-c 7.1.7-c closes with 1002 at $form, after what came before', async ({ head }) => {
    const conversation = await open();
    const { peer, log } = conversation;
    await peer.send(peer.frame({ payload: 'before' }), asPeer(side, hex(head)));
    await expectFailure(conversation, 1002, 'WS_ERR_INVALID_PAYLOAD_LENGTH_FORM');
    expect(log.messages).toEqual(['before']);
  });

  test.each(['82 7f 80 00 00 00 00 00 00 05', '81 7f ff ff ff ff ff ff ff ff'])(
    '5.2-d closes with 1002 at a length with its top bit set (%s)',
    async (head) => {
      const conversation = await open();
      const { peer, log } = conversation;
      await peer.send(peer.frame({ payload: 'before' }), asPeer(side, hex(head)));
      await expectFailure(conversation, 1002, 'WS_ERR_INVALID_PAYLOAD_LENGTH_FORM');
      expect(log.messages).toEqual(['before']);
    },
  );

  test('5.2-f 5.7-a 6.2-a reads the frames of the standard’s examples', async () => {
    const { peer, log } = await open();
    const masked = [
      '81 85 37 fa 21 3d 7f 9f 4d 51 58',
      '01 83 37 fa 21 3d 7f 9f 4d',
      '80 82 37 fa 21 3d 5b 95',
      '89 85 37 fa 21 3d 7f 9f 4d 51 58',
    ];
    const plain = ['81 05 48 65 6c 6c 6f', '01 03 48 65 6c', '80 02 6c 6f', '89 05 48 65 6c 6c 6f'];
    await peer.send(hex((side === 'server' ? masked : plain).join('')));
    const [pong] = await peer.read(1);
    expect(log.messages).toEqual(['Hello', 'Hello']);
    expect(log.pings).toEqual(['Hello']);
    expect(pong).toMatchObject({ opcode: 10, fin: true });
    expect(pong.payload.toString()).toBe('Hello');
  });

  test('5.2-e 5.7-a reads 256 bytes behind a 16-bit length in network byte order', async () => {
    const { peer, log } = await open();
    const payload = pattern(256);
    await peer.send(
      side === 'server' ? concat(hex('82 fe 01 00 37 fa 21 3d'), xor(payload)) : concat(hex('82 7e 01 00'), payload),
    );
    await eventually(() => log.messages.length === 1);
    expect(log.messages[0]).toEqual(Buffer.from(payload));
  });

  test('5.3-c 6.2-c unmasks payloads of every length modulo 4 and any key', async () => {
    if (side === 'client') return;
    const { peer, log } = await open();
    const keys = ['00 00 00 00', 'ff ff ff ff', '80 00 00 01', '01 02 03 04'];
    const payloads = [0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 33].map((length) => pattern(length, length + 1));
    for (const key of keys) await peer.send(...payloads.map((payload) => frame({ opcode: 2, payload, key: hex(key) })));
    await eventually(() => log.messages.length === keys.length * payloads.length);
    expect(log.messages).toEqual(keys.flatMap(() => payloads.map((payload) => Buffer.from(payload))));
  });

  test('4.2.2-h 5.2-f reads frames that came in one packet with the handshake', async () => {
    const { ws, peer, log } = await open({
      head: [{ payload: 'first' }, { opcode: 9, payload: 'p' }, { opcode: 2, payload: 'second' }],
    });
    await peer.sendFrame({ payload: 'third' });
    await eventually(() => log.messages.length === 3);
    expect(log.messages).toEqual(['first', Buffer.from('second'), 'third']);
    expect((await peer.read(1))[0].payload.toString()).toBe('p');
    expect(ws.readyState).toBe(ws.OPEN);
  });

  test('4.2.2-h 7.1.7-b fails at a bad frame that came in one packet with the handshake, after the good one before it', async () => {
    const conversation = await open({ head: [{ payload: 'first' }, { opcode: 3 }] });
    await expectFailure(conversation, 1002, 'WS_ERR_INVALID_OPCODE');
    expect(conversation.log.messages).toEqual(['first']);
  });

  test('5.2-f 6.2-b delivers messages in order, each once, with its type', async () => {
    const { peer, log } = await open();
    const parts = Array.from({ length: 20 }, (_, index) =>
      peer.frame({ opcode: 1 + (index % 2), payload: `message ${index}` }),
    );
    await peer.send(...parts);
    await eventually(() => log.messages.length >= 20);
    expect(log.messages).toEqual(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? `message ${index}` : Buffer.from(`message ${index}`))),
    );
  });
});

onBothSides(
  ({ side, open }) => {
    test.each(LENGTHS)('5.2-e 5.6-b reads %i bytes', async (length) => {
      const { peer, log } = await open();
      const payload = pattern(length);
      await peer.sendFrame({ opcode: 2, payload });
      await eventually(() => log.messages.length === 1);
      expect(Buffer.compare(log.messages[0] as Buffer, payload)).toBe(0);
    });

    test.each(LENGTHS)('5.2-c 5.2-e 5.2-g 5.3-c sends %i bytes in the shortest form of the length', async (length) => {
      const { ws, peer } = await open();
      const payload = pattern(length);
      ws.send(payload);
      ws.send('x'.repeat(length));
      const [binary, text] = await peer.read(2);
      const lengthBits = length < 126 ? 7 : length < 65536 ? 16 : 64;
      expect(binary).toMatchObject({ fin: true, rsv: 0, opcode: 2, lengthBits });
      expect(Buffer.compare(binary.payload, payload)).toBe(0);
      expect(text).toMatchObject({ fin: true, rsv: 0, opcode: 1, lengthBits });
      expect(text.payload.toString()).toBe('x'.repeat(length));
    });

    test('5.1-a 5.1-c 5.2-g 6.1-c masks every frame as a client and none as a server', async () => {
      const { ws, peer } = await open();
      ws.send('text');
      ws.send('');
      ws.send(pattern(300));
      ws.send('a', { fin: false });
      ws.send('b', { fin: true });
      ws.ping('ping');
      ws.ping();
      ws.pong('pong');
      await peer.sendFrame({ opcode: 9, payload: 'answer me' });
      await peer.read(9);
      ws.close(1000, 'bye');
      const frames = await peer.read(10);
      expect(frames.map(({ opcode }) => opcode)).toEqual([1, 1, 2, 1, 0, 9, 9, 10, 10, 8]);
      expect(frames.map(({ key }) => key !== undefined)).toEqual(frames.map(() => side === 'client'));
      expect(frames.map(({ rsv }) => rsv)).toEqual(frames.map(() => 0));
      expect(frames.map(({ payload }) => payload.subarray(0, 9).toString('latin1')).slice(4, 9)).toEqual([
        'b',
        'ping',
        '',
        'pong',
        'answer me',
      ]);
    });

    test('6.1-a sends nothing before the connection is open, and nothing once it closes', async () => {
      const { ws, peer, log } = await open();
      ws.send('while open');
      ws.close(1000);
      const errors: unknown[] = [];
      ws.send('too late', (error) => errors.push(error));
      ws.ping('too late', (error?: Error | null) => errors.push(error));
      await eventually(() => errors.length === 2);
      expect(errors.every((error) => error instanceof Error)).toBe(true);
      await peer.sendFrame({ opcode: 8, payload: hex('03 e8') });
      peer.end();
      await log.end();
      expect((await peer.readToEnd()).map(({ opcode }) => opcode)).toEqual([1, 8]);
    });

    test('6.1-b 6.1-d sends text and binary with their opcodes and FIN, in order', async () => {
      const { ws, peer } = await open();
      for (let index = 0; index < 50; index++) ws.send(index % 2 === 0 ? `${index}` : Buffer.from(`${index}`));
      const frames = await peer.read(50);
      expect(frames.map(({ payload }) => payload.toString())).toEqual(Array.from({ length: 50 }, (_, index) => `${index}`));
      expect(frames.map(({ fin, opcode }) => [fin, opcode])).toEqual(
        Array.from({ length: 50 }, (_, index) => [true, 1 + (index % 2)]),
      );
    });
  },
  ['chunk'],
);

test('5.7-b server sends the frames of the standard’s examples', async () => {
  const { ws, peer } = await openServer();
  ws.send('Hello');
  ws.send('Hel', { fin: false });
  ws.send('lo', { fin: true });
  ws.ping('Hello');
  ws.pong('Hello');
  await peer.read(5);
  expect(toHex(peer.bytes)).toBe('81 05 48 65 6c 6c 6f 01 03 48 65 6c 80 02 6c 6f 89 05 48 65 6c 6c 6f 8a 05 48 65 6c 6c 6f');
});

test('5.7-b server sends 256 bytes and 64 KiB behind the heads of the standard’s examples', async () => {
  const { ws, peer } = await openServer();
  ws.send(new Uint8Array(256));
  ws.send(new Uint8Array(65536));
  await peer.read(2);
  expect(toHex(peer.bytes.subarray(0, 4))).toBe('82 7e 01 00');
  expect(toHex(peer.bytes.subarray(260, 270))).toBe('82 7f 00 00 00 00 00 01 00 00');
  expect(peer.bytes).toHaveLength(4 + 256 + 10 + 65536);
});

test('5.7-b client sends the heads of the standard’s examples, masked', async () => {
  const { ws, peer } = await openClient();
  ws.send('Hello');
  const [{ key, payload }] = await peer.read(1);
  expect(toHex(peer.bytes.subarray(0, 2))).toBe('81 85');
  expect(toHex(peer.bytes.subarray(6))).toBe(toHex(utf8('Hello').map((byte, index) => byte ^ key![index % 4])));
  expect(payload.toString()).toBe('Hello');
});

test('5.3-a 5.3-b client draws 1,000 different keys that form no sequence', async () => {
  const { ws, peer } = await openClient();
  for (let index = 0; index < 1000; index++) ws.send(index % 2 === 0 ? 'same text' : Buffer.from('same bytes'));
  const keys = (await peer.read(1000)).map(({ key }) => key!.readUInt32BE(0));
  expect(new Set(keys).size).toBe(1000);
  // A counter, a linear generator or a rotation would repeat a step; of random ones, two equal steps in 999 come once in 8,000 runs.
  const steps = keys.slice(1).map((key, index) => (key - keys[index]) >>> 0);
  expect(new Set(steps).size).toBeGreaterThan(990);
  const differences = keys.slice(1).map((key, index) => (key ^ keys[index]) >>> 0);
  expect(new Set(differences).size).toBeGreaterThan(990);
  // Each of the 32 bits is set in about half of the keys: 500, give or take 15.8; 400 is more than six times that away.
  for (let bit = 0; bit < 32; bit++) {
    const count = keys.filter((key) => (key >>> bit) & 1).length;
    expect(count).toBeGreaterThan(400);
    expect(count).toBeLessThan(600);
  }
});

test('5.3-a clients draw keys of their own', async () => {
  const keys = new Set<string>();
  for (let index = 0; index < 5; index++) {
    const { ws, peer } = await openClient();
    for (let count = 0; count < 20; count++) ws.send('x');
    for (const { key } of await peer.read(20)) keys.add(key!.toString('hex'));
  }
  expect(keys.size).toBe(100);
});

test('10-b client sends no byte of a payload in the clear, whatever a program chooses', async () => {
  const { ws, peer } = await openClient();
  const poison = Buffer.from('GET / HTTP/1.1\r\nHost: victim\r\n\r\n');
  for (let index = 0; index < 50; index++) ws.send(poison);
  await peer.read(50);
  expect(peer.bytes.includes(poison)).toBe(false);
  expect(peer.bytes.includes('GET /')).toBe(false);
});

test('10-b client leaves the bytes that a program gave to send as they were', async () => {
  const { ws, peer } = await openClient();
  const payload = pattern(100_000);
  ws.send(payload);
  ws.send(payload.subarray(0, 50));
  const frames = await peer.read(2);
  expect(Buffer.compare(payload, pattern(100_000))).toBe(0);
  expect(Buffer.compare(frames[0].payload, payload)).toBe(0);
});

test('4.2.2-g server accepts the key of the standard’s example, and closes a hand-written conversation', async () => {
  expect(ACCEPT).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  const { ws, peer, log } = await openServer();
  ws.on('message', (data: Buffer) => ws.send(data.toString()));
  await peer.send(hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'), hex('88 82 37 fa 21 3d 34 12'));
  await peer.readToEnd();
  expect(toHex(peer.bytes)).toBe('81 05 48 65 6c 6c 6f 88 02 03 e8');
  expect(closeCodeOf(peer.frames[1])).toBe(1000);
  peer.end();
  expect(await log.end()).toEqual({ code: 1000, reason: '' });
});

/** `head`, a frame without a masking key, as the raw peer of our `side` would send it. */
function asPeer(side: 'server' | 'client', head: Uint8Array): Uint8Array {
  if (side === 'client') return head;
  const masked = concat(head, KEY);
  masked[1] |= 0x80;
  return masked;
}

function xor(payload: Uint8Array): Uint8Array {
  return payload.map((byte, index) => byte ^ KEY[index % 4]);
}
