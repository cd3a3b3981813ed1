// The built site: every page opens without an error and fits a phone, in both colour schemes; the playground decodes.

import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explain, frameOf, fromHex, toHex } from '../../docs/.vitepress/theme/frames.ts';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { startChromium, type Page } from '../support/mini-runner/chromium.ts';
import { guidesIn } from '../tools/documents.ts';

const SITE = join(ROOT, 'docs/.vitepress/dist');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 800 };

const pages = readdirSync(SITE, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.html') && path !== '404.html')
  .map((path) => `/${path.replace(/(index)?\.html$/, '')}`)
  .toSorted();

let server: Server;
let origin: string;
let browser: Awaited<ReturnType<typeof startChromium>>;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname);
    const file = path.endsWith('/') ? `${path}index.html` : extname(path) === '' ? `${path}.html` : path;
    readFile(join(SITE, file)).then(
      (bytes) => response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream').end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await startChromium();
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

test('every document has its place in the sidebar', async () => {
  const { default: config } = (await import(pathToFileURL(join(ROOT, 'docs/.vitepress/config.mjs')).href)) as {
    default: { themeConfig: { sidebar: { items: { link: string }[] }[] } };
  };
  const links = config.themeConfig.sidebar.flatMap(({ items }) => items.map(({ link }) => link));
  const documents = guidesIn(ROOT).map((path) => path.replace(/^docs/, '').replace(/(index)?\.md$/, ''));
  expect(documents.filter((link) => !links.includes(link))).toEqual([]);
  expect(new Set(links).size).toBe(links.length);
});

describe.each([
  ['a phone', PHONE, 'dark'],
  ['a desktop', DESKTOP, 'light'],
] as const)('on %s', (_name, viewport, colorScheme) => {
  test('every page opens without an error and is no wider than the screen', async () => {
    expect(pages.length).toBeGreaterThan(40);
    const page = await browser.newPage({ viewport, colorScheme });
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(`${page.url()}: ${message.text()}`);
    });
    const wide: string[] = [];
    for (const path of pages) {
      await page.goto(origin + path);
      expect(await page.evaluate<boolean>(`document.querySelector('h1') !== null`), path).toBe(true);
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      if (width > viewport.width) wide.push(`${path}: ${width}`);
      expect(await page.evaluate<boolean>(`document.documentElement.classList.contains('dark')`)).toBe(colorScheme === 'dark');
    }
    expect(errors).toEqual([]);
    expect(wide).toEqual([]);
  });
});

async function waitForText(page: Page, selector: string, text: string): Promise<void> {
  await page.waitForFunction(
    `document.querySelector(${JSON.stringify(selector)})?.textContent.includes(${JSON.stringify(text)})`,
  );
}

test('the page Performance has a chart for each runtime, which fits a phone, and tables of figures that scroll', async () => {
  const page = await browser.newPage({ viewport: PHONE });
  await page.goto(`${origin}/performance`);
  const charts = await page.evaluate<{ label: string; bars: number; width: number }[]>(
    `Array.from(document.querySelectorAll('.chart'), (chart) => ({
      label: chart.querySelector('[role=img]').getAttribute('aria-label'),
      bars: chart.querySelectorAll('.fill').length,
      width: chart.scrollWidth - chart.clientWidth,
    }))`,
  );
  expect(charts.map(({ label }) => /than (\S+)\./.exec(label)?.[1])).toEqual(['ws', 'Bun.serve', 'Deno.upgradeWebSocket']);
  for (const { bars, width } of charts) {
    expect(bars).toBeGreaterThan(20);
    expect(width).toBe(0);
  }
  expect(await page.evaluate<number>(`document.querySelectorAll('table.wide[tabindex="0"]').length`)).toBeGreaterThan(2);
});

describe('the playground', () => {
  test('decodes what is typed, with the keyboard alone', async () => {
    const page = await browser.newPage({ viewport: DESKTOP });
    await page.goto(`${origin}/playground`);
    await waitForText(page, '.kernel', 'wasm');
    expect(await page.evaluate(`document.querySelector('.message code').textContent`)).toBe('Hello');
    await page.evaluate(`document.querySelector('#playground-text').focus()`);
    await page.keyboard.type('grüße');
    await page.keyboard.press('Enter');
    await waitForText(page, '.message code', 'grüße');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.id')).toBe('playground-hex');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('81 02 c3 28');
    await waitForText(page, '.bad', '1002');
    await page.evaluate(`document.querySelector('input[type=checkbox]').click()`);
    await waitForText(page, '.bad', '1007');
  });
});

describe('frames of the playground', () => {
  const fromServer = { fromClient: false, deflates: false };
  const bytes = (hex: string): Uint8Array => fromHex(hex);

  test('are those of RFC 6455 section 5.7', () => {
    const masked = explain(bytes('81 85 37 fa 21 3d 7f 9f 4d 51 58'), { fromClient: true, deflates: false });
    expect(masked.messages).toEqual([{ kind: 'text', content: 'Hello', bytes: 5 }]);
    expect(masked.frames[0].header.map(({ name }) => name)).toEqual([
      'FIN',
      'RSV1',
      'RSV2, RSV3',
      'opcode',
      'MASK',
      'length',
      'masking key',
    ]);
    const parts = explain(bytes('01 03 48 65 6c 89 00 80 02 6c 6f'), fromServer);
    expect(parts.frames.map(({ kind }) => kind)).toEqual(['text', 'Ping', 'continuation']);
    expect(parts.messages.map(({ kind, content }) => [kind, content])).toEqual([
      ['Ping', ''],
      ['text', 'Hello'],
    ]);
    const long = explain(Uint8Array.of(0x82, 0x7e, 1, 0, ...new Uint8Array(256)), fromServer);
    expect(long.frames[0].header.at(-1)).toEqual({ name: 'extended length', wire: '01 00', meaning: '256 bytes' });
    expect(explain(bytes('88 05 03 e8 62 79 65'), fromServer).messages[0].content).toBe('1000 bye');
  });

  test('are those of RFC 7692 section 7.2.3, with context takeover', () => {
    const { messages } = explain(bytes('c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00'), {
      fromClient: false,
      deflates: true,
    });
    expect(messages).toEqual([
      { kind: 'text', content: 'Hello', bytes: 5, compressedBytes: 7 },
      { kind: 'text', content: 'Hello', bytes: 5, compressedBytes: 5 },
    ]);
  });

  test.each([
    ['81 02 c3 28', {}, 1007],
    ['81 01 61', { fromClient: true }, 1002],
    ['c1 01 61', {}, 1002],
    ['c1 02 07 ff', { deflates: true }, 1007],
    ['83 00', {}, 1002],
    ['80 00', {}, 1002],
    ['82 7e 00 05', {}, 1002],
    ['82 7f ff ff ff ff ff ff ff ff', {}, 1002],
    ['88 01 03', {}, 1002],
    ['88 04 03 e8 c3 28', {}, 1007],
  ] as const)('%s ends the connection', (hex, settings, closeCode) => {
    expect(explain(bytes(hex), { ...fromServer, ...settings }).violation?.closeCode).toBe(closeCode);
  });

  test.each(['', '81', '81 05 48', '82 7f 00 00 00 01 00 00 00 00', '82 fe 01'])('wait for the rest of %j', (hex) => {
    const { violation, frames, missing } = explain(bytes(hex), { fromClient: hex.includes('fe'), deflates: false });
    expect([violation, frames, missing]).toEqual([undefined, [], hex !== '']);
  });

  test('are made of text', () => {
    for (const fromClient of [false, true])
      for (const deflates of [false, true])
        for (const text of ['', 'é', 'a'.repeat(200), 'ab'.repeat(20_000)]) {
          const settings = { fromClient, deflates };
          const { messages } = explain(fromHex(toHex(frameOf(text, settings, 0x12345678))), settings);
          expect(messages.map(({ content }) => content)).toEqual([text]);
        }
  });

  test('are refused that are no hexadecimal', () => {
    expect(() => bytes('8g')).toThrow(SyntaxError);
    expect(() => bytes('818')).toThrow('one digit');
    expect(() => bytes('00'.repeat(65_537))).toThrow(RangeError);
    expect(toHex(bytes('0x81,0xAB:00\n'))).toBe('81 ab 00');
  });
});
