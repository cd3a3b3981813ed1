// Matchers in vitest. test/packaging runs them in jest.

import { afterEach, describe, expect, test } from 'vitest';
import {
  closeMockServers,
  createPair,
  hasClosedWith,
  hasReceived,
  hasReceivedInOrder,
  matchers,
  MockServer,
  WebSocket,
  type MockMatchers,
  type Pair,
} from '../../../src/testing/index.ts';

declare module 'vitest' {
  // oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-explicit-any -- as vitest documents it
  interface Matchers<T = any> extends MockMatchers<T> {}
}
expect.extend(matchers);
afterEach(() => closeMockServers());

/** A pair whose server has received these messages. */
async function receive(...sent: readonly (string | Uint8Array<ArrayBuffer>)[]): Promise<Pair> {
  const pair = await createPair();
  for (const message of sent) pair.client.send(message);
  for (const _ of sent) await pair.server.nextMessage();
  return pair;
}

describe('toHaveReceived', () => {
  test('compares text, bytes, JSON and asymmetric matchers', async () => {
    const { server } = await receive('a', Uint8Array.of(1, 2), '{"type":"hello","list":[1,null],"id":7}');
    expect(server).toHaveReceived('a');
    expect(server).toHaveReceived(Uint8Array.of(1, 2).buffer, 'a');
    expect(server).toHaveReceived({ type: 'hello', list: [1, null], id: expect.any(Number) as unknown });
    expect(server).toHaveReceived(expect.stringContaining('hello'));
    expect(server).toHaveReceived(expect.objectContaining({ id: 7 }));
    for (const wrong of ['b', Uint8Array.of(1), { type: 'hello' }, { type: 'hello', list: [1], id: 7 }, [], null, 7]) {
      expect(server).not.toHaveReceived(wrong);
      expect(hasReceived(server, wrong)).toBe(false);
    }
  });

  test('counts a message as often as it is named', async () => {
    const { server } = await receive('a', 'a', 'b');
    expect(server).toHaveReceived('b', 'a', 'a');
    expect(server).not.toHaveReceived('a', 'a', 'a');
  });

  test('finds a message for each, whatever takes the others', async () => {
    const { server } = await receive('a', 'b', 'ab');
    const any: unknown = expect.any(String);
    expect(server).toHaveReceived(any, 'a');
    expect(server).toHaveReceived(any, any, 'a');
    expect(server).toHaveReceived(expect.stringContaining('a'), expect.stringContaining('b'), 'b');
    expect(server).not.toHaveReceived(any, any, any, 'a');
    expect(server).not.toHaveReceived(expect.stringContaining('a'), expect.stringContaining('a'), 'a');
  });

  test('compares with the JSON of a value, and with nothing that JSON loses', async () => {
    const { server } = await receive('{}', '[1]', '[null]', '{"at":"1970-01-01T00:00:00.000Z"}');
    expect(server).toHaveReceived({ at: new Date(0) }, [undefined], { left: undefined });
    const circle: { inner?: unknown } = {};
    circle.inner = circle;
    const lost = [new Date(0), new Map([[1, 2]]), new Set([1]), /x/, Promise.resolve(), new Error('x')];
    for (const wrong of [...lost, [1, undefined], 1n, { big: 1n }, circle, Symbol('s'), Number.NaN, undefined]) {
      expect(server).not.toHaveReceived(wrong);
      expect(server).not.toHaveReceivedInOrder(wrong);
      expect(() => expect(server).toHaveReceived(wrong)).toThrow('The peer should have received');
    }
    expect(() => expect(server).toHaveReceived(/x/, 1n)).toThrow('The peer should have received /x/, 1. It');
  });

  test('tells what came', async () => {
    const { server } = await receive('a', Uint8Array.of(255));
    expect(() => expect(server).toHaveReceived('b')).toThrow('The peer should have received "b". It received "a", <ff>');
    expect(() => expect(server).not.toHaveReceived('a')).toThrow('The peer should not have received "a"');
  });
});

test('toHaveReceivedInOrder allows others between', async () => {
  const { server } = await receive('a', 'b', 'c');
  expect(server).toHaveReceivedInOrder('a', 'c');
  expect(server).not.toHaveReceivedInOrder('c', 'a');
  expect(hasReceivedInOrder(server, 'a', 'b', 'c')).toBe(true);
  expect(hasReceivedInOrder(server, 'a', 'a')).toBe(false);
});

test('toReceive awaits the next message', async () => {
  const { client, server } = await createPair();
  client.send('{"n":1}');
  client.send('two');
  await expect(server).toReceive({ n: 1 });
  await expect(async () => {
    await expect(server).toReceive('three');
  }).rejects.toThrow('receive "three" next. It received "two"');
});

test('toHaveClosedWith looks at a connection, or at all of a server', async () => {
  const mock = new MockServer('ws://server.test/');
  const client = new WebSocket('ws://server.test/');
  const connection = await mock.nextConnection();
  expect(connection).not.toHaveClosedWith(1000);
  expect(() => expect(mock).toHaveClosedWith(1000)).toThrow('It is open');
  client.close(3000, 'done');
  await connection.closed;
  expect(connection).toHaveClosedWith(3000);
  expect(mock).toHaveClosedWith(3000, 'done');
  expect(mock).not.toHaveClosedWith(3000, 'other');
  expect(hasClosedWith(connection, 1000)).toBe(false);
  expect(() => expect(mock).toHaveClosedWith(1000)).toThrow('It closed with 3000 "done"');
});

test('matchers say what they take', async () => {
  const { client } = await createPair();
  for (const peer of [client, 'text', undefined]) {
    expect(() => expect(peer).toHaveReceived('a')).toThrow('take a MockServer or a MockConnection');
    expect(() => expect(peer).toHaveReceivedInOrder('a')).toThrow('take a MockServer or a MockConnection');
    expect(() => expect(peer).toHaveClosedWith(1000)).toThrow('take a MockServer or a MockConnection');
    await expect(expect(peer).toReceive('a')).rejects.toThrow('take a MockServer or a MockConnection');
  }
});
