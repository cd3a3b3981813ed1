import { expect, test } from 'vitest';
import { percentDecode } from '../../../src/handshake/percent-encoding.ts';

test.each([
  ['', ''],
  ['plain', 'plain'],
  ['a%40b%3a%3A', 'a@b::'],
  ['p%C3%A4ss', 'päss'],
  ['%F0%9F%98%80', '😀'],
  ['%', '%'],
  ['%4', '%4'],
  ['%zz%41', '%zzA'],
  ['%2541', '%41'],
  ['%ff', '\ufffd'],
  ['%00', '\0'],
])('%j means %j', (text, decoded) => {
  expect(percentDecode(text)).toBe(decoded);
});
