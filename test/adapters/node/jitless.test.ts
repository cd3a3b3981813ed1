// A process that forbids WebAssembly: `node --jitless`.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bundle } from '../../support/mini-runner/bundle.ts';

test('without WebAssembly raw DEFLATE says what to do, and connections compress by node:zlib', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wasock-jitless-'));
  try {
    const file = join(folder, 'program.mjs');
    await writeFile(file, await bundle('test/adapters/node/jitless.program.ts', { platform: 'node' }));
    const { stdout } = await promisify(execFile)(process.execPath, ['--jitless', file]);
    const message = expect.stringMatching(
      /^Error: wasock\/deflate needs WebAssembly, which is forbidden here: .*--jitless/,
    ) as string;
    expect(JSON.parse(stdout)).toEqual({
      hasWebAssembly: false,
      deflater: message,
      inflater: message,
      echoed: ['permessage-deflate', 'one message', 'one message more'],
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
