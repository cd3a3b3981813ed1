// close() while the engine is away, over each bus that has an engine: nothing waits or tries to connect after that, so the process ends.

import { expect, onTestFinished, test } from 'vitest';
import { startProgram } from '../support/programs.ts';
import { within } from '../support/sockets.ts';
import { Engine } from './engine.ts';
import { KINDS, type BusKind, type KindName } from './kinds.ts';

const NAMES = (Object.keys(KINDS) as KindName[]).filter((name) => (KINDS[name] as BusKind).engine !== undefined);

test.each(NAMES)('%s: close() ends all attempts to connect to an engine that is away', async (kind) => {
  const { engine: engineKind, start } = KINDS[kind] as BusKind;
  const engine = start === undefined ? await Engine.start(engineKind!) : await start();
  onTestFinished(() => engine.remove());
  const program = await startProgram('test/buses/closing-program.ts', 'node', {
    kind,
    enginePort: engine.port,
    packages: import.meta.url,
  });
  onTestFinished(() => program.close());
  expect(await program.line()).toBe('made');
  await engine.kill();
  program.send('go on');
  const outcomes = JSON.parse(await within('the end of the topics', program.line())) as string[];
  expect(outcomes).toHaveLength(3);
  for (const outcome of outcomes) expect(outcome).not.toBe('undefined');
  expect(await within('the end of the process', program.ended)).toBe(0);
});
