import { defineConfig } from 'nitro';

export default defineConfig({
  serverDir: '.',
  preset: 'node-server',
  compatibilityDate: '2026-11-01',
  features: { websocket: true },
});
