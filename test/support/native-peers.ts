// Peers of WebSockets of a runtime's own server: they break the protocol, vanish, or fall silent.

import { describe, expect, test } from 'vitest';
import { connectRaw, until } from './sockets.ts';

/** The events of a WebSocket, in order; 'close' with its code and reason. */
export type Heard = unknown[];

/** Frames that no client may send, masked where nothing else is said. */
export const VIOLATIONS: Readonly<Record<string, string>> = {
  'RSV1 without an extension': 'c180 00000000',
  'RSV2 and RSV3': 'b180 00000000',
  'a reserved opcode': '8380 00000000',
  'text that is no UTF-8': '8181 00000000 ff',
  'a Close frame of one byte': '8881 00000000 03',
  'a close code that is never sent': '8882 00000000 03ed',
  'a close reason that is no UTF-8': '8883 00000000 03e8 ff',
  'a Ping of 126 bytes': `89fe 007e 00000000 ${'00'.repeat(126)}`,
  'a Ping in fragments': '0980 00000000',
  'a continuation of nothing': '8080 00000000',
  'a message in a message': '0180 00000000 8180 00000000',
  'a length of 64 bits': '82ff ffffffffffffffff 00000000',
  'what is no frame': 'ff'.repeat(500),
};

/**
 * Declares the tests.
 *
 * @param serve Starts a server that gives up on a silent peer after seconds. @returns Its port.
 */
export function describeNativePeers(name: string, serve: (heard: Heard) => number): void {
  describe(`a peer of ${name}`, () => {
    const codeOf = (heard: Heard): unknown => heard[heard.indexOf('close') + 1];

    test.each(Object.entries(VIOLATIONS))('that sends %s is lost: 1006', async (_, frames) => {
      const heard: Heard = [];
      const peer = await connectRaw(serve(heard));
      await until('the opening', () => heard.includes('open'));
      peer.write(Buffer.from(frames.replaceAll(' ', ''), 'hex'));
      await until('the end', () => heard.includes('close'));
      expect(codeOf(heard)).toBe(1006);
      expect(heard.filter((event) => event === 'message')).toEqual([]);
    });

    test.each([
      ['resets', (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy()],
      ['leaves', (socket: { end(): unknown }) => socket.end()],
    ])('that %s is lost, which is no error', async (_, leave) => {
      const heard: Heard = [];
      const peer = await connectRaw(serve(heard));
      await until('the opening', () => heard.includes('open'));
      leave(peer.socket);
      await until('the end', () => heard.includes('close'));
      expect(heard).toEqual(['open', 'close', 1006, '']);
    });

    test('that says nothing any more is lost, which is no error', async () => {
      const heard: Heard = [];
      const peer = await connectRaw(serve(heard));
      await until('the end', () => heard.includes('close'));
      expect(heard).toEqual(['open', 'close', 1006, '']);
      await until('the end of TCP', () => peer.hasEnded || peer.hasClosed);
    });
  });
}
