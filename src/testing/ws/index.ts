// The test kit for the ws-style API: its classes in memory, and a pair that is connected. On Node.js, Deno and Bun.

import { WebSocket } from './classes.ts';

// For code under test that imports more than the classes, where this module takes the place of `ws` or `wasock`.
export * from '../../api/ws/public.ts';
export { WebSocket, WebSocketServer } from './classes.ts';
export type { Link, Side } from '../link.ts';
export { createPair, type Pair, type PairOptions } from './pair.ts';
export { WebSocket as default };
