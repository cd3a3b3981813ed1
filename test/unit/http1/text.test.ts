import { expect, test } from 'vitest';
import { encodeLatin1, encodeUtf8 } from '../../../src/http1/text.ts';
import { ManualPlatform } from '../../support/platform.ts';

test('text becomes UTF-8 or Latin-1', () => {
  const platform = new ManualPlatform();
  expect(encodeUtf8(platform, 'aé€')).toEqual(Uint8Array.of(0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac));
  expect(encodeLatin1(platform, 'aé')).toEqual(Uint8Array.of(0x61, 0xe9));
});
