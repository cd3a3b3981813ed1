// What parses a peer's bytes: any input, cut anywhere, gives the same documented outcome.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatCookies, parseCookies } from '../../../src/compat/websocket-node/cookies.ts';
import { WebSocketFrame } from '../../../src/compat/websocket-node/frame.ts';
import { parseResource } from '../../../src/compat/websocket-node/resource.ts';
import { isFieldValue } from '../../../src/handshake/grammar.ts';

function outcome(frame: WebSocketFrame, isOver: boolean): unknown {
  const { fin, opcode, length, closeStatus, protocolError, frameTooLarge, dropReason, binaryPayload } = frame;
  const payload = (binaryPayload as Buffer | undefined)?.toString('hex');
  return { isOver, fin, opcode, length, closeStatus, protocolError, frameTooLarge, dropReason, payload };
}

/** Reads `bytes` in pieces that end at `cuts`. */
function read(bytes: Uint8Array, cuts: readonly number[]): unknown {
  const frame = new WebSocketFrame(undefined, undefined, { maxReceivedFrameSize: 200 });
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  let at = 0;
  let isOver = false;
  for (const end of ends) {
    isOver = frame.addData(bytes.subarray(at, end));
    at = end;
    if (isOver) break;
  }
  return outcome(frame, isOver);
}

const bytes = fc.uint8Array({ maxLength: 160 });

describe('frame', () => {
  test('reads any bytes the same, cut anywhere', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(160), { maxLength: 8 }), (input, cuts) => {
        expect(read(input, cuts)).toEqual(read(input, []));
      }),
    );
  });

  test('reads what it has written', () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom(0, 1, 2), fc.boolean(), fc.boolean(), (payload, opcode, fin, mask) => {
        const binaryPayload = Buffer.from(payload);
        const written = Object.assign(new WebSocketFrame(), { opcode, fin, mask, binaryPayload }).toBuffer();
        const frame = new WebSocketFrame();
        expect(frame.addData(written)).toBe(true);
        expect([frame.opcode, frame.fin, frame.mask, frame.binaryPayload]).toEqual([opcode, fin, mask, binaryPayload]);
      }),
    );
  });
});

describe('request', () => {
  test('has cookies of whatever the field is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (field) => {
        for (const { name, value } of parseCookies(field)) {
          expect(typeof name).toBe('string');
          expect(value === null || typeof value === 'string').toBe(true);
        }
      }),
    );
  });

  test('has a resource of whatever the target is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl(), fc.webPath()), (target) => {
        expect(typeof parseResource(target).pathname).toBe('string');
      }),
    );
  });

  test('sets cookies that are one line each, or throws', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(
      fc.property(text, text, text, text, (name, value, path, domain) => {
        let lines: string[];
        try {
          lines = formatCookies([{ name, value, path, domain }]);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          return;
        }
        for (const line of lines) {
          expect(isFieldValue(line)).toBe(true);
          expect(line.split(';')).toHaveLength(3);
        }
      }),
    );
  });
});
