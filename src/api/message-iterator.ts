// Messages that a program takes one by one, for both APIs: `for await (const message of …)`.

interface Waiter<Message> {
  readonly resolve: (result: IteratorResult<Message, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/** From so many messages on, those that were handed out are cut from the front of the queue. */
const FIRST_CUT = 1024;

/** Messages that remained when an iteration was left early, by WebSocket. The next iteration begins with them. */
const leftovers = new WeakMap<object, unknown[]>();

/** The messages of one WebSocket from now on. A class of an API feeds it. */
export abstract class MessageIterator<Message> implements AsyncIterableIterator<Message, undefined> {
  readonly #key: object;
  #messages: Message[];
  /** Where the first message is that was not handed out. */
  #first = 0;
  #size = 0;
  readonly #waiters: Waiter<Message>[] = [];
  #error: Error | undefined;
  #isDone = false;

  /** @param key Stands for the WebSocket: another iterator with the same key begins with the messages that this one leaves. */
  constructor(key: object) {
    this.#key = key;
    this.#messages = (leftovers.get(key) as Message[] | undefined) ?? [];
    leftovers.delete(key);
    for (const message of this.#messages) this.#size += this.sizeOf(message);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next message. May be called again before it has come. @throws {Error} the error that ended the messages, after all of them. */
  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.waiting > 0) return Promise.resolve({ done: false, value: this.#take() });
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) return Promise.reject(error);
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Ends the iteration, not the connection. Messages that were not handed out are kept for the next iteration. */
  return(): Promise<IteratorResult<Message, undefined>> {
    const left = this.#messages.slice(this.#first);
    if (left.length > 0) leftovers.set(this.#key, left);
    this.#messages = [];
    this.#first = 0;
    this.end(undefined);
    this.#error = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The number of messages that wait for the program. */
  protected get waiting(): number {
    return this.#messages.length - this.#first;
  }

  /** The size of those messages. */
  protected get size(): number {
    return this.#size;
  }

  /** A message came. Ignored after the end. */
  protected add(message: Message): void {
    if (this.#isDone) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) return waiter.resolve({ done: false, value: message });
    this.#messages.push(message);
    this.#size += this.sizeOf(message);
  }

  /** No message follows those that wait. @param error Thrown once, after them. */
  protected end(error: Error | undefined): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.stop();
    const first = error === undefined ? undefined : this.#waiters.shift();
    if (first === undefined) this.#error = error;
    else first.reject(error!);
    for (const { resolve } of this.#waiters.splice(0)) resolve({ done: true, value: undefined });
  }

  protected abstract sizeOf(message: Message): number;
  /** Stops listening to messages. Called once. */
  protected abstract stop(): void;
  /** The program has taken all messages. */
  protected onEmpty(): void {}

  #take(): Message {
    const message = this.#messages[this.#first++];
    this.#size -= this.sizeOf(message);
    if (this.waiting === 0) {
      this.#messages = [];
      this.#first = 0;
      this.onEmpty();
    } else if (this.#first >= FIRST_CUT && this.#first * 2 >= this.#messages.length) {
      // Not shifted one by one, which is slow on a long queue.
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    return message;
  }
}
