// NestJS: gateways over servers of wasock, compiled as a Nest project is.

import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { breakProtocol, closing, connect, endPrograms, exchange, NODE, Program, refusal } from '../examples/run-example.ts';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { framework, stops } from './framework-rules.ts';

afterEach(endPrograms);

const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

test('server has a plain route, answers messages of its gateway, and ends by SIGTERM', async () => {
  const compiler = new Program(NODE, [TSC, '--project', framework('nestjs')]);
  expect(await compiler.ended(), compiler.output).toBe(0);
  const server = new Program(NODE, [framework('nestjs/server.js'), '0']);
  const authority = await server.listens();
  const response = await fetch(`http://${authority}/`);
  expect([response.status, await response.text()]).toEqual([200, 'The echo is at /echo.']);

  const ws = await connect(`ws://${authority}/echo`);
  const message = JSON.stringify({ event: 'echo', data: { text: 'grüß dich' } });
  // No JSON, and no handler: neither has an answer.
  ws.send('no JSON');
  ws.send('{"event":"unknown"}');
  expect(await exchange(ws, message)).toBe(message);
  expect(await exchange(ws, Buffer.from(message))).toBe(message);
  const tooLong = closing(ws);
  ws.send('x'.repeat(65_537));
  expect((await tooLong)[0]).toBe(1009);
  expect(await breakProtocol(`ws://${authority}/echo`)).toBe(1002);
  expect(await refusal(`ws://${authority}/elsewhere`)).toBe('socket hang up');

  await stops(server, authority, { errors: /opcode/ });
});
