// Close reasons: their length, and the words for what a peer did wrong.

import { describe, expect, test } from 'vitest';
import { describeViolation, reasonBytes } from '../../../../src/compat/websocket-node/close-reasons.ts';
import { violationOfStatus, frameTooLarge, tooManyFragments } from '../../../../src/protocol/violations.ts';
import { messageTooLarge } from '../../../../src/base/errors.ts';
import { STATUS_RESERVED_OPCODE } from '../../../../assembly/layout.ts';

describe('close reasons', () => {
  test.each([
    ['a'.repeat(123), 123],
    ['a'.repeat(124), 123],
    ['ä'.repeat(62), 122],
    ['😀'.repeat(31), 120],
    ['', 0],
  ])('are cut between characters', (text, length) => {
    const bytes = reasonBytes(text);
    expect(bytes.length).toBe(length);
    expect(text.startsWith(bytes.toString())).toBe(true);
  });

  test('say what a peer did wrong', () => {
    expect(describeViolation(frameTooLarge(70000))).toBe('Frame size of 70000 bytes exceeds maximum accepted frame size');
    expect(describeViolation(messageTooLarge())).toBe('Maximum message size exceeded.');
    expect(describeViolation(violationOfStatus(STATUS_RESERVED_OPCODE, 0x8c, 0))).toBe('Unrecognized Opcode: 0xc');
    expect(describeViolation(tooManyFragments())).toBe('Too many message fragments');
  });
});
