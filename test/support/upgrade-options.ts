// Effects of the options of `upgrade`, the same on every runtime and in both faces.

import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type { WebSocket as NodeWebSocket } from '../../adapters/node/index.ts';
import { connectRaw, sleep, until } from './sockets.ts';

type Client = InstanceType<typeof NodeWebSocket>;

/** How to start a server whose WebSockets echo. */
export interface UpgradeSubject {
  /** The ws-style class of the entry point. */
  readonly WebSocket: new (address: string, protocols: string[]) => Client;
  /**
   * Starts a server that passes `options` to `upgrade`. It answers 500 where that throws.
   *
   * @param thrown Gets the exceptions of `upgrade`.
   * @returns Its port.
   */
  serve(options: object, thrown: unknown[]): number | Promise<number>;
  /** Whether `upgrade()` warns of a hook that fails, where an exception in the program's handler would end the process. Default: it throws. */
  readonly warnsOfHooks?: boolean;
  /** Options that do nothing there, and words of the error that says so. */
  readonly refused: Readonly<Record<string, readonly [value: unknown, words: RegExp]>>;
}

const REFUSED: UpgradeSubject['refused'] = {
  allowedOrigins: [['https://example.com'], /look at the request before/],
  allowSynchronousEvents: [false, /events/],
  path: ['/', /look at the request before/],
  port: [80, /no such option/],
  verifyClient: [() => true, /look at the request before/],
  maxPayLoad: [1, /no such option/],
};

export function describeUpgradeOptions(name: string, subject: UpgradeSubject): void {
  describe(`options of upgrade() (${name})`, () => {
    const clients: Client[] = [];
    afterEach(() => {
      for (const client of clients.splice(0)) client.terminate();
    });
    const dial = async (options: object, protocols: string[] = []): Promise<Client> => {
      const thrown: unknown[] = [];
      const port = await subject.serve(options, thrown);
      const client = new subject.WebSocket(`ws://127.0.0.1:${port}/`, protocols);
      clients.push(client);
      client.on('error', () => {});
      return client;
    };
    const headersOf = async (client: Client): Promise<Record<string, unknown>> => {
      const [[response]] = (await Promise.all([once(client, 'upgrade'), once(client, 'open')])) as [
        [{ headers: Record<string, unknown> }],
        unknown,
      ];
      return response.headers;
    };

    test.each([
      ['an object', { 'X-One': '1', 'Set-Cookie': 'a=b' }, ['a=b']],
      ['Headers', new Headers({ 'X-One': '1', 'Set-Cookie': 'a=b' }), ['a=b']],
      ['pairs', [['x-one', '1'], ['set-cookie', 'a=b'], ['set-cookie', 'c=d; Path=/']], ['a=b', 'c=d; Path=/']], // prettier-ignore
      ['a Map', new Map([['x-one', '1'], ['set-cookie', 'a=b']]), ['a=b']], // prettier-ignore
    ])('headers, as %s, are sent', async (_, headers, cookies) => {
      expect(await headersOf(await dial({ headers }))).toMatchObject({ 'x-one': '1', 'set-cookie': cookies });
    });

    test('headers may name the subprotocol, which counts where it was offered', async () => {
      const options = { headers: { 'Sec-WebSocket-Protocol': 'second' } };
      const chosen = await dial(options, ['first', 'second']);
      expect(await headersOf(chosen)).toMatchObject({ 'sec-websocket-protocol': 'second' });
      expect(chosen.protocol).toBe('second');
      const without = await dial(options);
      expect(await headersOf(without)).not.toHaveProperty('sec-websocket-protocol');
      // No answer to its offer: a client of ours fails, as one of ws does.
      const other = await dial(options, ['first']);
      expect(await new Promise((resolve) => other.on('close', resolve))).toBe(1006);
    });

    test.each([
      ['a field of the handshake', { headers: { 'Sec-WebSocket-Accept': 'x' } }, /sec-websocket-accept/],
      ['another field of it', { headers: { Connection: 'close' } }, /connection/],
      ['two subprotocols', { protocol: 'first', headers: { 'Sec-WebSocket-Protocol': 'first' } }, /excludes/],
    ])('%s is a TypeError, before the request is upgraded', async (_, options, words) => {
      const thrown: unknown[] = [];
      const port = await subject.serve(options, thrown);
      const peer = await connectRaw(port, { fields: ['Sec-WebSocket-Protocol: first'] });
      expect(peer.head).toMatch(/^HTTP\/1.1 500 /);
      expect(thrown).toEqual([expect.any(TypeError)]);
      expect((thrown[0] as Error).message).toMatch(words);
      peer.socket.destroy();
    });

    test.each([
      ['an async handleProtocols', () => Promise.resolve('first'), /before you call upgrade/],
      ['an async handleProtocols that fails', () => Promise.reject(new Error('oops')), /before you call upgrade/],
      ['a subprotocol that was not offered', () => 'other', /did not offer/],
    ])('%s is a TypeError, which ends no process', async (_, handleProtocols, words) => {
      const errors: unknown[] = [];
      const warnings: string[] = [];
      const onWarning = (warning: Error & { detail?: string }): number => warnings.push(warning.detail ?? '');
      const onUncaught = (error: unknown): number => errors.push(error);
      process.on('warning', onWarning).on('unhandledRejection', onUncaught);
      try {
        const thrown: unknown[] = [];
        const port = await subject.serve({ handleProtocols }, thrown);
        const peer = await connectRaw(port, { fields: ['Sec-WebSocket-Protocol: first'] });
        expect(peer.head).toMatch(/^HTTP\/1.1 500 /);
        if (subject.warnsOfHooks) await until('the warning', () => warnings.length > 0);
        const told = subject.warnsOfHooks ? warnings : thrown.map(String);
        expect(told).toEqual([expect.stringMatching(/^TypeError: /)]);
        expect(told[0]).toMatch(words);
        expect(thrown).toHaveLength(subject.warnsOfHooks ? 0 : 1);
        await sleep(10);
        expect(errors).toEqual([]);
        peer.socket.destroy();
      } finally {
        process.off('warning', onWarning).off('unhandledRejection', onUncaught);
      }
    });

    test('maxPayload closes with 1009 at a longer message, in bytes', async () => {
      const client = await dial({ maxPayload: 6 });
      await once(client, 'open');
      client.send('sechs!');
      expect(String((await once(client, 'message'))[0])).toBe('sechs!');
      client.send('länger');
      expect((await once(client, 'close'))[0]).toBe(1009);
    });

    test.each(['maxPayload', 'closeTimeout'])('%s must be a number of at least 0', async (option) => {
      for (const value of [-1, Number.NaN, '5']) {
        const thrown: unknown[] = [];
        const peer = await connectRaw(await subject.serve({ [option]: value }, thrown));
        expect(thrown, String(value)).toEqual([expect.any(RangeError)]);
        expect((thrown[0] as Error).message).toContain(option);
        peer.socket.destroy();
      }
    });

    test.each(Object.entries({ ...REFUSED, ...subject.refused }))('%s is a TypeError', async (option, [value, words]) => {
      const thrown: unknown[] = [];
      const peer = await connectRaw(await subject.serve({ [option]: value }, thrown));
      expect(thrown).toEqual([expect.any(TypeError)]);
      expect((thrown[0] as Error).message).toMatch(new RegExp(`^${option}: `));
      expect((thrown[0] as Error).message).toMatch(words);
      peer.socket.destroy();
    });

    test('an option that is undefined or null, or says what is so anyhow, is none', async () => {
      const options = {
        path: undefined,
        maxPayload: null,
        closeTimeout: null,
        protocol: null,
        headers: null,
        bufferPolicy: null,
      };
      const client = await dial({ ...options, handleProtocols: undefined, autoPong: true, perMessageDeflate: false });
      await once(client, 'open');
      client.send('echo');
      expect(String((await once(client, 'message'))[0])).toBe('echo');
    });

    test('the peer of what has thrown is not left waiting', async () => {
      const thrown: unknown[] = [];
      const peer = await connectRaw(await subject.serve({ path: '/' }, thrown));
      peer.socket.end();
      await until('the end of TCP', () => peer.hasClosed || peer.hasEnded);
    });
  });
}
