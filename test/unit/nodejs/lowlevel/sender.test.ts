import { Duplex } from 'node:stream';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PerMessageDeflate } from '../../../../src/nodejs/lowlevel/per-message-deflate.ts';
import { Receiver } from '../../../../src/nodejs/lowlevel/receiver.ts';
import { Sender } from '../../../../src/nodejs/lowlevel/sender.ts';
import { toHex } from '../../../support/frames.ts';
import { lendNodePlatform } from '../../../support/lowlevel.ts';
import { sleep } from '../../../support/sleep.ts';

lendNodePlatform();

class Sink extends Duplex {
  bytes: Buffer = Buffer.alloc(0);
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    callback();
  }
}

function deflate(isServer: boolean): PerMessageDeflate {
  const result = new PerMessageDeflate({ isServer, threshold: 0 });
  result.accept([{}]);
  return result;
}

describe('Sender', () => {
  test('server writes messages and control frames at once', () => {
    const sink = new Sink();
    const sender = new Sender(sink);
    sender.send('Hel', { fin: false });
    sender.ping('p');
    sender.send('lo', { fin: true });
    sender.pong(Buffer.from('q'));
    sender.close(1000, 'bye');
    expect(toHex(sink.bytes)).toBe('01 03 48 65 6c 89 01 70 80 02 6c 6f 8a 01 71 88 05 03 e8 62 79 65');
  });

  test('client masks, and changes nothing that is not its own', () => {
    const sink = new Sink();
    const sender = new Sender(sink, {}, (mask) => void mask.writeUInt32BE(0x37fa213d));
    const data = Buffer.from('Hello');
    sender.send(data, { fin: true, mask: true, binary: true });
    sender.send('Hello', { fin: true, mask: true });
    expect(toHex(sink.bytes)).toBe('82 85 37 fa 21 3d 7f 9f 4d 51 58 81 85 37 fa 21 3d 7f 9f 4d 51 58');
    expect(data.toString()).toBe('Hello');
  });

  test.each(['', '.subarray(0)'])('client masks no shared memory of another realm in place: buffer%s', (view) => {
    const sink = new Sink();
    const sender = new Sender(sink, {}, (mask) => void mask.writeUInt32BE(0x37fa213d));
    const bytes = runInNewContext('new Uint8Array(new SharedArrayBuffer(5)).fill(0x48)') as Uint8Array;
    sender.send(view === '' ? bytes.buffer : bytes, { fin: true, mask: true, binary: true });
    expect(toHex(sink.bytes)).toBe('82 85 37 fa 21 3d 7f b2 69 75 7f');
    expect(toHex(bytes)).toBe('48 48 48 48 48');
  });

  test('keeps order while messages are compressed, also of what their callbacks send', async () => {
    const sink = new Sink();
    const sender = new Sender(sink, { 'permessage-deflate': deflate(true) });
    sender.send('hello', { fin: true, compress: true }, () => sender.send('z', { fin: true }));
    sender.send('x', { fin: true });
    expect(sender._bufferedBytes).toBe(6);
    await new Promise<void>((resolve) => sender.send('y', { fin: true }, () => resolve()));
    await sleep(5);
    expect(toHex(sink.bytes)).toBe('c1 07 ca 48 cd c9 c9 07 00 81 01 78 81 01 79 81 01 7a');
    expect(sender._bufferedBytes).toBe(0);
  });

  test('tells each callback of a message that a cleanup has taken away, and sends later ones', async () => {
    const sink = new Sink();
    const compression = deflate(true);
    const sender = new Sender(sink, { 'permessage-deflate': compression });
    const told: string[] = [];
    const note = (name: string) => (error?: Error | null) => told.push(`${name}: ${error?.message ?? 'sent'}`);
    sender.onerror = note('onerror');
    sender.send('hello', { fin: true, compress: true }, note('first'));
    sender.send('hello', { fin: true, compress: true }, note('second'));
    sender.ping('x', false, note('ping'));
    compression.cleanup();
    const lost = 'The deflate stream was closed while data was being processed';
    expect(told).toEqual([`first: ${lost}`, `second: ${lost}`, `ping: ${lost}`, `onerror: ${lost}`]);
    expect(sender._bufferedBytes).toBe(0);
    await new Promise<void>((resolve) => sender.send('hello', { fin: true, compress: true }, () => resolve()));
    expect(toHex(sink.bytes)).toBe('c1 07 ca 48 cd c9 c9 07 00');
  });

  test('refuses what cannot be sent', () => {
    const sender = new Sender(new Sink());
    expect(() => sender.ping(Buffer.alloc(126))).toThrow(RangeError);
    expect(() => sender.close(1005)).toThrow(TypeError);
    expect(() => sender.close(1000, 'x'.repeat(124))).toThrow(RangeError);
    expect(() => sender.send(5 as never, { fin: true })).toThrow(TypeError);
  });

  test('a Receiver understands whatever it sends, in order', async () => {
    const piece = fc.record({
      text: fc.string({ maxLength: 300 }),
      isCompressed: fc.boolean(),
      isBlob: fc.boolean(),
      fin: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), fc.boolean(), async (pieces, isServer) => {
        const sink = new Sink();
        const sender = new Sender(sink, { 'permessage-deflate': deflate(isServer) });
        const expected: string[] = [];
        let message = '';
        for (const { text, isCompressed, isBlob, fin } of [
          ...pieces,
          { text: 'end', isCompressed: true, isBlob: false, fin: true },
        ]) {
          message += text;
          if (fin) {
            expected.push(message);
            message = '';
          }
          sender.send(isBlob ? new Blob([text]) : text, { fin, compress: isCompressed, mask: !isServer, binary: true });
        }
        await new Promise<void>((resolve) => sender.ping('', !isServer, () => resolve()));
        const receiver = new Receiver({ isServer: !isServer, extensions: { 'permessage-deflate': deflate(!isServer) } });
        const received: string[] = [];
        receiver.on('message', (data) => received.push((data as Buffer).toString()));
        await new Promise<void>((resolve) => void receiver.write(sink.bytes, () => resolve()));
        expect(received).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });
});
