import { describe, expect, test } from 'vitest';
import type { Member } from '../../../src/topics/member.ts';
import { Subscribers } from '../../../src/topics/subscribers.ts';

const [one, two, three] = ['one', 'two', 'three'].map((name) => ({ name }) as unknown as Member);

describe('Subscribers', () => {
  test('is a set of none, one and several', () => {
    const subscribers = new Subscribers();
    expect([subscribers.size, subscribers.only, subscribers.list(), subscribers.has(one)]).toEqual([0, null, [], false]);
    subscribers.add(one);
    subscribers.add(one);
    expect([subscribers.size, subscribers.only, subscribers.list(), subscribers.has(one)]).toEqual([1, one, [one], true]);
    subscribers.add(two);
    subscribers.add(one);
    subscribers.add(three);
    expect([subscribers.size, subscribers.only, subscribers.list()]).toEqual([3, null, [one, two, three]]);
    expect([one, two, three].map((member) => subscribers.has(member))).toEqual([true, true, true]);
    subscribers.delete(two);
    expect([subscribers.size, subscribers.list(), subscribers.has(two)]).toEqual([2, [one, three], false]);
    subscribers.delete(one);
    subscribers.delete(three);
    expect([subscribers.size, subscribers.only, subscribers.list()]).toEqual([0, null, []]);
    subscribers.add(two);
    expect([subscribers.size, subscribers.list(), subscribers.has(two)]).toEqual([1, [two], true]);
  });

  test('loses the only one, and takes another', () => {
    const subscribers = new Subscribers();
    subscribers.add(one);
    subscribers.delete(two);
    expect([subscribers.only, subscribers.has(two)]).toEqual([one, false]);
    subscribers.delete(one);
    expect([subscribers.size, subscribers.has(one)]).toEqual([0, false]);
    subscribers.add(two);
    expect(subscribers.only).toBe(two);
  });

  test('gives lists that stay as they are', () => {
    const subscribers = new Subscribers();
    subscribers.add(one);
    const first = subscribers.list();
    subscribers.add(two);
    const second = subscribers.list();
    subscribers.delete(one);
    expect([first, second]).toEqual([[one], [one, two]]);
  });
});
