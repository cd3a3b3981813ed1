// The limit of a worker's turn: each task in the context that has planned it, since workerd ties I/O to a request.

import { expect, test } from 'vitest';
import { createTurn } from '../../../../adapters/edge/turn.ts';

/** A runtime that notes in which request a task was planned. */
function worker() {
  const planned: { request: string; task: () => void }[] = [];
  const state = { request: 'none', planned };
  const turn = createTurn((task) => planned.push({ request: state.request, task }));
  const run = (): void => {
    for (const { request, task } of planned.splice(0)) {
      state.request = request;
      task();
    }
  };
  return { state, turn, run };
}
const job = (result: () => Uint8Array | null): { step(): Uint8Array | null } => ({ step: result });

test('runs each task in the request that has planned it', () => {
  const { state, turn, run } = worker();
  const seen: string[] = [];
  for (const request of ['a', 'b', 'a']) {
    state.request = request;
    turn.later({}, () => seen.push(`${request} in ${state.request}`));
  }
  run();
  expect(seen).toEqual(['a in a', 'b in b', 'a in a']);
});

test('has time for one job that fails, or for a MiB', () => {
  const { turn, run } = worker();
  const fails = job(() => {
    throw new Error('too long');
  });
  expect(() => turn.step(fails, 10)).toThrow('too long');
  expect(turn.step(fails, 10)).toBe(null);
  run();
  const makes = job(() => new Uint8Array(524_288));
  expect(turn.step(makes, 1)).toHaveLength(524_288);
  expect(turn.step(makes, 1)).toHaveLength(524_288);
  expect(turn.step(makes, 1)).toBe(null);
  run();
  expect(turn.step(makes, 1)).toHaveLength(524_288);
});
