// SvelteKit with its adapter for Node.js, and with the development server of Vite.

import { afterEach, test } from 'vitest';
import { endPrograms } from '../examples/run-example.ts';
import { checkDevelopment, checkProduction, type ViteProject } from './vite-rules.ts';

afterEach(endPrograms);

const PROJECT: ViteProject = {
  folder: 'sveltekit',
  command: 'vite/bin/vite.js',
  page: 'src/routes/+page.svelte',
};

test('server has its pages, echoes, and ends by SIGTERM', async () => {
  await checkProduction(PROJECT);
});

test('server in development has its pages, echoes, and reloads pages through the WebSocket of Vite', async () => {
  await checkDevelopment(PROJECT);
});
