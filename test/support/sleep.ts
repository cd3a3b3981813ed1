/** In how many timers a sleep is cut. */
const TURNS = 8;

/**
 * Waits at least `milliseconds`. Not in one timer: it would fire at once after the system has held this process up, before a socket
 * is looked at; each of several gives pending work another turn of the event loop.
 */
export async function sleep(milliseconds: number): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => void setTimeout(resolve, milliseconds / TURNS));
}
