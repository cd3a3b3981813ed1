// Masking keys of a program's own; and what a peer may do to us that it may not do to ws, or the other way round.

import { describe, expect, test } from 'vitest';
import { ours, sameWithBoth, sleep } from './oracle.ts';
import { CLOSE, frames, received, withRawPeer } from './raw-peer.ts';

describe('generateMask', () => {
  test.each([
    ['short text', 'short'],
    ['long text', 'x'.repeat(5000)],
    ['bytes', Buffer.from('bytes')],
    ['many bytes', Buffer.alloc(70000, 5)],
    ['very many bytes', Buffer.alloc(700000, 6)],
  ])('makes the key of %s', (_, data) =>
    sameWithBoth(async (library) => {
      const seen: unknown[] = [];
      let count = 0;
      const { ws, socket, end } = await withRawPeer(library, 'client', {
        generateMask(mask: Buffer) {
          seen.push(mask.length, Buffer.isBuffer(mask));
          mask.writeUInt32BE(0x01020304 + count++);
        },
      });
      const hash = process.getBuiltinModule('node:crypto').createHash('sha1');
      let length = 0;
      socket.on('data', (chunk: Buffer) => {
        length += chunk.length;
        hash.update(chunk);
      });
      ws.send(data);
      await new Promise((resolve) => {
        ws.ping('end', undefined, resolve);
      });
      await sleep(50);
      ws.terminate();
      end();
      return [seen, count, length, hash.digest('hex')];
    }),
  );
});

describe('what differs by intention', () => {
  test.each(['client', 'server'] as const)('a %s of ours refuses a length that is not in its shortest form', async (role) => {
    const { log } = await received(ours, role, [frames(role, [{ payload: 'x', lengthBits: 16 }])]);
    expect(log[0]).toMatchObject(['error', { code: 'WS_ERR_INVALID_PAYLOAD_LENGTH_FORM' }, 2]);
  });

  test.each(['client', 'server'] as const)('a %s of ours calls a length with the top bit set a violation', async (role) => {
    const { log } = await received(ours, role, [frames(role, [{ opcode: 2, length: 2n ** 63n }])]);
    expect(log[0]).toMatchObject(['error', { code: 'WS_ERR_INVALID_PAYLOAD_LENGTH_FORM' }, 2]);
  });

  test('a server of ours takes a legal message of more fragments than ws allows', async () => {
    const list = Array.from({ length: 20000 }, (_, index) => ({
      opcode: index === 0 ? 1 : 0,
      payload: 'x',
      fin: index === 19999,
    }));
    const { log } = await received(ours, 'server', [frames('server', [...list, CLOSE])]);
    expect(log[0]).toEqual(['message', `Buffer ${'x'.repeat(20000)}`, false, 1]);
  });
});
