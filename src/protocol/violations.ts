// Makes the errors that users see of the codec's status numbers. The error's class determines the close code.

import {
  STATUS_CONTROL_TOO_LONG,
  STATUS_EXPECTED_CONTINUATION,
  STATUS_FRAGMENTED_CONTROL,
  STATUS_INVALID_UTF8,
  STATUS_LENGTH_FORM,
  STATUS_LENGTH_UNSAFE,
  STATUS_MASK_FORBIDDEN,
  STATUS_MASK_MISSING,
  STATUS_RESERVED_OPCODE,
  STATUS_RSV2_OR_RSV3,
  STATUS_UNEXPECTED_CONTINUATION,
  STATUS_UNEXPECTED_RSV1,
} from '../../assembly/layout.ts';
import { CLOSE_INTERNAL_ERROR, CLOSE_POLICY_VIOLATION } from '../base/close-codes.ts';
import {
  CapacityError,
  CompressionError,
  messageTooLarge,
  ProtocolError,
  Utf8Error,
  type ErrorCode,
  type PeerError,
} from '../base/errors.ts';
import { InflateError } from '../deflate/engine.ts';

/** Of ws, for limits on parts. The close code is 1008. */
const TOO_MANY_PARTS = 'WS_ERR_TOO_MANY_BUFFERED_PARTS';

function invalidFrame(code: ErrorCode, detail: string): ProtocolError {
  return new ProtocolError({ code, message: `Invalid WebSocket frame: ${detail}` });
}

/**
 * The error for a codec status.
 *
 * @param status A STATUS_ number that names a violation.
 * @param first First byte of the frame.
 * @param second Its second byte.
 */
export function violationOfStatus(status: number, first: number, second: number): PeerError {
  switch (status) {
    case STATUS_RSV2_OR_RSV3:
      return invalidFrame('WS_ERR_UNEXPECTED_RSV_2_3', 'RSV2 and RSV3 must be clear');
    case STATUS_UNEXPECTED_RSV1:
      return invalidFrame('WS_ERR_UNEXPECTED_RSV_1', 'RSV1 must be clear');
    case STATUS_RESERVED_OPCODE:
    case STATUS_UNEXPECTED_CONTINUATION:
    case STATUS_EXPECTED_CONTINUATION:
      return invalidFrame('WS_ERR_INVALID_OPCODE', `invalid opcode ${first & 0x0f}`);
    case STATUS_FRAGMENTED_CONTROL:
      return invalidFrame('WS_ERR_EXPECTED_FIN', 'FIN must be set');
    case STATUS_MASK_MISSING:
      return invalidFrame('WS_ERR_EXPECTED_MASK', 'MASK must be set');
    case STATUS_MASK_FORBIDDEN:
      return invalidFrame('WS_ERR_UNEXPECTED_MASK', 'MASK must be clear');
    case STATUS_CONTROL_TOO_LONG:
      return invalidControlLength(second & 0x7f);
    case STATUS_LENGTH_FORM:
      return invalidFrame('WS_ERR_INVALID_PAYLOAD_LENGTH_FORM', 'payload length must have its shortest form');
    case STATUS_LENGTH_UNSAFE:
      return new CapacityError({
        code: 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
        message: 'Unsupported WebSocket frame: payload length > 2^53 - 1',
      });
    case STATUS_INVALID_UTF8:
      return new Utf8Error();
    default:
      throw new Error(`The codec returned an unknown status: ${status}`);
  }
}

export function invalidControlLength(length: number): ProtocolError {
  return invalidFrame('WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', `invalid payload length ${length}`);
}

export function invalidCloseCode(code: number): ProtocolError {
  return invalidFrame('WS_ERR_INVALID_CLOSE_CODE', `invalid status code ${code}`);
}

/** The length is appended to the message. */
export function frameTooLarge(length: number): CapacityError {
  return new CapacityError({
    code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    message: `Max frame payload size exceeded: ${length}`,
  });
}

/** The error of a failed decompression: a violation, or our own failure, such as a lack of memory. */
export function violationOfInflate(error: unknown): PeerError {
  if (!(error instanceof InflateError)) return compressionFailed(error);
  if (error.isTooLong) return messageTooLarge();
  if (error.code === TOO_MANY_PARTS) return tooManyParts(error.message);
  return new CompressionError({ code: error.code ?? 'Z_DATA_ERROR', message: error.message });
}

/** An exception that the peer did not cause. The close code is 1011 (RFC 6455 section 7.4.1). */
function compressionFailed(cause: unknown): CompressionError {
  const { message = String(cause) } = (cause ?? {}) as { readonly message?: string };
  const code = 'WS_ERR_COMPRESSION_FAILED';
  return new CompressionError({ code, message: `Decompression failed: ${message}`, closeCode: CLOSE_INTERNAL_ERROR, cause });
}

/** The program has taken memory away that a message was to be received to or sent from. */
export function messageTransferred(): CapacityError {
  const message = 'The program transferred a borrowed message';
  return new CapacityError({ code: 'WS_ERR_USAGE', message, closeCode: CLOSE_INTERNAL_ERROR });
}

function tooManyParts(message: string): CapacityError {
  return new CapacityError({ code: TOO_MANY_PARTS, message, closeCode: CLOSE_POLICY_VIOLATION });
}

export function tooManyChunks(): CapacityError {
  return tooManyParts('Too many buffered chunks');
}

export function tooManyFragments(): CapacityError {
  return tooManyParts('Too many message fragments');
}
