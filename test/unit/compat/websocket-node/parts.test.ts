// The small parts that have no counterpart to be compared with.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { describeViolation, reasonBytes } from '../../../../src/compat/websocket-node/close-reasons.ts';
import { parseCookies } from '../../../../src/compat/websocket-node/cookies.ts';
import { deprecation } from '../../../../src/compat/websocket-node/deprecation.ts';
import { parseResource } from '../../../../src/compat/websocket-node/resource.ts';
import { violationOfStatus, frameTooLarge, messageTooLarge, tooManyFragments } from '../../../../src/protocol/violations.ts';
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

describe('cookies', () => {
  test('stay as they are where they are not well encoded', () => {
    expect(parseCookies('a=%zz; b=%C3%A4; c="d')).toEqual([
      { name: 'a', value: '%zz' },
      { name: 'b', value: 'ä' },
      { name: 'c', value: 'd' },
    ]);
  });

  test('are none without a field', () => expect(parseCookies(undefined)).toEqual([]));
});

describe('resource', () => {
  test('is a path where it is no URL', () => expect(parseResource('http://[')).toMatchObject({ pathname: 'http://[' }));
  test('may be empty', () => expect(parseResource('')).toMatchObject({ pathname: '', query: {} }));
});

describe('deprecation', () => {
  const warn = vi.spyOn(console, 'warn');
  beforeEach(() => void warn.mockReset());
  afterEach(() => void (deprecation.disableWarnings = false));

  test('warns once', () => {
    deprecation.deprecationWarningMap['old'] = 'old is gone';
    deprecation.warn('old');
    deprecation.warn('old');
    expect(warn.mock.calls).toEqual([['DEPRECATION WARNING: old is gone']]);
  });

  test('does not warn about what it does not know, nor when told not to', () => {
    deprecation.warn('unknown');
    deprecation.deprecationWarningMap['silent'] = 'x';
    deprecation.disableWarnings = true;
    deprecation.warn('silent');
    expect(warn).not.toHaveBeenCalled();
  });
});
