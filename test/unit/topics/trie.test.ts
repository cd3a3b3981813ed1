import { describe, expect, test } from 'vitest';
import { checkName, checkTopic, isPattern } from '../../../src/topics/names.ts';
import { PatternTrie } from '../../../src/topics/trie.ts';

function matches(patterns: readonly string[], topic: string): string[] {
  const trie = new PatternTrie<string>();
  for (const pattern of patterns) trie.set(pattern, pattern);
  const found: string[] = [];
  trie.match(topic, (pattern) => found.push(pattern));
  return found.toSorted();
}

/** The rules of NATS, by regular expression. */
function oracle(pattern: string, topic: string): boolean {
  const source = pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace(/>$/, '.+');
  return new RegExp(`^${source}$`).test(topic);
}

describe('PatternTrie', () => {
  test.each([
    ['news.uk', ['*.*', '*.uk', '>', 'news.*', 'news.>']],
    ['news', ['*', '>']],
    ['news.uk.london', ['*.uk.>', '>', 'news.*.london', 'news.>']],
  ])('matches %s', (topic, expected) => {
    const patterns = ['>', '*', '*.*', 'news.*', 'news.>', '*.uk', '*.uk.>', 'news.*.london', 'other.>'];
    expect(matches(patterns, topic)).toEqual(expected);
  });

  test('takes > for a wildcard at the end only', () => {
    expect(matches(['a.>.*', 'a.>'], 'a.>.b')).toEqual(['a.>', 'a.>.*']);
    expect(matches(['a.>.*', 'a.>'], 'a.c.b')).toEqual(['a.>']);
    expect(matches(['a.>', '>'], 'a')).toEqual(['>']);
  });

  test('keeps one value for each pattern', () => {
    const patterns = ['*', '>', 'a.*', 'a.>', 'a.*.b', '*.>', 'a.>.*'];
    const trie = new PatternTrie<string>();
    for (const pattern of [...patterns, ...patterns]) trie.set(pattern, pattern);
    expect([trie.size, [...trie.values()].toSorted()]).toEqual([patterns.length, patterns.toSorted()]);
    expect(patterns.map((pattern) => trie.get(pattern))).toEqual(patterns);
    expect([trie.get('a'), trie.get('a.*.>'), trie.get('a.c.*')]).toEqual([undefined, undefined, undefined]);
    for (const pattern of [...patterns, 'a', 'b.>']) trie.delete(pattern);
    expect([trie.size, [...trie.values()]]).toEqual([0, []]);
  });

  test('agrees with regular expressions on random names, also after deletions', () => {
    let seed = 7;
    const random = (limit: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % limit;
    const token = (tokens: readonly string[]): string => tokens[random(tokens.length)];
    const name = (tokens: readonly string[]): string => Array.from({ length: 1 + random(4) }, () => token(tokens)).join('.');
    const trie = new PatternTrie<string>();
    const patterns = new Set<string>();
    for (let round = 0; round < 3000; round++) {
      const pattern = name(['a', 'b', '*']) + (random(4) === 0 ? '.>' : '');
      if (random(3) === 0) {
        trie.delete(pattern);
        patterns.delete(pattern);
      } else {
        trie.set(pattern, pattern);
        patterns.add(pattern);
      }
      expect(trie.size).toBe(patterns.size);
      const topic = name(['a', 'b', 'c']);
      const found: string[] = [];
      trie.match(topic, (value) => found.push(value));
      expect(found.toSorted()).toEqual([...patterns].filter((value) => oracle(value, topic)).toSorted());
    }
    for (const pattern of patterns) trie.delete(pattern);
    expect([trie.size, trie.get('a')]).toEqual([0, undefined]);
  });
});

describe('names', () => {
  test.each(['', 'a..b', '.a', 'a.', 'a b', 'a\nb', 'a\u0000', '\ud800', 'x'.repeat(256), 5, undefined])(
    '%j is none',
    (name) => {
      expect(() => checkName(name)).toThrow(TypeError);
    },
  );

  test.each(['a', 'a.b', 'ä.*.ö', '>', 'a.>', 'a*', '*a.b', '>a', 'x'.repeat(255)])('%j is one', (name) => {
    expect(() => checkName(name)).not.toThrow();
  });

  test('have a bounded number of tokens, if they are patterns', () => {
    const tokens = (count: number, last: string): string => [...Array.from({ length: count - 1 }, () => 'a'), last].join('.');
    for (const last of ['*', '>']) {
      expect(() => checkName(tokens(16, last))).not.toThrow();
      expect(() => checkName(tokens(17, last))).toThrow(RangeError);
      expect(() => checkName(tokens(17, last))).toThrow('A pattern may have at most 16 tokens: "a.a.');
    }
    expect(() => checkTopic(tokens(128, 'a'))).not.toThrow();
  });

  test('are patterns with a token * or a last token >', () => {
    expect(['a', 'a*', '>a', 'a.>.b', '*', 'a.*.b', '>', 'a.>'].map(isPattern)).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(() => checkTopic('a.*')).toThrow('not a pattern');
  });
});
