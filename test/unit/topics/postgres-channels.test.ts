import { expect, test } from 'vitest';
import { channelNumber, channelPrefix, numbersOf } from '../../../src/topics/postgres-channels.ts';

test('a topic has one of 256 channels, and its patterns have that one too', () => {
  const used = new Set<number>();
  for (let number = 0; number < 5000; number++) {
    const topic = `group${number % 50}.room${number}.x`;
    const channel = channelNumber(topic);
    used.add(channel);
    expect(numbersOf(topic, false)).toEqual([channel]);
    for (const pattern of [`group${number % 50}.>`, `group${number % 50}.*.x`, `*.room${number}.x`, '>']) {
      expect(numbersOf(pattern, true)).toContain(channel);
    }
  }
  // Groups of 50 first tokens, each with its 16 channels.
  expect(used.size).toBeGreaterThan(200);
  expect(Math.max(...used)).toBeLessThan(256);
});

test('the channels of all processes are the same, whatever their version', () => {
  expect(['news', 'news.uk', 'chat.room.1', 'größe.\u{1f600}'].map(channelNumber)).toEqual([17, 17, 2, 28]);
});

test('a pattern has the channels of its first token, or all', () => {
  expect(numbersOf('news.*', true)).toHaveLength(16);
  expect(numbersOf('a>.*', true)).toHaveLength(16);
  expect(new Set(numbersOf('>', true)).size).toBe(256);
  expect(new Set(numbersOf('*.news', true)).size).toBe(256);
});

test('the names of channels have at most 63 bytes', () => {
  expect(channelPrefix('public.wasock')).toBe('public.wasock:');
  for (const name of [`${'s'.repeat(63)}.${'t'.repeat(46)}`, 'ä'.repeat(30)]) {
    expect(Buffer.byteLength(`${channelPrefix(name)}255`)).toBeLessThanOrEqual(63);
  }
  expect(channelPrefix(`${'s'.repeat(63)}.a`)).not.toBe(channelPrefix(`${'s'.repeat(63)}.b`));
});
