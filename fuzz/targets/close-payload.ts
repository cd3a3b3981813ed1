// Payloads of Close frames: what is read is a code that may be received and valid text, or a violation; what is written reads back.

import { isValidCloseCode } from '../../src/base/close-codes.ts';
import { makeClose, readClose } from '../../src/protocol/close-frame.ts';
import { ManualPlatform } from '../../test/support/platform.ts';
import { must, mustEqual } from '../input.ts';

const platform = new ManualPlatform();
const strict = new TextDecoder('utf-8', { fatal: true });

/** Input: the payload, at most 125 bytes of it. */
export function fuzz(data: Uint8Array): void {
  platform.allocations.length = 0;
  const payload = data.subarray(0, 125);
  const around = new Uint8Array(payload.length + 16).fill(0xee);
  around.set(payload, 8);
  const result = readClose(platform, around, 8, 8 + payload.length);
  if (result instanceof Error) return must([1002, 1007].includes(result.closeCode), () => `Close code ${result.closeCode}`);
  strict.decode(result.reason);
  if (payload.length === 0) return mustEqual([result.code, result.reason.length], [1005, 0], 'An empty payload');
  must(isValidCloseCode(result.code), () => `${result.code} must not be received`);
  mustEqual(makeClose(result.code, result.reason), payload, 'The payload, written again');
}

export const seeds: readonly Uint8Array[] = [
  new Uint8Array(),
  Uint8Array.of(3, 232),
  Uint8Array.of(3, 232, 98, 121, 101),
  Uint8Array.of(15, 160, 0xc5, 0xbc),
  Uint8Array.of(3, 237),
  Uint8Array.of(3),
];
