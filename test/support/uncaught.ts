// Exceptions that nothing catches, kept instead of ending the test run.

/** Keeps the messages of all uncaught exceptions, in order, until `stop`. */
export function keepUncaught(): { readonly messages: string[]; stop(): void } {
  const messages: string[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', ({ message }) => messages.push(message));
  const stop = (): void => {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  };
  return { messages, stop };
}
