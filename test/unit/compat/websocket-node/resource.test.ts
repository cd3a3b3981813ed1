// The resource that a request asks for.

import { describe, expect, test } from 'vitest';
import { parseResource } from '../../../../src/compat/websocket-node/resource.ts';

describe('resource', () => {
  test('is a path where it is no URL', () => expect(parseResource('http://[')).toMatchObject({ pathname: 'http://[' }));
  test('may be empty', () => expect(parseResource('')).toMatchObject({ pathname: '', query: {} }));
});
