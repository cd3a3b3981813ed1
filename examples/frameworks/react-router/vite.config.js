import { reactRouter } from '@react-router/dev/vite';
import { defineConfig } from 'vite';
import { echo, upgrade } from './websockets.js';

/** The WebSockets in `react-router dev`. The upgrades of other paths are left to Vite, which reloads pages through a WebSocket of its own. */
const webSockets = {
  name: 'websockets',
  configureServer({ httpServer }) {
    httpServer?.on('upgrade', (request, socket, head) => {
      if (echo.shouldHandle(request)) upgrade(request, socket, head);
    });
  },
};

export default defineConfig({ plugins: [reactRouter(), webSockets] });
