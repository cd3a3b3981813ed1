// Waiting: times, and the signals that end a command.

import process from 'node:process';
import { clearTimer, holdProcess, setTimer } from '../clock.ts';
import { endNow, EXIT, type ExitCode } from './exit.ts';

/** Resolves after `milliseconds`, or as soon as `signal` is aborted. Keeps the process alive. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimer(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimer(end, milliseconds);
    holdProcess(timer);
    signal?.addEventListener('abort', end);
  });
}

/**
 * Calls `end` at the first SIGINT or SIGTERM. The second one ends the process at once.
 *
 * @returns Stops listening.
 */
export function onSignal(end: (exitCode: ExitCode) => void): () => void {
  let isEnding = false;
  const listenerFor = (exitCode: ExitCode) => (): void => {
    if (isEnding) return endNow(exitCode);
    isEnding = true;
    end(exitCode);
  };
  const interrupt = listenerFor(EXIT.interrupted);
  const terminate = listenerFor(EXIT.terminated);
  process.on('SIGINT', interrupt).on('SIGTERM', terminate);
  return () => void process.off('SIGINT', interrupt).off('SIGTERM', terminate);
}
