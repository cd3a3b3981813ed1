import { describe, expect, test } from 'vitest';
import { extension } from '../../../../src/api/ws/extension.ts';
import { PerMessageDeflate } from '../../../../src/nodejs/lowlevel/per-message-deflate.ts';
import { hex } from '../../../support/frames.ts';
import { lendNodePlatform } from '../../../support/lowlevel.ts';

lendNodePlatform();

function accepted(settings: ConstructorParameters<typeof PerMessageDeflate>[0] = {}, parameters = {}): PerMessageDeflate {
  const deflate = new PerMessageDeflate(settings);
  deflate.accept([parameters]);
  return deflate;
}

describe('PerMessageDeflate', () => {
  test('client and server negotiate by way of the extension export', () => {
    const client = new PerMessageDeflate({ clientMaxWindowBits: 10, serverNoContextTakeover: true });
    const server = new PerMessageDeflate({ isServer: true, serverMaxWindowBits: 9 });
    const name = PerMessageDeflate.extensionName;
    const offer = extension.format({ [name]: client.offer() });
    expect(offer).toBe('permessage-deflate; server_no_context_takeover; client_max_window_bits=10');
    const answer = extension.format({ [name]: server.accept(extension.parse(offer)[name]) });
    expect(answer).toBe('permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=10');
    expect(client.accept(extension.parse(answer)[name])).toEqual(server.params);
  });

  test('server refuses when no offer can be accepted', () => {
    const server = new PerMessageDeflate({ isServer: true, clientMaxWindowBits: 9 });
    expect(() => server.accept([{}, { client_max_window_bits: ['8'] }])).toThrow(
      'None of the extension offers can be accepted',
    );
    expect(server.params).toBeNull();
  });

  test('client takes an empty list for no parameters', () => {
    expect(new PerMessageDeflate().accept([])).toEqual({});
  });

  test('a cleanup fails every job, and those after it start afresh', async () => {
    const [client, server] = [accepted(), accepted({ isServer: true })];
    const log: unknown[] = [];
    client.compress('hello', true, (error) => log.push(error?.message));
    client.compress('hello', true, (error) => log.push(error?.message));
    client.cleanup();
    server.decompress(hex('ca48cdc9c90700'), true, (error) => log.push(error?.message));
    server.cleanup();
    expect(log).toEqual([
      'The deflate stream was closed while data was being processed',
      'The deflate stream was closed while data was being processed',
      'The inflate stream was closed while data was being processed',
    ]);
    const data = await new Promise<Buffer>((resolve) => client.compress('hello', true, (_, bytes) => resolve(bytes!)));
    expect(data.toString('hex')).toBe('ca48cdc9c90700');
  });

  test('a bad stream fails its job alone', async () => {
    const server = accepted({ isServer: true });
    const results = await Promise.all(
      ['ca48cdc9c90700', 'ffff', 'ca48cdc9c90700'].map(
        (digits) =>
          new Promise((resolve) => {
            server.decompress(hex(digits), true, (error, data) =>
              resolve(error ? (error as Error & { code: string }).code : String(data)),
            );
          }),
      ),
    );
    expect(results).toEqual(['hello', 'Z_DATA_ERROR', 'hello']);
  });

  test('refuses bad zlib options where it is first used', () => {
    const deflate = accepted({ zlibDeflateOptions: { level: 99 } });
    for (let round = 0; round < 2; round++) expect(() => deflate.compress('x', true, () => {})).toThrow(RangeError);
  });
});
