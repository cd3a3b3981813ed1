/**
 * Milliseconds that a test waits for something that happens within a moment on an idle machine. Long, since a busy machine is slow and
 * a wait that ends by its event costs nothing; shorter than a test may take, so that the failure names the event.
 */
export const PATIENCE = 60_000;
