import { describe, expect, test } from 'vitest';
import { broadcast } from '../../../../src/api/ws/broadcast.ts';
import { open, TestSocket } from './idle-socket.ts';

describe('broadcast over sessions that make their own frames', () => {
  test('sends text and bytes to each', () => {
    const sockets = [new TestSocket(), new TestSocket(), new TestSocket()];
    const sessions = sockets.map((ws) => open(ws));
    broadcast(sockets, 'text', { except: sockets[1] });
    broadcast(sockets, Uint8Array.of(1, 2));
    broadcast(sockets, 'bytes', { binary: true });
    const [first, second, third] = sessions.map(({ calls }) => calls.filter(([name]) => name === 'text' || name === 'bytes'));
    const both = [
      ['bytes', [1, 2]],
      ['bytes', [0x62, 0x79, 0x74, 0x65, 0x73]],
    ];
    expect(first).toEqual([['text', 'text'], ...both]);
    expect(second).toEqual(both);
    expect(third).toEqual(first);
  });
});

describe('broadcast and a Blob that is still being read', () => {
  test('goes behind it', async () => {
    const ws = new TestSocket();
    const session = open(ws);
    ws.send(new Blob(['blob']));
    broadcast([ws], 'text');
    const sent = (): unknown[] => session.calls.filter(([name]) => name === 'text' || name === 'bytes');
    expect(sent()).toEqual([]);
    await expect.poll(() => sent().length).toBe(2);
    expect(sent()).toEqual([
      ['bytes', [0x62, 0x6c, 0x6f, 0x62]],
      ['text', 'text'],
    ]);
  });
});
