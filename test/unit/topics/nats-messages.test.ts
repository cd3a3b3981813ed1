import { expect, test } from 'vitest';
import { encodeEnvelope } from '../../../src/topics/bus.ts';
import {
  decodePayload,
  decodeStored,
  encodeLive,
  encodeStored,
  keyOf,
  subjectOf,
  subjectOfName,
  topicOf,
} from '../../../src/topics/nats-messages.ts';

test('a message that is not kept has its number in front', () => {
  const envelope = encodeEnvelope('abcdefghijklmnop', 'x');
  const bytes = encodeLive(3, envelope);
  expect([...bytes]).toEqual([1, 0x40, 8, 0, 0, 0, 0, 0, 0, ...envelope]);
  const payload = decodePayload(bytes)!;
  expect(payload).toMatchObject({ live: envelope });
  const others = [encodeLive(4, envelope), encodeLive(3, encodeEnvelope('abcdefghijklmnoq', 'x'))];
  for (const other of others) expect(keyOf('t', decodePayload(other)!)).not.toBe(keyOf('t', payload));
});

test('messages that are kept have their epoch and the offset before them', () => {
  const stored = { epoch: 'ab', base: 2, envelopes: [Uint8Array.of(7, 8), Uint8Array.of()] };
  const bytes = encodeStored(stored);
  expect([...bytes]).toEqual([2, 2, 97, 98, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 7, 8, 0, 0, 0, 0]);
  expect(decodePayload(bytes)).toEqual({ stored });
  expect(decodeStored(encodeStored({ epoch: 'ab', base: 0, envelopes: [] }))).toEqual({ epoch: 'ab', base: 0, envelopes: [] });
  // One that names an epoch only is not the first message of it.
  const [none, first] = [[], [Uint8Array.of(1)]].map((envelopes) => ({ stored: { epoch: 'ab', base: 0, envelopes } }));
  expect(keyOf('t', none)).not.toBe(keyOf('t', first));
});

test('anything else is no message', () => {
  const bytes = encodeStored({ epoch: 'ab', base: 2, envelopes: [Uint8Array.of(7, 8)] });
  for (let length = 0; length < bytes.length; length++) {
    // Without the envelope it is the name of an epoch.
    if (length !== 12) expect(decodePayload(bytes.subarray(0, length))).toBeUndefined();
  }
  for (const base of [-1, 0.5, NaN, Infinity, 2 ** 60]) {
    expect(decodeStored(encodeStored({ epoch: 'ab', base, envelopes: [] }))).toBeUndefined();
  }
  for (const other of [[], [1], [1, 0, 0, 0, 0, 0, 0, 0], [0, 1, 2], [3]]) {
    expect(decodePayload(Uint8Array.from(other))).toBeUndefined();
  }
});

test.each([
  ['news.uk', 'news.uk'],
  ['news.*.>', 'news.*.>'],
  ['*', '*'],
  ['>', '>'],
  ['a.>.b', 'a.%3E.b'],
  ['a*.b', 'a%2A.b'],
  ['a>.*b.>', 'a%3E.%2Ab.>'],
  ['%41.$SYS', '%2541.%24SYS'],
  ['ä.\u{1f600}', '%C3%A4.%F0%9F%98%80'],
])('%s is the subject %s', (name, subject) => {
  expect(subjectOf(name)).toBe(subject);
});

test('a pattern as a name has no wildcards', () => {
  expect(['a.*', 'a.>', '>', 'ä.b'].map(subjectOfName)).toEqual(['a.%2A', 'a.%3E', '%3E', '%C3%A4.b']);
});

test('each topic has a subject of its own, and each subject its topic', () => {
  const topics = ['a', 'A', '%41', '%2541', 'a*', 'a%2A', 'a.>.b', 'a.%3E.b', 'ä', '%C3%A4', "!'()~/\\", '\u4e2d'.repeat(255)];
  const subjects = topics.map(subjectOf);
  expect(new Set(subjects).size).toBe(topics.length);
  expect(subjects.map(topicOf)).toEqual(topics);
  for (const subject of subjects) expect(subject).toMatch(/^[\w.%!'()~-]+$/);
  // NATS takes lines of 4,096 bytes.
  expect(Math.max(...subjects.map(({ length }) => length))).toBeLessThan(2400);
  for (const other of ['%', '%E0%A4%A', '%2A', 'a.%3E', '%zz']) expect(topicOf(other)).toBeUndefined();
});
