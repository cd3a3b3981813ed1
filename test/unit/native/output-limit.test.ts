import { expect, test, vi } from 'vitest';
import { CapacityError } from '../../../src/base/errors.ts';
import { OutputLimit, type OutputLimitOptions } from '../../../src/native/output-limit.ts';
import { fakePlatform } from '../../support/fake-session.ts';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** What becomes of a message behind `waiting` bytes. */
async function ask(
  options: OutputLimitOptions,
  waiting: number,
): Promise<[isAdmitted: boolean, told: unknown, failed: unknown]> {
  const [callback, onFailure] = [vi.fn<(error?: Error | null) => void>(), vi.fn<(error: CapacityError) => void>()];
  const isAdmitted = new OutputLimit(fakePlatform, options).admits(waiting, callback, onFailure);
  await turn();
  return [isAdmitted, callback.mock.calls[0]?.[0], onFailure.mock.calls[0]?.[0]];
}

test('a message is admitted up to the limit', async () => {
  expect(await ask({ maxBufferedAmount: 10 }, 10)).toEqual([true, undefined, undefined]);
  expect(await ask({}, 1_073_741_824)).toEqual([true, undefined, undefined]);
  expect(await ask({ maxBufferedAmount: 0 }, Number.MAX_SAFE_INTEGER)).toEqual([true, undefined, undefined]);
});

test('beyond it the connection is to be dropped', async () => {
  const [isAdmitted, told, failed] = await ask({ maxBufferedAmount: 10 }, 11);
  expect(isAdmitted).toBe(false);
  expect(told).toBe(failed);
  expect(failed).toMatchObject({ code: 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT', closeCode: 1008 });
  expect((await ask({}, 1_073_741_825))[0]).toBe(false);
});

test('or the message alone, or it is thrown', async () => {
  const [isAdmitted, told, failed] = await ask({ maxBufferedAmount: 10, bufferPolicy: 'drop' }, 11);
  expect([isAdmitted, failed]).toEqual([false, undefined]);
  expect(told).toBeInstanceOf(CapacityError);
  await expect(ask({ maxBufferedAmount: 10, bufferPolicy: 'throw' }, 11)).rejects.toThrow(/11 bytes wait .* \(10\)/);
});
