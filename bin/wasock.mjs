#!/usr/bin/env node
// The command `wasock`. The package's own name leads to the entry point of the runtime that runs this.

import module from 'node:module';

// Node.js from 22.8 on keeps the compiled code, so that the next start is quicker.
module.enableCompileCache?.();
const { run } = await import('wasock/cli');
process.exitCode = await run(process.argv.slice(2));
