// The sink of a session before `attach`: nobody listens yet.

import type { SessionSink } from '../platform.ts';

function ignore(): void {}

export const UNATTACHED: SessionSink = {
  onMessage: ignore,
  onPing: ignore,
  onPong: ignore,
  onClosing: ignore,
  onError: ignore,
  onDrain: ignore,
  onEnd: ignore,
};
