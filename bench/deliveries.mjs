// Deliveries of a fan-out, counted by a load generator.

import { measure } from './window.mjs';

/**
 * A message is done when the last subscriber has it; only then is the next one published, so that `inFlight` messages stay on their way.
 *
 * @param {{ inFlight: number, warmup: number, duration: number }} job
 * @param {import('./wire.mjs').RawConnection[]} subscribers
 * @param {(count: number) => void} publish Sends the next messages.
 * @param {() => { count: (chunk: Uint8Array, length: number) => number }} makeCounter
 * @throws {Error} If nothing is delivered.
 */
export async function measureDeliveries(job, subscribers, publish, makeCounter) {
  const waiting = new Int32Array(job.inFlight).fill(subscribers.length);
  let counted = 0;
  for (const subscriber of subscribers) {
    const counter = makeCounter();
    let slot = 0;
    subscriber.onBytes = (length, chunk) => {
      const frames = counter.count(chunk, length);
      counted += frames;
      let done = 0;
      for (let index = 0; index < frames; index++) {
        if (--waiting[slot] === 0) {
          waiting[slot] = subscribers.length;
          done++;
        }
        slot = slot + 1 === waiting.length ? 0 : slot + 1;
      }
      if (done > 0) publish(done);
    };
  }
  publish(job.inFlight);
  await measure(() => counted, job);
  if (counted === 0) throw new Error('nothing was delivered');
}
