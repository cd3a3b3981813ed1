import { describe, expect, test } from 'vitest';
import { sessionSettings } from '../../../../src/api/ws/options.ts';

describe('sessionSettings()', () => {
  test('leaves the heartbeat out when it is off, and passes it on when it is on', () => {
    expect(sessionSettings({}, 'server')).toEqual({ role: 'server', skipUtf8Validation: false });
    expect(sessionSettings({ heartbeat: { interval: 1, timeout: 2 } }, 'server')).toEqual({
      role: 'server',
      heartbeat: { interval: 1, timeout: 2 },
      skipUtf8Validation: false,
    });
  });
});
