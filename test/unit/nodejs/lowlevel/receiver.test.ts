import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PerMessageDeflate } from '../../../../src/nodejs/lowlevel/per-message-deflate.ts';
import { Receiver, type ReceiverOptions } from '../../../../src/nodejs/lowlevel/receiver.ts';
import { hex } from '../../../support/frames.ts';
import { lendNodePlatform } from '../../../support/lowlevel.ts';
import { sleep } from '../../../support/sleep.ts';

lendNodePlatform();

function deflate(): PerMessageDeflate {
  const result = new PerMessageDeflate({ isServer: true });
  result.accept([{}]);
  return result;
}

/** What a receiver emits for `bytes`, cut where `cuts` say. */
async function emitted(bytes: Uint8Array, cuts: readonly number[], options: ReceiverOptions): Promise<unknown[]> {
  const receiver = new Receiver(options);
  const log: unknown[] = [];
  receiver.on('message', (data, isBinary) => log.push(['message', (data as Buffer).toString('latin1'), isBinary]));
  receiver.on('ping', (data) => log.push(['ping', data.toString('latin1')]));
  receiver.on('pong', (data) => log.push(['pong', data.toString('latin1')]));
  receiver.on('conclude', (code, reason) => log.push(['conclude', code, reason.toString('latin1')]));
  receiver.on('error', (error) => log.push(['error', (error as Error & { code: string }).code]));
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((one, other) => one - other);
  let start = 0;
  for (const end of ends) {
    // After a Close frame, or a violation, nobody writes.
    if (receiver.writableEnded || receiver.destroyed) break;
    await new Promise<void>((resolve) => void receiver.write(bytes.subarray(start, end), () => resolve()));
    start = end;
  }
  await new Promise((resolve) => void setImmediate(resolve));
  return log;
}

describe('Receiver', () => {
  test('client emits messages, control frames and the conclusion', async () => {
    const bytes = hex('8105 48656c6c6f 8202 0102 8904 70696e67 8a00 8805 03e8 627965 8101 78');
    expect(await emitted(bytes, [], {})).toEqual([
      ['message', 'Hello', false],
      ['message', '\x01\x02', true],
      ['ping', 'ping'],
      ['pong', ''],
      ['conclude', 1000, 'bye'],
    ]);
  });

  test('server inflates, in the agreed context', async () => {
    const bytes = hex('c187 00000000 f248cdc9c90700 8181 00000000 78 c185 00000000 f200110000');
    const options = { isServer: true, extensions: { 'permessage-deflate': deflate() } };
    expect(await emitted(bytes, [], options)).toEqual(['Hello', 'x', 'Hello'].map((text) => ['message', text, false]));
  });

  test('server fails at its first violation', async () => {
    expect(await emitted(hex('8181 00000000 78 8101 78'), [], { isServer: true })).toEqual([
      ['message', 'x', false],
      ['error', 'WS_ERR_EXPECTED_MASK'],
    ]);
  });

  test('waits with its callback for what takes several turns', async () => {
    const receiver = new Receiver({ allowSynchronousEvents: false });
    const log: unknown[] = [];
    receiver.on('message', () => log.push('message'));
    await new Promise<void>((resolve) => void receiver.write(hex('810161 810162'), () => resolve()));
    expect(log).toEqual(['message', 'message']);
  });

  test('says nothing more once it is destroyed', async () => {
    for (const allowSynchronousEvents of [true, false]) {
      const receiver = new Receiver({ allowSynchronousEvents });
      const log: unknown[] = [];
      receiver.on('message', (data) => {
        log.push((data as Buffer).toString());
        receiver.destroy();
      });
      receiver.write(hex('810161 810162 810163'));
      await sleep(10);
      expect(log).toEqual(['a']);
    }
  });

  test('a listener that throws takes no other message with it', async () => {
    const receiver = new Receiver({ allowSynchronousEvents: true });
    const thrown: unknown[] = [];
    const catcher = (error: Error): void => void thrown.push(error.message);
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', catcher);
    const log: unknown[] = [];
    receiver.on('message', (data) => {
      log.push((data as Buffer).toString());
      throw new Error('a listener’s');
    });
    receiver.write(hex('810161 810162'));
    await sleep(10);
    process.removeAllListeners('uncaughtException');
    for (const listener of before) process.on('uncaughtException', listener);
    expect([log, thrown]).toEqual([
      ['a', 'b'],
      ['a listener’s', 'a listener’s'],
    ]);
  });

  test('any bytes, cut anywhere, give the same', async () => {
    const start = fc.constantFrom(
      ...['810161', '8100', 'c107f248cdc9c90700', '010161', '800162', '8900', '880203e8', '41', 'c102ffff'].map(hex),
    );
    const bytes = fc
      .array(fc.oneof({ weight: 4, arbitrary: start }, fc.uint8Array({ maxLength: 6 })), { maxLength: 6 })
      .map((parts) => new Uint8Array(Buffer.concat(parts)));
    await fc.assert(
      fc.asyncProperty(
        bytes,
        fc.array(fc.nat(60), { maxLength: 4 }),
        fc.boolean(),
        async (all, cuts, allowSynchronousEvents) => {
          const options = (): ReceiverOptions => ({
            allowSynchronousEvents,
            maxPayload: 4000,
            extensions: { 'permessage-deflate': deflate() },
          });
          expect(await emitted(all, cuts, options())).toEqual(await emitted(all, [], options()));
        },
      ),
      { numRuns: 300 },
    );
  });
});
