// Entry point on Deno: the ws-style API.

import { bindClasses, WebSocket } from '../../src/api/ws/classes.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { bindLowlevel } from '../../src/nodejs/lowlevel/binding.ts';
import { platform } from './platform.ts';
import { runtime } from './runtime.ts';

bindClasses(runtime);
bindLowlevel(platform, deflateEngine);

export * from '../../src/api/ws/public.ts';
export * from '../../src/nodejs/lowlevel/index.ts';
export { WebSocket, WebSocketServer, type Server, type ServerOptions } from '../../src/api/ws/classes.ts';
export { upgrade } from './upgrade.ts';
export type { Refused, UpgradeOptions, Upgraded } from './native.ts';
export { WebSocket as default };
