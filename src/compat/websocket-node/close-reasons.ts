// Texts of close codes and of violations, in the words of WebSocket-Node. RFC 6455 section 7.4.

import { Buffer } from 'node:buffer';
import type { PeerError } from '../../base/errors.ts';
import { MAXIMUM_CONTROL_PAYLOAD, OPCODE_BINARY, OPCODE_CONTINUATION } from '../../base/opcodes.ts';

/** Default text of a close code. */
export const CLOSE_DESCRIPTIONS: Record<number, string> = {
  1000: 'Normal connection closure',
  1001: 'Remote peer is going away',
  1002: 'Protocol error',
  1003: 'Unprocessable input',
  1004: 'Reserved',
  1005: 'Reason not provided',
  1006: 'Abnormal closure, no further detail available',
  1007: 'Invalid data received',
  1008: 'Policy violation',
  1009: 'Message too big',
  1010: 'Extension requested by client is required',
  1011: 'Internal Server Error',
  1015: 'TLS Handshake Failed',
};

const LONGEST_REASON = MAXIMUM_CONTROL_PAYLOAD - 2;

/** `text` as a close reason. Cut between two characters to the 123 bytes that a Close frame can hold. */
export function reasonBytes(text: string | undefined): Buffer {
  const bytes = Buffer.from(text ?? '');
  if (bytes.length <= LONGEST_REASON) return bytes;
  let end = LONGEST_REASON;
  while ((bytes[end] & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** Texts that do not depend on the frame, by the code of the error. */
const VIOLATIONS: Readonly<Record<string, string>> = {
  WS_ERR_EXPECTED_FIN: 'Control frames must not be fragmented.',
  WS_ERR_EXPECTED_MASK: 'Frames from a client must be masked.',
  WS_ERR_UNEXPECTED_MASK: 'Frames from a server must not be masked.',
  WS_ERR_INVALID_CLOSE_CODE: 'Invalid close code.',
  WS_ERR_INVALID_PAYLOAD_LENGTH_FORM: 'Frame length is not in its shortest form.',
  WS_ERR_INVALID_UTF8: 'Invalid UTF-8 Data Received',
  WS_ERR_UNEXPECTED_RSV_1: 'Unsupported usage of rsv bits without negotiated extension.',
  WS_ERR_UNEXPECTED_RSV_2_3: 'Unsupported usage of rsv bits without negotiated extension.',
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 'Unsupported 64-bit length frame received',
};

/** The number at the end of an error's message; undefined without one. */
function numberIn(message: string): number | undefined {
  const value = Number(message.slice(message.lastIndexOf(' ') + 1));
  return Number.isNaN(value) ? undefined : value;
}

function describeOpcode(opcode: number): string {
  if (opcode === OPCODE_CONTINUATION) return 'Unexpected Continuation Frame';
  const hex = `0x${opcode.toString(16)}`;
  return opcode <= OPCODE_BINARY
    ? `Illegal frame opcode ${hex} received in middle of fragmented message.`
    : `Unrecognized Opcode: ${hex}`;
}

/** Describes a violation, for the peer and for 'close'. */
export function describeViolation(error: PeerError): string {
  const known = VIOLATIONS[error.code];
  if (known !== undefined) return known;
  const value = numberIn(error.message);
  switch (error.code) {
    case 'WS_ERR_INVALID_OPCODE':
      return describeOpcode(value ?? 0);
    case 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH':
      return value === 1 ? 'Invalid close frame.' : 'Illegal control frame longer than 125 bytes.';
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
      return value === undefined
        ? 'Maximum message size exceeded.'
        : `Frame size of ${value} bytes exceeds maximum accepted frame size`;
    default:
      return error.message;
  }
}
