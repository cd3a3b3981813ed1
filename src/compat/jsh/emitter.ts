// The EventEmitter of JSH. It turns exceptions of listeners into 'error', and never throws.

import { toError } from '../../base/realms.ts';
import { emitWarning } from 'node:process';
import { TypedEmitter, type LooseListener } from '../../api/ws/emitter.ts';
import { isPromiseLike } from '../../api/ws/hooks.ts';

/** `Events`: argument lists by event name. */
export class QuietEmitter<Events extends Record<keyof Events, unknown[]>> extends TypedEmitter<Events> {
  /**
   * Calls the listeners. An exception or rejection of a listener is emitted as 'error'. Without an 'error' listener, or if that listener
   * fails, it is a warning of the process: a message that the program does not expect must not end it.
   *
   * @returns Whether there are listeners.
   */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    const listeners = this.rawListeners(event) as ((...values: unknown[]) => unknown)[];
    const report = (thrown: unknown): void => {
      const error = toError(thrown);
      if (event === 'error' || !this.emit('error', error)) emitWarning(error);
    };
    for (const listener of listeners) {
      try {
        const result: unknown = Reflect.apply(listener, this, values);
        if (isPromiseLike(result)) result.then(undefined, report);
      } catch (error) {
        report(error);
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
