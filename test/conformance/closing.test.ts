// RFC 6455 sections 5.5.1 and 7: the closing handshake, the end of TCP, failures and status codes, in both roles.

import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { hex, pattern } from '../support/frames.ts';
import { closeCodeOf, eventually, expectFailure, onBothSides, openClient, openServer } from '../support/raw-peer.ts';
import { sleep } from '../support/sleep.ts';

/** Long enough for anything wrong to happen on loopback. */
const A_WHILE = 100;

const VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const INVALID_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];

/** A Close frame's payload. */
function body(code: number, reason: string | Uint8Array = ''): Uint8Array {
  return Buffer.concat([Uint8Array.of(code >>> 8, code & 0xff), Buffer.from(reason)]);
}

onBothSides(({ side, open }) => {
  test('5.5.1-d 7.1.2-b 7.1.4-a 7.1.5-a 7.1.6-a answers a Close frame with its status code, and closes cleanly', async () => {
    const { ws, peer, log } = await open();
    await peer.sendFrame({ opcode: 8, payload: body(4321, 'grüße') });
    const [close] = await peer.read(1);
    expect(close).toMatchObject({ fin: true, rsv: 0, opcode: 8 });
    expect(closeCodeOf(close)).toBe(4321);
    peer.end();
    expect(await log.end()).toEqual({ code: 4321, reason: 'grüße' });
    expect(log.wasClean).toBe(true);
    expect(ws.readyState).toBe(ws.CLOSED);
    expect(log.errors).toEqual([]);
    expect(await peer.readToEnd()).toHaveLength(1);
  });

  test('5.5.1-d 7.1.5-b 7.1.6-a answers a Close frame without a body with one without a body: 1005', async () => {
    const { peer, log } = await open();
    await peer.sendFrame({ opcode: 8 });
    const [close] = await peer.read(1);
    expect(close.opcode).toBe(8);
    expect(close.payload).toHaveLength(0);
    peer.end();
    expect(await log.end()).toEqual({ code: 1005, reason: '' });
  });

  test('5.5.1-a closes with 1002 at a Close frame with a body of one byte', async () => {
    const conversation = await open();
    const { peer, log } = conversation;
    await peer.send(peer.frame({ payload: 'before' }), peer.frame({ opcode: 8, payload: hex('03') }));
    await expectFailure(conversation, 1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH');
    expect(log.messages).toEqual(['before']);
  });

  test.each(['ff', 'c3', '41 c0 af', '41 ed a0 80', 'f0 9f 98'])(
    '5.5.1-b closes with 1007 at a reason that is not UTF-8 (%s)',
    async (digits) => {
      const conversation = await open();
      const { peer, log } = conversation;
      await peer.send(peer.frame({ payload: 'before' }), peer.frame({ opcode: 8, payload: body(1000, hex(digits)) }));
      await expectFailure(conversation, 1007, 'WS_ERR_INVALID_UTF8');
      expect(log.messages).toEqual(['before']);
    },
  );

  test('5.5.1-a takes a reason of 123 bytes', async () => {
    const { peer, log } = await open();
    const reason = `€${'x'.repeat(120)}`;
    await peer.sendFrame({ opcode: 8, payload: body(1000, reason) });
    await peer.read(1);
    peer.end();
    expect(await log.end()).toEqual({ code: 1000, reason });
  });

  test.each(VALID_CODES)('7.4-c takes the status code %i', async (code) => {
    const { peer, log } = await open();
    await peer.sendFrame({ opcode: 8, payload: body(code) });
    expect(closeCodeOf((await peer.read(1))[0])).toBe(code);
    peer.end();
    expect(await log.end()).toEqual({ code, reason: '' });
    expect(log.errors).toEqual([]);
  });

  test.each(INVALID_CODES)('7.4-b closes with 1002 at the status code %i', async (code) => {
    const conversation = await open();
    await conversation.peer.sendFrame({ opcode: 8, payload: body(code, 'reason') });
    await expectFailure(conversation, 1002, 'WS_ERR_INVALID_CLOSE_CODE');
  });

  test('5.5.1-c 7.1.5-a 7.1.1-c ignores what follows a Close frame, be it good, bad or another Close frame', async () => {
    const { peer, log } = await open();
    await peer.send(
      peer.frame({ payload: 'before' }),
      peer.frame({ opcode: 8, payload: body(3001, 'first') }),
      peer.frame({ payload: 'after' }),
      peer.frame({ opcode: 8, payload: body(3002, 'second') }),
      hex('ff ff ff ff'),
    );
    peer.end();
    expect(await log.end()).toEqual({ code: 3001, reason: 'first' });
    expect(log.messages).toEqual(['before']);
    expect(log.errors).toEqual([]);
    expect((await peer.readToEnd()).map(closeCodeOf)).toEqual([3001]);
  });

  test('5.5.1-f closes once when Close frames cross in flight', async () => {
    const { ws, peer, log } = await open();
    // The peer's frame leaves before it can have seen ours.
    const sent = peer.sendFrame({ opcode: 8, payload: body(4001, 'peer') });
    ws.close(4002, 'us');
    await sent;
    const frames = await peer.read(1);
    expect(frames.map(closeCodeOf)).toEqual([4002]);
    peer.end();
    expect(await log.end()).toEqual({ code: 4001, reason: 'peer' });
    expect(log.wasClean).toBe(true);
    expect(await peer.readToEnd()).toHaveLength(1);
  });

  test('7.1.2-a 7.1.3-a 7.1.4-a 7.3-a starts the closing handshake with the code and reason given', async () => {
    const { ws, peer, log } = await open();
    ws.close(4000, 'tschüß');
    expect(ws.readyState).toBe(ws.CLOSING);
    const [close] = await peer.read(1);
    expect(close).toMatchObject({ fin: true, rsv: 0, opcode: 8 });
    expect(close.payload).toEqual(Buffer.concat([hex('0f a0'), Buffer.from('tschüß')]));
    expect(log.closed).toBeUndefined();
    await peer.sendFrame({ opcode: 8, payload: body(4000) });
    peer.end();
    expect((await log.end()).code).toBe(4000);
    expect(log.wasClean).toBe(true);
  });

  test('7.1.2-a sends a Close frame without a body when no code is given', async () => {
    const { ws, peer, log } = await open();
    ws.close();
    expect((await peer.read(1))[0]).toMatchObject({ opcode: 8, payload: Buffer.alloc(0) });
    await peer.sendFrame({ opcode: 8 });
    peer.end();
    expect((await log.end()).code).toBe(1005);
  });

  test('5.5.1-c 7.1.3-a sends no more data after its Close frame, and delivers what arrives before the peer’s', async () => {
    const { ws, peer, log } = await open();
    ws.close(1000);
    ws.send('too late');
    await peer.read(1);
    await peer.send(
      peer.frame({ payload: 'on its way' }),
      peer.frame({ fin: false, payload: 'frag' }),
      peer.frame({ opcode: 0, payload: 'ments' }),
    );
    await eventually(() => log.messages.length === 2);
    expect(log.messages).toEqual(['on its way', 'fragments']);
    await peer.sendFrame({ opcode: 8, payload: body(1000) });
    peer.end();
    await log.end();
    expect((await peer.readToEnd()).map(({ opcode }) => opcode)).toEqual([8]);
  });

  test('7.1.7-a 7.1.7-b 7.1.7-d processes nothing after a failure, not even a Close frame', async () => {
    const conversation = await open();
    const { peer, log } = conversation;
    await peer.send(peer.frame({ opcode: 3 }), peer.frame({ payload: 'after' }), peer.frame({ opcode: 9 }));
    await peer.sendFrame({ opcode: 8, payload: body(1000) });
    expect(await expectFailure(conversation, 1002)).toEqual([]);
    expect(log.messages).toEqual([]);
    expect(log.pings).toEqual([]);
  });

  test('7.1.7-b sends one Close frame when a fault follows its own, and keeps the abnormal code', async () => {
    const { ws, peer, log } = await open();
    ws.close(1000);
    await peer.read(1);
    await peer.sendFrame({ opcode: 3 });
    expect((await peer.readToEnd()).map(closeCodeOf)).toEqual([1000]);
    peer.end();
    expect((await log.end()).code).toBe(1006);
    expect(log.wasClean).toBe(false);
  });

  test('7.2-b 7.1.5-c 7.1.4-a reports 1006 when the peer ends TCP between frames', async () => {
    const { peer, log } = await open();
    await peer.sendFrame({ payload: 'last words' });
    peer.end();
    expect(await log.end()).toEqual({ code: 1006, reason: '' });
    expect(log.wasClean).toBe(false);
    expect(log.messages).toEqual(['last words']);
  });

  test('7.2-b reports 1006 when the peer ends TCP inside a header, a frame, or a message', async () => {
    const halves = [
      (frame: Uint8Array) => [frame.subarray(0, 1)],
      (frame: Uint8Array) => [frame.subarray(0, frame.length - 1)],
    ];
    for (const half of halves) {
      const { peer, log } = await open();
      await peer.send(peer.frame({ payload: 'whole' }), ...half(peer.frame({ payload: 'cut' })));
      peer.end();
      expect((await log.end()).code).toBe(1006);
      expect(log.messages).toEqual(['whole']);
    }
    const { peer, log } = await open();
    await peer.send(peer.frame({ fin: false, payload: 'a' }), peer.frame({ opcode: 0, fin: false, payload: 'b' }));
    peer.end();
    expect((await log.end()).code).toBe(1006);
    expect(log.messages).toEqual([]);
  });

  test('7.1.1-c answers a peer that ended its side of TCP after its request', async () => {
    const { ws, peer, log } = await open();
    ws.on('message', (data: Buffer) => ws.send(`reply to ${data.toString()}`));
    await peer.sendFrame({ payload: 'question' });
    peer.end();
    expect((await peer.readToEnd()).map(({ payload }) => payload.toString())).toEqual(['reply to question']);
    expect((await log.end()).code).toBe(1006);
  });

  test('7.1.1-a 7.1.1-b ends TCP first as a server, and waits for the server as a client', async () => {
    const { peer, log } = await open();
    await peer.sendFrame({ opcode: 8, payload: body(1000) });
    await peer.read(1);
    if (side === 'server') {
      await peer.readToEnd();
    } else {
      await sleep(A_WHILE);
      expect(peer.hasEnded).toBe(false);
      expect(log.closed).toBeUndefined();
    }
    peer.end();
    expect((await log.end()).code).toBe(1000);
    await peer.readToEnd();
  });

  test('7.1.1-a 7.1.1-b 5.5.1-e does so as well when it started the closing handshake', async () => {
    const { ws, peer, log } = await open();
    ws.close(1000);
    await peer.read(1);
    // Before the peer's Close frame nobody ends TCP.
    await sleep(A_WHILE);
    expect(peer.hasEnded).toBe(false);
    await peer.sendFrame({ opcode: 8, payload: body(1000) });
    if (side === 'server') {
      await peer.readToEnd();
    } else {
      await sleep(A_WHILE);
      expect(peer.hasEnded).toBe(false);
    }
    peer.end();
    expect((await log.end()).code).toBe(1000);
  });
});

onBothSides(
  ({ side, open }) => {
    test('7.1.1-c 5.5.1-c delivers all that was sent before the Close frame', async () => {
      const { ws, peer, log } = await open();
      const payload = pattern(3_000_000);
      peer.socket.pause();
      ws.send(payload);
      ws.send('last');
      ws.close(1000);
      await sleep(A_WHILE);
      peer.socket.resume();
      const frames = await peer.read(3);
      expect(Buffer.compare(frames[0].payload, payload)).toBe(0);
      expect(frames.slice(1).map(({ opcode }) => opcode)).toEqual([1, 8]);
      await peer.sendFrame({ opcode: 8, payload: body(1000) });
      peer.end();
      expect((await log.end()).code).toBe(1000);
    });

    test('7.1.1-d 7.1.5-c drops a peer that does not answer a Close frame in time', async () => {
      const { ws, peer, log } = await open({ settings: { closeTimeout: 50 } });
      ws.close(1000);
      expect((await log.end()).code).toBe(1006);
      expect((await peer.readToEnd()).map(closeCodeOf)).toEqual([1000]);
      expect(log.wasClean).toBe(false);
    });

    test('7.1.1-d 7.1.5-a drops TCP that the peer keeps open after the closing handshake', async () => {
      const { peer, log } = await open({ settings: { closeTimeout: 50 } });
      await peer.sendFrame({ opcode: 8, payload: body(1000) });
      expect((await log.end()).code).toBe(1000);
      expect(log.wasClean).toBe(true);
      await eventually(() => peer.hasEnded);
    });

    test('7.1.7-d drops TCP that the peer keeps open after a failure', async () => {
      const { peer, log } = await open({ settings: { closeTimeout: 50 } });
      await peer.sendFrame({ opcode: 3 });
      expect((await log.end()).code).toBe(1006);
      expect((await peer.readToEnd()).map(closeCodeOf)).toEqual([1002]);
    });

    test('7.1.7-b 7.1.1-c sends its Close frame to a peer that goes on sending after its fault', async () => {
      const conversation = await open();
      const { peer } = conversation;
      await peer.send(peer.frame({ opcode: 3 }), peer.frame({ opcode: 2, payload: pattern(1_000_000) }));
      await expectFailure(conversation, 1002);
    });

    test('7.2-a reports 1006 when TCP is reset', async () => {
      const { ws, peer, log } = await open();
      peer.socket.resetAndDestroy();
      expect((await log.end()).code).toBe(1006);
      expect(ws.readyState).toBe(ws.CLOSED);
      expect(log.wasClean).toBe(false);
    });

    test('7.2-a terminate drops TCP without a Close frame', async () => {
      const { ws, peer, log } = await open();
      ws.terminate();
      expect(await peer.readToEnd()).toEqual([]);
      expect((await log.end()).code).toBe(1006);
    });

    test('7.4-a sends no status code that is reserved or undefined', async () => {
      const { ws, peer } = await open();
      for (const code of [...INVALID_CODES, -1, 1000.5, NaN, 66536]) expect(() => ws.close(code)).toThrow(TypeError);
      ws.ping('still open');
      expect((await peer.read(1))[0].opcode).toBe(9);
      expect(ws.readyState).toBe(ws.OPEN);
    });

    test.each(VALID_CODES)('7.4-c 7.1.2-a sends the status code %i in network byte order', async (code) => {
      const { ws, peer } = await open();
      ws.close(code);
      expect((await peer.read(1))[0].payload).toEqual(Buffer.from([code >>> 8, code & 0xff]));
    });

    test('7.1.5-c 7.1.4-a emits close once, last', async () => {
      const { ws, peer, log } = await open();
      const events: string[] = [];
      ws.on('close', () => events.push('close'));
      ws.on('error', () => events.push('error'));
      await peer.send(peer.frame({ payload: 'm' }), peer.frame({ opcode: 3 }));
      peer.end();
      await log.end();
      await sleep(10);
      expect(events).toEqual(['error', 'close']);
      expect(ws.readyState).toBe(ws.CLOSED);
    });

    test('7.1.7-e 7.3-a stays open while nobody closes it', async () => {
      const { ws, peer, log } = await open({ settings: { closeTimeout: 20 } });
      await sleep(A_WHILE);
      await peer.sendFrame({ payload: `to the ${side}` });
      await eventually(() => log.messages.length === 1);
      expect(ws.readyState).toBe(ws.OPEN);
      expect(peer.frames).toEqual([]);
    });
  },
  ['chunk'],
);

test('5.5.1-e 7.1.1-a server ends TCP in the same packet train as its Close frame', async () => {
  const { peer, log } = await openServer();
  await peer.send(hex('88 82 00 00 00 00 03 e8'));
  await peer.readToEnd();
  expect(peer.bytes.toString('hex')).toBe('880203e8');
  // Our side is still open: the server is waiting for us.
  expect(log.closed).toBeUndefined();
  peer.end();
  expect((await log.end()).code).toBe(1000);
});

test('5.5.1-e 7.1.1-b client ends its side when the server has ended TCP', async () => {
  const { peer, log } = await openClient();
  await peer.send(hex('88 02 03 e8'));
  await peer.read(1);
  peer.end();
  await peer.readToEnd();
  expect(closeCodeOf(peer.frames[0])).toBe(1000);
  expect((await log.end()).code).toBe(1000);
});
