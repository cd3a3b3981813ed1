// React Router in framework mode, in a server of Express, and with the development server of Vite.

import { readFile } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { endPrograms } from '../examples/run-example.ts';
import { framework } from './framework-rules.ts';
import { checkDevelopment, checkProduction, type ViteProject } from './vite-rules.ts';

afterEach(endPrograms);

const PROJECT: ViteProject = {
  folder: 'react-router',
  command: '@react-router/dev/bin.cjs',
  page: 'app/routes/home.jsx',
  // Otherwise React Router starts itself again with this option, in a process that a test does not end by force.
  nodeOptions: '--conditions=development',
};

test('server has its pages, echoes, and ends by SIGTERM', async () => {
  await checkProduction(PROJECT);
});

test('server in development has its pages, echoes, and reloads pages through the WebSocket of Vite', async () => {
  await checkDevelopment(PROJECT);
});

test('example has the same module of WebSockets as that of SvelteKit', async () => {
  const [ours, theirs] = await Promise.all(
    ['react-router', 'sveltekit'].map((folder) => readFile(framework(`${folder}/websockets.js`), 'utf8')),
  );
  expect(ours).toBe(theirs);
});
