import { expect, test } from 'vitest';
import { readClientTls } from '../../../src/http1/tls.ts';

test('client takes PEM as strings and as bytes', () => {
  const bytes = new TextEncoder().encode('PEM');
  expect(readClientTls({ ca: ['one', bytes], cert: bytes, key: 'key', servername: 'example.org', other: 1 })).toEqual({
    ca: ['one', 'PEM'],
    cert: 'PEM',
    key: 'key',
    rejectUnauthorized: true,
    servername: 'example.org',
  });
});

test('client trusts nobody by mistake: only `false` turns the check off', () => {
  expect(readClientTls({ rejectUnauthorized: false }).rejectUnauthorized).toBe(false);
  for (const value of [undefined, null, 0, '']) {
    expect(readClientTls({ rejectUnauthorized: value }).rejectUnauthorized).toBe(true);
  }
});

test('client demands trust as the runtime says where the program says nothing', () => {
  expect(readClientTls({}, false).rejectUnauthorized).toBe(false);
  expect(readClientTls({ rejectUnauthorized: undefined }, false).rejectUnauthorized).toBe(false);
  for (const value of [true, null, 0]) {
    expect(readClientTls({ rejectUnauthorized: value }, false).rejectUnauthorized).toBe(true);
  }
});

test.each(['ca', 'cert', 'key', 'servername'])('client refuses "%s" of another type', (name) => {
  expect(() => readClientTls({ [name]: 5 })).toThrow(TypeError);
  expect(() => readClientTls({ [name]: 5 })).toThrow(name);
});
