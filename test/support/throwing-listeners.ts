// Listeners that throw, on WebSockets of a runtime's own server: their exceptions are uncaught, and all other listeners are called.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectRaw, until } from './sockets.ts';
import { keepUncaught } from './uncaught.ts';

/** The members of a ws-style WebSocket that the tests use. */
interface Listening {
  on(event: string, listener: () => void): unknown;
  close(code: number): void;
}

/** Masked frames with a key of zeros. */
const TEXT = Buffer.from('8181000000006f', 'hex');
const TOO_LONG = Buffer.from('818b00000000' + '6f'.repeat(11), 'hex');
const CLOSE = Buffer.from('88820000000003e8', 'hex');

/**
 * Declares the tests.
 *
 * @param serve Starts a server whose WebSockets have a `maxPayload` of 10 bytes, and passes each of them on. @returns Its port.
 */
export function describeThrowingListeners(name: string, serve: (onSocket: (socket: Listening) => void) => number): void {
  describe(`a WebSocket of ${name}`, () => {
    let uncaught: ReturnType<typeof keepUncaught>;
    beforeEach(() => void (uncaught = keepUncaught()));
    afterEach(() => uncaught.stop());

    /** Throws in the listeners of `names`. @returns The events of the WebSocket, and a peer. */
    const open = async (
      names: readonly string[],
    ): Promise<{ heard: string[]; peer: Awaited<ReturnType<typeof connectRaw>> }> => {
      const heard: string[] = [];
      const port = serve((socket) => {
        for (const event of ['open', 'message', 'error', 'close']) {
          socket.on(event, () => {
            heard.push(event);
            if (names.includes(event)) throw new Error(`of ${event}`);
          });
        }
      });
      const peer = await connectRaw(port);
      await until('the opening', () => heard.includes('open'));
      return { heard, peer };
    };

    test.each([[['open']], [['message']], [['close']], [['open', 'message', 'close']]])(
      'whose listeners of %j throw hears all the rest',
      async (names) => {
        const { heard, peer } = await open(names);
        peer.write(TEXT);
        peer.write(TEXT);
        peer.write(CLOSE);
        await until('the close', () => heard.includes('close'));
        expect(heard).toEqual(['open', 'message', 'message', 'close']);
        const thrown = heard.filter((event) => names.includes(event)).map((event) => `of ${event}`);
        await expect.poll(() => uncaught.messages).toEqual(thrown);
        await until('the end of TCP', () => peer.hasEnded || peer.hasClosed);
      },
    );

    test('whose listeners of error and of close throw leaves both uncaught, in order', async () => {
      const { heard, peer } = await open(['error', 'close']);
      peer.write(TOO_LONG);
      await until('the error', () => heard.includes('error'));
      peer.write(CLOSE);
      await until('the close', () => heard.includes('close'));
      expect(heard).toEqual(['open', 'error', 'close']);
      await expect.poll(() => uncaught.messages).toEqual(['of error', 'of close']);
    });
  });
}
