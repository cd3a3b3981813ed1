// The page in Chromium, bundled and served by Vite, with the echo server of the examples.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { hasChromium, startChromium } from '../support/mini-runner/chromium.ts';
import { endPrograms, example, NODE, Program } from './run-example.ts';

const VITE = join(ROOT, 'node_modules/vite/bin/vite.js');

/** Resolves with what the list shows once `count` answers are there, and with the page's status. */
const ANSWERS = (count: number): string => `new Promise((resolve) => {
  const look = () => {
    const items = [...document.querySelectorAll('li')].map((item) => item.textContent);
    if (items.length >= ${count}) resolve({ items, markup: document.querySelectorAll('li *').length });
    else requestAnimationFrame(look);
  };
  look();
})`;

/** Resolves with the page's status once it is another than \`before\`. */
const STATUS_AFTER = (before: string): string => `new Promise((resolve) => {
  const look = () => {
    const { textContent } = document.querySelector('[role=status]');
    if (textContent !== ${JSON.stringify(before)}) resolve(textContent);
    else requestAnimationFrame(look);
  };
  look();
})`;

/** Types a message and sends it, as a person does. */
const SAY = (text: string): string => `{
  document.querySelector('input').value = ${JSON.stringify(text)};
  document.querySelector('button').click();
}`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wasock-page-'));
  const build = new Program(NODE, [VITE, 'build', example('browser'), '--outDir', folder, '--emptyOutDir']);
  if ((await build.ended()) !== 0) throw new Error(build.errors);
});
afterEach(endPrograms);
afterAll(() => rm(folder, { recursive: true }));

test('bundle has the build for browsers, and no codec', async () => {
  const script = (await readdir(join(folder, 'assets'))).find((name) => name.endsWith('.js')) ?? '';
  const code = await readFile(join(folder, 'assets', script), 'utf8');
  expect(code).not.toMatch(/node:|\(#5#G#A/);
  expect(code.length).toBeLessThan(10_000);
});

describe.runIf(hasChromium)('page in Chromium', () => {
  test('page shows what comes back, as text, and notices that the server goes', async () => {
    const server = new Program(NODE, [example('echo/server.mjs'), '0']);
    const pages = new Program(NODE, [VITE, 'preview', '--outDir', folder, '--host', '127.0.0.1', '--port', '0']);
    const [authority, pageAuthority] = await Promise.all([server.listens(), pages.listens()]);
    const browser = await startChromium();
    try {
      const page = await browser.newPage();
      await page.goto(`http://${pageAuthority}/?server=ws://${authority}/`);
      expect(await page.evaluate(STATUS_AFTER('Connecting'))).toBe('Connected');
      await page.evaluate(SAY('grüß dich'));
      await page.evaluate(SAY('<b>bold</b>'));
      expect(await page.evaluate(ANSWERS(2))).toEqual({ items: ['grüß dich', '<b>bold</b>'], markup: 0 });
      expect(await server.end('SIGINT')).toBe(0);
      expect(await page.evaluate(STATUS_AFTER('Connected'))).toBe('Closed: 1001');
      expect(server.errors).toBe('');
    } finally {
      await browser.close();
    }
  });
});
