// The decoder of hixie-76 by itself: any stream of frames, cut anywhere, and what a hostile peer may try.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HixieDecoder, HixieEncoder } from '../../../src/compat/classic/hixie-76-frames.ts';
import { platform } from '../../../src/nodejs/platform.ts';
import { Connection } from '../../../src/protocol/connection.ts';
import { concat, frame, hex, toHex } from '../../support/frames.ts';

/** What a connection behind a decoder reports, in words. */
function decode(chunks: readonly Uint8Array[], maxPayload: number = 1000): string[] {
  const said: string[] = [];
  const transport = { start() {}, write: () => true, end() {}, destroy() {}, pause() {}, resume() {} };
  const session = new Connection(platform, transport, {
    role: 'server',
    maxPayload,
    skipUtf8Validation: true,
    closeTimeout: 0,
  });
  session.attach({
    onMessage: (source, start, end) => void said.push(`text ${Buffer.from(source.subarray(start, end)).toString('latin1')}`),
    onPing() {},
    onPong() {},
    onClosing() {},
    onCloseFrame: () => said.push('close'),
    onError: (error) => said.push(`${'closeCode' in error ? error.closeCode : ''} ${error.message}`),
    onDrain() {},
    onEnd() {},
  });
  session.start();
  const decoder = new HixieDecoder(maxPayload);
  for (const chunk of chunks) session.receive(decoder.decode(chunk));
  return said;
}

const TOO_LARGE = '1009 Max payload size exceeded';

describe('frames', () => {
  test.each([
    ['text', '00 68 69 ff', ['text hi']],
    ['an empty text', '00 ff', ['text ']],
    ['several', '00 61 ff 00 62 ff 00 63 ff', ['text a', 'text b', 'text c']],
    ['text with a zero in it', '00 00 ff', ['text \0']],
    ['text without its end', '00 61 62', []],
    ['the closing handshake', 'ff 00', ['close']],
    ['the closing handshake with leading zeroes', 'ff 80 80 00', ['close']],
    ['what comes behind it', 'ff 00 00 61 ff', ['close']],
    ['a length frame, skipped', '80 03 00 ff 61 00 62 ff', ['text b']],
    ['an empty length frame', '80 00 00 62 ff', ['text b']],
    ['a length of two bytes', `80 81 02 ${'ff '.repeat(130)} 00 62 ff`, ['text b']],
    ['a closing type with a length, skipped', 'ff 01 61 00 62 ff', ['text b']],
    ['an unknown type with an end, skipped', '01 61 62 ff 00 63 ff', ['text c']],
    ['a length of 1,001', '80 87 69', [TOO_LARGE]],
    ['endless length bytes', `80 ${'80 '.repeat(8)}`, [TOO_LARGE]],
    ['the longest length there is', '80 ff ff ff ff ff ff ff ff ff', [TOO_LARGE]],
  ])('decoder takes %s', (_what, bytes, said) => {
    expect(decode([hex(bytes)])).toEqual(said);
    expect(decode(Array.from(hex(bytes), (byte) => Uint8Array.of(byte)))).toEqual(said);
  });

  test.each([0x00, 0x01])('decoder bounds a frame of type %d by maxPayload', (type) => {
    const fits = concat(Uint8Array.of(type), new Uint8Array(1000).fill(97), hex('ff 00 62 ff'));
    expect(decode([fits]).at(-1)).toBe('text b');
    const tooLong = concat(Uint8Array.of(type), new Uint8Array(1001).fill(97));
    // Refused before its end is seen, and nothing behind it is looked at.
    expect(decode([tooLong, hex('ff 00 62 ff')])).toEqual([TOO_LARGE]);
    expect(decode(Array.from(tooLong, (byte) => Uint8Array.of(byte)))).toEqual([TOO_LARGE]);
  });

  test('decoder has no limit with maxPayload 0, but for the bytes of a length', () => {
    expect(decode([concat(hex('00'), new Uint8Array(5000).fill(97), hex('ff'))], 0)).toEqual([`text ${'a'.repeat(5000)}`]);
    const beyond = '1009 Unsupported WebSocket frame: payload length > 2^53 - 1';
    expect(decode([hex(`80 ${'ff '.repeat(8)}`)], 0)).toEqual([beyond]);
  });

  test('decoder translates to masked frames, a part of a message to a fragment, in memory of their own', () => {
    const decoder = new HixieDecoder(1000);
    const chunk = hex('00 61 ff 00 62');
    const translated = decoder.decode(chunk);
    chunk.fill(0);
    expect(toHex(translated)).toBe('81 81 00 00 00 00 61 01 81 00 00 00 00 62');
    expect(toHex(decoder.decode(hex('63')))).toBe('00 81 00 00 00 00 63');
    expect(toHex(decoder.decode(hex('ff ff 00 00 64 ff')))).toBe('80 80 00 00 00 00 88 80 00 00 00 00');
    expect(decoder.decode(hex('00 61 ff'))).toHaveLength(0);
  });

  test('encoder translates whole frames, and leaves out Pings and Pongs', () => {
    const encoder = new HixieEncoder();
    const long = 'x'.repeat(300);
    const longest = 'y'.repeat(70_000);
    const frames = [
      frame({ payload: 'hi' }),
      frame({ opcode: 9, payload: 'ping' }),
      frame({ payload: long }),
      frame({ payload: longest }),
      frame({ fin: false, payload: 'a' }),
      frame({ opcode: 10 }),
      frame({ opcode: 0, payload: 'b' }),
      frame({ opcode: 8, payload: hex('03 e8') }),
    ];
    const wire = `\0hi\xff\0${long}\xff\0${longest}\xff\0ab\xff\xff\0`;
    expect(encoder.encode([concat(...frames)]).toString('latin1')).toBe(wire);
  });

  test('encoder ends an unfinished message before the closing handshake', () => {
    const encoder = new HixieEncoder();
    expect(toHex(encoder.encode([frame({ fin: false, payload: 'a' })]))).toBe('00 61');
    expect(toHex(encoder.encode([frame({ opcode: 8 })]))).toBe('ff ff 00');
  });
});

/** `bytes` cut where `cuts` say. */
function rechunk(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((left, right) => left - right), bytes.length];
  return at.slice(1).map((end, index) => bytes.slice(at[index], end));
}

describe('properties', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((value) => Buffer.from(value));
  const cuts = fc.array(fc.nat(), { maxLength: 30 });

  test('any messages among skipped frames, cut anywhere, come out as they went in', () => {
    const anyFrame = fc.oneof(
      text.map((bytes) => ({ wire: concat(hex('00'), bytes, hex('ff')), said: [`text ${bytes.toString('latin1')}`] })),
      fc
        .uint8Array({ maxLength: 127 })
        .map((bytes) => ({ wire: concat(Uint8Array.of(0x80, bytes.length), bytes), said: [] as string[] })),
      text.map((bytes) => ({ wire: concat(hex('7f'), bytes, hex('ff')), said: [] as string[] })),
    );
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), cuts, (frames, where) => {
        const wire = concat(...frames.map((one) => one.wire), hex('ff 00 00 61 ff'));
        expect(decode(rechunk(wire, where))).toEqual([...frames.flatMap((one) => one.said), 'close']);
      }),
    );
  });

  test('any bytes, cut anywhere, have the same outcome, and no message is longer than maxPayload', () => {
    const byte = fc.oneof(fc.constantFrom(0x00, 0xff, 0x80, 0x01, 0x61), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 200 }), cuts, (values, where) => {
        const bytes = Uint8Array.from(values);
        const said = decode([bytes], 16);
        expect(decode(rechunk(bytes, where), 16)).toEqual(said);
        for (const line of said) expect(line).toMatch(/^(?:text [^]{0,16}|close|1009 Max payload size exceeded)$/);
        expect(said.slice(0, -1).every((line) => line.startsWith('text'))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
