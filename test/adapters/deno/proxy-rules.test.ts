// Proxies on Deno: the rules of all runtimes, and permissions.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as proxies from '../../../adapters/deno/proxy.ts';
import { describeProxyRules } from '../../support/proxy-rules.ts';

describeProxyRules(proxies);

const entry = new URL('../../../adapters/deno/proxy.ts', import.meta.url).href;
const PROGRAM = `import { proxyFromEnvironment } from '${entry}';
  try { proxyFromEnvironment(); console.log('done'); } catch (error) { console.log(error.name, error.message); }`;

test.each<[string, string[], Record<string, string>, string | RegExp]>([
  ['the variables', ['http_proxy,HTTP_PROXY,https_proxy,HTTPS_PROXY,no_proxy,NO_PROXY'], { HTTPS_PROXY: 'http://p' }, 'done\n'],
  [
    'those in lower case, if they are set',
    ['http_proxy,https_proxy,no_proxy'],
    { http_proxy: 'p', https_proxy: 'p', no_proxy: '*' },
    'done\n',
  ],
  ['none', [], {}, /^NotCapable .*--allow-env/],
])('proxyFromEnvironment() with the permission for %s', (_what, names, variables, output) => {
  const permissions = names.map((list) => `--allow-env=${list}`);
  const args = ['run', '--no-prompt', '--no-check', '--allow-read', ...permissions, '-'];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    input: PROGRAM,
    encoding: 'utf8',
    timeout: 90_000,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', ...variables },
  });
  expect(stdout + stderr).toMatch(output);
});
