// Preload file for Bun: `require('ws')` gives wasock, as docs/replacing-ws.md describes. An ES module that imports ws still gets the
// classes of Bun. Constructing one of these throws, so that no program passes without wasock.

import Module, { createRequire } from 'node:module';

if (process.env.WS_PACKAGE === 'wasock') {
  class Forbidden {
    constructor() {
      throw new Error('The program uses the ws of Bun');
    }
  }
  const { WebSocket, WebSocketServer } = createRequire(import.meta.url)('ws');
  for (const ofBun of [WebSocket, WebSocketServer]) Object.setPrototypeOf(ofBun, Forbidden);

  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (name, ...rest) {
    return resolve.call(this, name === 'ws' ? 'wasock' : name, ...rest);
  };
}
