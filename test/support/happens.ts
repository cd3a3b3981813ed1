import { expect } from 'vitest';

/** Waits until `condition` gives a true value, for as long as the patience of the suite. */
export async function happens(condition: () => unknown): Promise<void> {
  await expect.poll(condition).toBeTruthy();
}
