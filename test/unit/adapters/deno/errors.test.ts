import { expect, test } from 'vitest';
import { systemError } from '../../../../adapters/deno/errors.ts';

function named(name: string, message: string, code?: string): Error {
  return Object.assign(new Error(message), { name }, code === undefined ? {} : { code });
}

test.each([
  ['ConnectionRefused', 'ECONNREFUSED'],
  ['AddrInUse', 'EADDRINUSE'],
  ['ConnectionReset', 'ECONNRESET'],
  ['NotFound', 'ENOENT'],
  ['PermissionDenied', 'EACCES'],
])('%s is %s', (name, code) => {
  const cause = named(name, 'words');
  const error = systemError(cause, { call: 'connect', place: '127.0.0.1:1' });
  expect(error).toMatchObject({ code, message: `connect ${code} 127.0.0.1:1`, cause });
});

test('a code that Deno gives goes before', () => {
  expect(systemError(named('AddrInUse', 'words', 'EOTHER'), { call: 'listen' }).code).toBe('EOTHER');
});

test('a name that does not resolve is ENOTFOUND', () => {
  const cause = new Error('failed to lookup address information: Name or service not known');
  expect(systemError(cause, { call: 'connect', place: 'nowhere.invalid:80' }).code).toBe('ENOTFOUND');
});

test('a missing permission names its flag', () => {
  const cause = named('NotCapable', 'Requires net access');
  expect(systemError(cause, { call: 'listen', place: '127.0.0.1:8080' })).toMatchObject({
    code: 'EACCES',
    message: expect.stringContaining('--allow-net=127.0.0.1:8080') as string,
  });
  expect(systemError(cause, { call: 'listen', place: '/run/s', isPath: true }).message).toContain(
    '--allow-net=unix:/run/s --allow-read=/run/s --allow-write=/run/s',
  );
});

test('what has no code stays without, and what is no error becomes one', () => {
  expect(systemError(named('InvalidData', 'bad certificate'), { call: 'connect' })).toMatchObject({
    message: 'connect: bad certificate',
  });
  expect('code' in systemError('words', { call: 'read' })).toBe(false);
});

test("Deno's own words follow where a server cannot listen, as in Node.js", () => {
  const error = systemError(named('AddrInUse', 'words'), { call: 'listen', place: '127.0.0.1:1' });
  expect(error.message).toBe('listen EADDRINUSE 127.0.0.1:1: words');
});
