// Nitro accepts WebSockets of every path, and leaves them open at SIGTERM. This refuses all but those of the echo.

import { defineWebSocketHandler } from 'nitro';

const refuse = defineWebSocketHandler({ upgrade: () => new Response('There is no WebSocket here.', { status: 404 }) });

export default (event) => (event.req.headers.has('upgrade') && event.url.pathname !== '/echo' ? refuse(event) : undefined);
