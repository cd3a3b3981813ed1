// Adds up vitest's JSON reports: `node .ci/count.mjs <file>…` prints two numbers, the tests that passed and those that failed.
// A test file that failed before its tests could run counts as one failed test. A missing report is an error.

import { readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;
for (const file of process.argv.slice(2)) {
  for (const { status, assertionResults } of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    const failures = assertionResults.filter((test) => test.status === 'failed').length;
    passed += assertionResults.filter((test) => test.status === 'passed').length;
    failed += status === 'failed' ? Math.max(1, failures) : failures;
  }
}
console.log(passed, failed);
