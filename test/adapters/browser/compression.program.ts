// What a page exchanges with an echo.

import { mismatches, type EchoSocket } from '../../support/window-matrix.ts';

const program = { exchange: (url: string): Promise<number[]> => mismatches(new WebSocket(url) as unknown as EchoSocket) };
Object.assign(globalThis, { program });
