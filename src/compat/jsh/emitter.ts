// The EventEmitter of JSH: no exception of a listener leaves it, and no error that nobody listens for is thrown.

import { toError } from '../../base/realms.ts';
import { emitWarning } from 'node:process';
import { TypedEmitter, type LooseListener } from '../../api/ws/emitter.ts';
import { guard } from '../../base/guard.ts';
import { platform } from '../../nodejs/platform.ts';
import { isThenable } from '../shared/promises.ts';

/** `thrown` as an Error. */
export function errorOf(thrown: unknown): Error {
  return toError(thrown);
}

/** `Events`: argument lists by event name. */
export class QuietEmitter<Events extends Record<keyof Events, unknown[]>> extends TypedEmitter<Events> {
  /**
   * Calls the listeners. What one of them throws, or its promise rejects with, becomes 'error', or, when nobody listens for that, a
   * warning of the process: a peer could otherwise end a program by a message that it does not expect.
   *
   * @returns Whether anybody listens.
   */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    const listeners = this.rawListeners(event) as ((...values: unknown[]) => unknown)[];
    const hear = (listener: (...values: unknown[]) => unknown): unknown => Reflect.apply(listener, this, values);
    for (const listener of listeners) {
      // An 'error' of an 'error' listener would never end.
      if (event === 'error') guard(platform, () => void hear(listener));
      else this.#watch(() => hear(listener));
    }
    return listeners.length > 0;
  }

  /** The same as `on`. */
  addEventListener(event: string, listener: LooseListener<this>): this {
    return this.on(event, listener);
  }

  /** The same as `off`. */
  removeEventListener(event: string, listener: LooseListener<this>): this {
    return this.off(event, listener);
  }

  #watch(call: () => unknown): void {
    try {
      const result = call();
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.#fault(error));
    } catch (error) {
      this.#fault(error);
    }
  }

  #fault(thrown: unknown): void {
    const error = errorOf(thrown);
    if (!this.emit('error', error)) emitWarning(error);
  }
}
