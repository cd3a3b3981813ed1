// A pair that is connected in memory: the same connection as over a socket, by microtasks and the clock of the program alone.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { closed, messages } from '../../../src/api/w3c/promises.ts';
import { createPair } from '../../../src/testing/index.ts';

afterEach(() => void vi.useRealTimers());

const pattern = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, at) => at * 7);

/** Not toEqual, which takes seconds for a long array. */
const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

describe.each(['the real clock', 'a fake clock'])('a pair, with %s,', (clock) => {
  const useClock = (): void => {
    if (clock === 'a fake clock') vi.useFakeTimers();
  };

  test('is open, with a subprotocol', async () => {
    useClock();
    const { client, server } = await createPair({ client: { protocols: ['chat', 'other'] } });
    expect(client.readyState).toBe(client.OPEN);
    expect(client.protocol).toBe('chat');
    expect(server.protocol).toBe('chat');
    expect(server.isOpen).toBe(true);
    expect(server.request.protocols).toEqual(['chat', 'other']);
    expect(server.request.headers.get('sec-websocket-version')).toBe('13');
  });

  test.each([0, 1, 125, 126, 65_535, 65_536, 1_000_000])('passes %i bytes both ways', async (length) => {
    useClock();
    const { client, server } = await createPair();
    client.binaryType = 'arraybuffer';
    const echoed = messages(client);
    const bytes = pattern(length);
    client.send(bytes);
    const received = (await server.nextMessage()) as Uint8Array;
    expect(isSame(received, bytes)).toBe(true);
    server.send(received);
    const { value } = await echoed.next();
    expect(isSame(new Uint8Array(value as ArrayBuffer), bytes)).toBe(true);
  });

  test.each(['', 'text', 'größer', '€ and 𝄞', 'x'.repeat(70_000), '𝄞'.repeat(20_000)])('passes text (%#)', async (text) => {
    useClock();
    const { client, server } = await createPair();
    const echoed = messages(client);
    client.send(text);
    expect(await server.nextMessage()).toBe(text);
    server.send(text);
    expect((await echoed.next()).value).toBe(text);
  });

  test('replaces a lone surrogate', async () => {
    useClock();
    const { client, server } = await createPair();
    client.send('a\ud834b\udd1e');
    expect(await server.nextMessage()).toBe('a\ufffdb\ufffd');
  });

  test('keeps the order of messages of both kinds', async () => {
    useClock();
    const { client, server } = await createPair();
    for (let index = 0; index < 1000; index++) client.send(index % 2 === 0 ? String(index) : Uint8Array.of(index));
    for (let index = 0; index < 1000; index++) {
      expect(await server.nextMessage()).toEqual(index % 2 === 0 ? String(index) : Uint8Array.of(index));
    }
    expect(server.received).toHaveLength(1000);
  });

  test('closes from the client', async () => {
    useClock();
    const { client, server } = await createPair();
    const seen = closed(client);
    client.close(3000, 'done');
    expect(await server.closed).toEqual({ code: 3000, reason: 'done', wasClean: true });
    expect(await seen).toEqual({ code: 3000, reason: 'done', wasClean: true });
    expect(server.closeDetails).toEqual({ code: 3000, reason: 'done', wasClean: true });
    await expect(server.nextMessage()).rejects.toThrow('ended before the next message');
  });

  test.each([
    [1001, 'going away', 1001],
    [4999, '', 4999],
    [undefined, '', 1005],
  ])('closes from the server with %s', async (code, reason, expected) => {
    useClock();
    const { client, server } = await createPair();
    const seen = closed(client);
    const ended = server.close(code, reason);
    expect(await seen).toEqual({ code: expected, reason, wasClean: true });
    expect((await ended).code).toBe(expected);
  });

  test('ends when the server ends TCP', async () => {
    useClock();
    const { client, server } = await createPair();
    const seen = closed(client);
    server.terminate();
    expect(await seen).toMatchObject({ code: 1006, wasClean: false });
    expect((await server.closed).code).toBe(1006);
  });

  test.each([
    ['a reserved opcode', [0x83, 0x00], 1002],
    ['a masked frame', [0x81, 0x81, 1, 2, 3, 4, 0x60], 1002],
    ['invalid UTF-8', [0x81, 0x01, 0xff], 1007],
    ['a message that is too long', [0x82, 0x7f, 0, 0, 0, 1, 0, 0, 0, 0], 1009],
  ])('client fails the connection at %s', async (_name, bytes, code) => {
    useClock();
    const { client, server } = await createPair();
    const errors: Event[] = [];
    client.addEventListener('error', (event) => errors.push(event));
    server.sendRaw(Uint8Array.from(bytes));
    const seen = closed(client);
    expect((await server.closed).code).toBe(code);
    await seen;
    expect(errors).toHaveLength(1);
  });

  test('client answers Pings, which the server keeps', async () => {
    useClock();
    const { client, server } = await createPair();
    server.ping('are you there');
    server.send('after it');
    await messages(client).next();
    client.send('after the answer');
    await server.nextMessage();
    expect(server.pongs.map((payload) => String.fromCharCode(...payload))).toEqual(['are you there']);
  });

  test('iterates the messages until the end', async () => {
    useClock();
    const { client, server } = await createPair();
    for (const text of ['a', 'b', 'c']) client.send(text);
    client.close();
    const seen: unknown[] = [];
    for await (const message of server) seen.push(message);
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  test('does not open when the server refuses', async () => {
    useClock();
    await expect(createPair({ server: { refuse: () => 401 } })).rejects.toThrow('401');
  });
});

test('the same actions take the same microtasks each time', async () => {
  vi.useFakeTimers();
  const counts: number[] = [];
  for (let run = 0; run < 3; run++) {
    let ticks = 0;
    let isOver = false;
    const count = async (): Promise<void> => {
      while (!isOver) {
        ticks++;
        await Promise.resolve();
      }
    };
    void count();
    const { client, server } = await createPair();
    client.send('a');
    await server.nextMessage();
    await server.close(1000);
    isOver = true;
    await Promise.resolve();
    counts.push(ticks);
  }
  expect(new Set(counts).size).toBe(1);
});

test('heartbeat of the client drops a half-open connection, by the fake clock', async () => {
  vi.useFakeTimers();
  const { client, server, link } = await createPair({ client: { heartbeat: { interval: 1000, timeout: 500 } } });
  const seen = closed(client);
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.pings).toHaveLength(1);
  expect(client.readyState).toBe(client.OPEN);
  link.hold();
  await vi.advanceTimersByTimeAsync(1499);
  expect(client.readyState).toBe(client.OPEN);
  await vi.advanceTimersByTimeAsync(1001);
  expect(client.readyState).toBe(client.CLOSED);
  expect(await seen).toMatchObject({ code: 1006, wasClean: false });
});

test('closing handshake that gets no answer ends after closeTimeout, by the fake clock', async () => {
  vi.useFakeTimers();
  const { server, link } = await createPair({ server: { closeTimeout: 2000 } });
  link.hold();
  let details: unknown;
  void server.close(1001).then((given) => (details = given));
  await vi.advanceTimersByTimeAsync(1999);
  expect(details).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  expect(details).toMatchObject({ code: 1006, wasClean: false });
});
