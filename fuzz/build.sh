#!/bin/bash -eu
# Builds the targets as OSS-Fuzz does for JavaScript: https://google.github.io/oss-fuzz/getting-started/new-project-guide/javascript-lang/
cd "$SRC/wasock"
npm ci
npm install --no-save @jazzer.js/core
node fuzz/build.mjs
for target in build/fuzz/*.cjs; do
  compile_javascript_fuzzer wasock "$target" --sync
done
