// What workerd itself does with unread bytes when the peer resets the connection; docs/runtimes.md says so.

import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { whereInstalled } from '../../support/mini-runner/report.ts';
import { hasWorkerd, startWorker } from '../../support/mini-runner/workerd.ts';

await whereInstalled('workerd', hasWorkerd, async () => {
  const files = { 'worker.js': await bundle('test/adapters/edge/failed-write.program.ts'), ...moduleFiles() };

  test('a bare socket of workerd reads what came before a reset, unless it has written since', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write('one');
        setTimeout(() => socket.write('two', () => socket.resetAndDestroy()), 100);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const worker = await startWorker({ files });
    try {
      const { port } = server.address() as AddressInfo;
      const read = async (query: string): Promise<string> =>
        (await fetch(`http://127.0.0.1:${worker.port}/?port=${port}${query}`)).text();
      expect(await read('')).toBe('onetwo');
      expect(await read('&writes')).toBe('one');
    } finally {
      await worker.close();
      server.close();
    }
  });
});
