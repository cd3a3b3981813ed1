// Runs targets with mutated seeds, for as many inputs as asked. See README.md beside this file.

import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { buildTargets } from './build.mjs';

const BATCH = 10_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { inputs: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
if (!Number.isInteger(inputs) || inputs < 1) throw new RangeError('--inputs is a number of inputs, 1 or more');
if (!Number.isInteger(seed)) throw new RangeError('--seed is a whole number');

const folder = pathToFileURL(`${await buildTargets()}/`);
const { TARGETS } = await import(new URL('targets.mjs', folder).href);
const { inputsOf } = await import(new URL('mutations.mjs', folder).href);
const names = positionals.length > 0 ? positionals : Object.keys(TARGETS);

for (const name of names) {
  const target = TARGETS[name];
  if (target === undefined) throw new Error(`There is no target "${name}"; there are ${Object.keys(TARGETS).join(', ')}`);
  const arbitrary = inputsOf(target);
  const start = performance.now();
  for (let done = 0; done < inputs; done += BATCH) {
    const numRuns = Math.min(BATCH, inputs - done);
    fc.assert(
      fc.property(arbitrary, (data) => target.fuzz(data)),
      { numRuns, seed: seed + done / BATCH },
    );
  }
  const seconds = (performance.now() - start) / 1000;
  console.info(`${name}: ${inputs} inputs, no finding, ${seconds.toFixed(0)} s`);
}
