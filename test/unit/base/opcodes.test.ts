import { expect, test } from 'vitest';
import * as opcodes from '../../../src/base/opcodes.ts';

test('opcodes and bits have the numbers of RFC 6455', () => {
  expect({ ...opcodes }).toEqual({
    OPCODE_CONTINUATION: 0,
    OPCODE_TEXT: 1,
    OPCODE_BINARY: 2,
    OPCODE_CLOSE: 8,
    OPCODE_PING: 9,
    OPCODE_PONG: 10,
    FIN_BIT: 0x80,
    RSV1_BIT: 0x40,
    MAXIMUM_CONTROL_PAYLOAD: 125,
  });
});
