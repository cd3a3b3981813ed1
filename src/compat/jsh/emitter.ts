// The EventEmitter of JSH: no exception of a listener leaves it, and no error that nobody listens for is thrown.

import { toError } from '../../base/realms.ts';
import { emitWarning } from 'node:process';
import { TypedEmitter, type LooseListener } from '../../api/ws/emitter.ts';
import { isPromiseLike } from '../../api/ws/hooks.ts';

/** `Events`: argument lists by event name. */
export class QuietEmitter<Events extends Record<keyof Events, unknown[]>> extends TypedEmitter<Events> {
  /**
   * Calls the listeners. What one of them throws, or its promise rejects with, becomes 'error'. If nobody listens for that, or an 'error'
   * listener itself has failed, it is a warning of the process: a peer could otherwise end a program by a message that it does not expect.
   *
   * @returns Whether anybody listens.
   */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    const listeners = this.rawListeners(event) as ((...values: unknown[]) => unknown)[];
    const fault = (thrown: unknown): void => {
      const error = toError(thrown);
      if (event === 'error' || !this.emit('error', error)) emitWarning(error);
    };
    for (const listener of listeners) {
      try {
        const result: unknown = Reflect.apply(listener, this, values);
        if (isPromiseLike(result)) result.then(undefined, fault);
      } catch (error) {
        fault(error);
      }
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
}
