// Adds up vitest's JSON reports: `node .ci/count.mjs <file>…` prints two numbers, the tests that passed and those that failed.
// `node .ci/count.mjs --failures <file>…` prints a line for each failed test: the report, the file, the test, the first line of its error.
// `--unstable` instead: the same lines for each test that failed and passed on its second try.
// A test file that failed before its tests could run counts as one failed test. A missing report is an error.

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';

const { values, positionals } = parseArgs({
  options: { failures: { type: 'boolean' }, unstable: { type: 'boolean' } },
  allowPositionals: true,
});
let passed = 0;
const failures = [];
const unstable = [];
for (const report of positionals) {
  for (const { name, status, message, assertionResults } of JSON.parse(readFileSync(report, 'utf8')).testResults) {
    const place = `${report.split('/').slice(-2).join('/')}: ${relative('.', name)}`;
    const failed = assertionResults.filter((test) => test.status === 'failed');
    const succeeded = assertionResults.filter((test) => test.status === 'passed');
    passed += succeeded.length;
    for (const test of failed) failures.push(`${place} > ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`);
    for (const test of succeeded.filter(({ failureMessages }) => failureMessages?.length > 0))
      unstable.push(`${place} > ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
    if (status === 'failed' && failed.length === 0) failures.push(`${place}: ${firstLine(message)}`);
  }
}
if (values.failures || values.unstable) console.log((values.failures ? failures : unstable).join('\n'));
else console.log(`${passed} ${failures.length}`);

/** @param {string | undefined} message */
function firstLine(message) {
  return stripVTControlCharacters(message ?? '')
    .split('\n', 1)[0]
    .slice(0, 300);
}
