// Runs programs in Chromium: that of the machine, or the one that test/runtimes brings.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PATIENCE } from '../patience.ts';
import { ROOT } from './bundle.ts';

const RUNTIMES = join(ROOT, 'test/runtimes/package.json');
const INSTALLED = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The part of Playwright that is used. */
export interface Page {
  readonly keyboard: { type(text: string): Promise<void>; press(key: string): Promise<void> };
  goto(url: string): Promise<unknown>;
  url(): string;
  evaluate<Result>(script: string): Promise<Result>;
  /** Waits until the expression is true. */
  waitForFunction(expression: string): Promise<unknown>;
  on(event: 'pageerror', listener: (error: Error) => void): void;
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void;
  screenshot(options: { readonly path: string; readonly fullPage?: boolean }): Promise<unknown>;
  close(): Promise<void>;
}
interface PageOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
}
interface Browser {
  newPage(options?: PageOptions): Promise<Page>;
  version(): string;
  close(): Promise<void>;
}
interface Playwright {
  readonly chromium: { launch(options: object): Promise<Browser> };
}
interface PackedChromium {
  readonly default: { executablePath(): Promise<string>; readonly args: string[] };
}

/** Whether Playwright is there. */
export const hasChromium: boolean = existsSync(join(ROOT, 'test/runtimes/node_modules/playwright-core'));

/**
 * Starts Chromium. It loads only the code that the caller evaluates, so it goes without its sandbox.
 *
 * @throws {Error} that says how to install it.
 */
export async function startChromium(): Promise<Browser> {
  if (!hasChromium) {
    throw new Error('There is no Playwright to start Chromium: install the runtimes by `npm ci --prefix test/runtimes`');
  }
  const require = createRequire(RUNTIMES);
  const { chromium } = require('playwright-core') as Playwright;
  const installed = INSTALLED.find((path) => existsSync(path));
  if (installed !== undefined)
    return await chromium.launch({ executablePath: installed, args: ['--no-sandbox'], timeout: PATIENCE });
  const packed = (await import(pathToFileURL(require.resolve('@sparticuz/chromium')).href)) as PackedChromium;
  const executablePath = await packed.default.executablePath();
  return await chromium.launch({ executablePath, args: packed.default.args, timeout: PATIENCE });
}
