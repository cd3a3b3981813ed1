// Warnings of deprecated names.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { deprecation } from '../../../../src/compat/websocket-node/deprecation.ts';

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
