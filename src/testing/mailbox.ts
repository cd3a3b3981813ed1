// Things that arrive and are taken one by one, by promises.

interface Waiter<Thing> {
  readonly resolve: (thing: Thing) => void;
  readonly reject: (error: Error) => void;
}

/** A queue between arriving values and a test that awaits them. */
export class Mailbox<Thing> {
  readonly #ending: string;
  readonly #things: Thing[] = [];
  readonly #waiters: Waiter<Thing>[] = [];
  #isOver = false;

  /** @param ending Message of the error for the promises that are pending when it ends. */
  constructor(ending: string) {
    this.#ending = ending;
  }

  /** Things that were not taken. */
  get size(): number {
    return this.#things.length;
  }

  put(thing: Thing): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#things.push(thing);
    else waiter.resolve(thing);
  }

  /** The next thing, in order of the calls. */
  take(): Promise<Thing> {
    if (this.#things.length > 0) return Promise.resolve(this.#things.shift()!);
    if (this.#isOver) return Promise.reject(new Error(this.#ending));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Nothing more arrives. */
  end(): void {
    this.#isOver = true;
    for (const { reject } of this.#waiters.splice(0)) reject(new Error(this.#ending));
  }

  /** Takes all things until the end. Leaving the loop leaves the rest. */
  iterate(): AsyncIterableIterator<Thing, undefined> {
    const iterator: AsyncIterableIterator<Thing, undefined> = {
      next: async () => {
        try {
          return { done: false, value: await this.take() };
        } catch {
          return { done: true, value: undefined };
        }
      },
      return: () => Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}
