// Serves wasock as one file, for program.mjs:
//
//     node serve.mjs [port] [file]
//
// Without arguments it listens on 8000 and serves the file that `npm run build` makes.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import process from 'node:process';

const [, , port = '8000', file = new URL('../../dist/wasock.deno.js', import.meta.url)] = process.argv;
const program = await readFile(file);

const http = createServer((request, response) => {
  if (request.url !== '/wasock.deno.js') return response.writeHead(404).end();
  // Deno runs nothing that is not called JavaScript.
  return response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(program);
});

http.listen(Number(port), '127.0.0.1', () => {
  console.log(`Serving http://127.0.0.1:${http.address().port}/wasock.deno.js`);
});
