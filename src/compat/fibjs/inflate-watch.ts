// Tells which messages came compressed. A session reports a message right after the last step of its inflation, so a DeflateEngine
// in between knows.

import type { DeflateEngine, DeflateJob, Inflator } from '../../deflate/engine.ts';

export class InflateWatch {
  readonly engine: DeflateEngine;
  #wasInflated = false;

  /** @param engine Does the work. */
  constructor(engine: DeflateEngine) {
    this.engine = {
      createDeflator: (options) => engine.createDeflator(options),
      createInflator: (options) => this.#watch(engine.createInflator(options)),
    };
  }

  /** Whether the message at hand was inflated. Ask once a message, when it is reported. */
  take(): boolean {
    const wasInflated = this.#wasInflated;
    this.#wasInflated = false;
    return wasInflated;
  }

  #watch(inflator: Inflator): Inflator {
    return {
      inflate: (data, limit) => this.#watchJob(inflator.inflate(data, limit)),
      close: () => inflator.close(),
    };
  }

  #watchJob(job: DeflateJob): DeflateJob {
    return {
      get isOwned(): boolean {
        return job.isOwned;
      },
      step: () => {
        const bytes = job.step();
        if (bytes !== null) this.#wasInflated = true;
        return bytes;
      },
    };
  }
}
