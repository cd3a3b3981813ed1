import { expect, test } from 'vitest';
import * as layout from '../../../assembly/layout.ts';
import { CapacityError, messageTooLarge, ProtocolError, Utf8Error } from '../../../src/base/errors.ts';
import {
  violationOfStatus,
  invalidCloseCode,
  invalidControlLength,
  tooManyFragments,
} from '../../../src/protocol/violations.ts';

const STATUS: Readonly<Record<string, number>> = { ...layout };

const MAPPING = [
  ['STATUS_RSV2_OR_RSV3', ProtocolError, 'WS_ERR_UNEXPECTED_RSV_2_3', 1002],
  ['STATUS_UNEXPECTED_RSV1', ProtocolError, 'WS_ERR_UNEXPECTED_RSV_1', 1002],
  ['STATUS_RESERVED_OPCODE', ProtocolError, 'WS_ERR_INVALID_OPCODE', 1002],
  ['STATUS_UNEXPECTED_CONTINUATION', ProtocolError, 'WS_ERR_INVALID_OPCODE', 1002],
  ['STATUS_EXPECTED_CONTINUATION', ProtocolError, 'WS_ERR_INVALID_OPCODE', 1002],
  ['STATUS_FRAGMENTED_CONTROL', ProtocolError, 'WS_ERR_EXPECTED_FIN', 1002],
  ['STATUS_MASK_MISSING', ProtocolError, 'WS_ERR_EXPECTED_MASK', 1002],
  ['STATUS_MASK_FORBIDDEN', ProtocolError, 'WS_ERR_UNEXPECTED_MASK', 1002],
  ['STATUS_CONTROL_TOO_LONG', ProtocolError, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 1002],
  ['STATUS_LENGTH_FORM', ProtocolError, 'WS_ERR_INVALID_PAYLOAD_LENGTH_FORM', 1002],
  ['STATUS_LENGTH_UNSAFE', CapacityError, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1009],
  ['STATUS_INVALID_UTF8', Utf8Error, 'WS_ERR_INVALID_UTF8', 1007],
] as const;

test.each(MAPPING)('%s becomes the error that users know', (name, type, code, closeCode) => {
  const error = violationOfStatus(STATUS[name], 0x83, 0xfe);
  expect(error).toBeInstanceOf(type);
  expect(error).toMatchObject({ code, closeCode });
});

test('every status but OK and MORE has an error', () => {
  const all = Object.keys(layout).filter((name) => name.startsWith('STATUS_'));
  expect(all.toSorted()).toEqual(['STATUS_OK', 'STATUS_MORE', ...MAPPING.map(([name]) => name)].toSorted());
});

test('messages name what was wrong', () => {
  expect(violationOfStatus(layout.STATUS_RESERVED_OPCODE, 0x83, 0x80).message).toBe(
    'Invalid WebSocket frame: invalid opcode 3',
  );
  expect(violationOfStatus(layout.STATUS_UNEXPECTED_CONTINUATION, 0x80, 0x80).message).toBe(
    'Invalid WebSocket frame: invalid opcode 0',
  );
  expect(violationOfStatus(layout.STATUS_CONTROL_TOO_LONG, 0x89, 0xfe).message).toBe(
    'Invalid WebSocket frame: invalid payload length 126',
  );
});

test.each([layout.STATUS_OK, layout.STATUS_MORE, 14, -1])('status %i is our bug, and thrown', (status) => {
  expect(() => violationOfStatus(status, 0, 0)).toThrow(`${status}`);
});

test('the other violations carry their codes', () => {
  expect(invalidControlLength(1)).toMatchObject({ code: 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', closeCode: 1002 });
  expect(invalidCloseCode(1005)).toMatchObject({ code: 'WS_ERR_INVALID_CLOSE_CODE', closeCode: 1002 });
  expect(invalidCloseCode(1005).message).toBe('Invalid WebSocket frame: invalid status code 1005');
  expect(messageTooLarge()).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', closeCode: 1009 });
  expect(tooManyFragments()).toMatchObject({ code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS', closeCode: 1008 });
});
