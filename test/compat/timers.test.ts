// Times of the older APIs follow the clock of the program, which may be a fake one, and go on by themselves when the fake is removed.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { fakeClock, fakeOnly, pass, until, type FakeClock } from '../support/fake-clock.ts';
import { Cleanup, requestHead, serveRaw } from '../support/sockets.ts';
import { openClient, startServer } from './classic/peers.ts';
import { ours, withRawPeer } from './websocket-node/oracle.ts';

const LONG = 1_000_000;
const KEEPALIVE = { keepalive: true, dropConnectionOnKeepaliveTimeout: true };
let clock: FakeClock | undefined;

afterEach(() => {
  clock?.uninstall();
  clock = undefined;
});

/** Lets `LONG` milliseconds pass by the fake clock, or removes it, so that a short time passes by the runtime's. */
function proceed(isRemoved: boolean): void {
  if (!isRemoved) clock!.tick(LONG);
  clock!.uninstall();
  clock = undefined;
}

describe.each([
  ['is advanced', false],
  ['is removed', true],
])('a fake clock that %s', (_, isRemoved) => {
  const time = isRemoved ? 50 : LONG;

  test.each(['client', 'server'] as const)("ends the closing handshake of WebSocket-Node's %s", async (role) => {
    const { connection, close } = await withRawPeer(ours, role, { closeTimeout: time });
    onTestFinished(close);
    const closed: unknown[] = [];
    connection.on('close', (code: number) => closed.push(code));
    clock = fakeClock();
    connection.close();
    await pass(100);
    expect(closed).toEqual([]);
    proceed(isRemoved);
    await until(() => closed.length === 1);
  });

  test('ends the keepalive of WebSocket-Node', async () => {
    // Sockets need their immediates.
    clock = fakeOnly('setTimeout', 'clearTimeout');
    const { connection, close } = await withRawPeer(ours, 'server', {
      ...KEEPALIVE,
      keepaliveInterval: time,
      keepaliveGracePeriod: time,
    });
    onTestFinished(close);
    const closed: unknown[] = [];
    connection.on('close', (code: number) => closed.push(code));
    await pass(200);
    expect(closed).toEqual([]);
    if (!isRemoved) clock.tick(LONG);
    proceed(isRemoved);
    await until(() => closed.length === 1);
  });

  test('ends the opening handshake of a client of ws 0.4', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url } = await serveRaw(cleanup, { answer: () => null });
    clock = fakeClock();
    const ws = openClient(url, { handshakeTimeout: time });
    const errors: unknown[] = [];
    ws.on('error', ({ message }: Error) => errors.push(message));
    await pass(100);
    expect(errors).toEqual([]);
    proceed(isRemoved);
    await until(() => errors.length === 1);
    expect(errors).toEqual(['Opening handshake has timed out']);
  });

  test('ends the wait for handleProtocols of a server of ws 0.4', async () => {
    let isAsked = false;
    const { port } = await startServer({ handshakeTimeout: time, handleProtocols: () => void (isAsked = true) });
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    clock = fakeClock();
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.write(requestHead());
    await until(() => isAsked);
    await pass(30);
    expect(answer).toBe('');
    proceed(isRemoved);
    await until(() => answer !== '');
    expect(answer).toMatch(/^HTTP\/1.1 501 /);
  });
});
