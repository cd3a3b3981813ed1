// Errors by cause. An error of a peer is an event and has the close code for the answer. An error of the caller is thrown.
// `code` strings are those of ws 8 wherever ws has one, because programs match on them.

import {
  type CLOSE_INTERNAL_ERROR,
  CLOSE_INVALID_PAYLOAD,
  CLOSE_MESSAGE_TOO_BIG,
  CLOSE_POLICY_VIOLATION,
  CLOSE_PROTOCOL_ERROR,
} from './close-codes.ts';

/** Codes of the errors that this library makes. */
export type ErrorCode =
  | 'WS_ERR_EXPECTED_FIN'
  | 'WS_ERR_EXPECTED_MASK'
  | 'WS_ERR_INVALID_CLOSE_CODE'
  | 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'
  | 'WS_ERR_INVALID_OPCODE'
  | 'WS_ERR_INVALID_PAYLOAD_LENGTH_FORM'
  | 'WS_ERR_INVALID_UTF8'
  | 'WS_ERR_RATE_EXCEEDED'
  | 'WS_ERR_TOO_MUCH_BUFFERED_IN_TOTAL'
  | 'WS_ERR_TOO_MANY_BUFFERED_PARTS'
  | 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT'
  | 'WS_ERR_UNEXPECTED_MASK'
  | 'WS_ERR_UNEXPECTED_RSV_1'
  | 'WS_ERR_UNEXPECTED_RSV_2_3'
  | 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'
  | 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
  | 'WS_ERR_USAGE';

/** Parts of a {@link ProtocolError}, {@link CapacityError} or {@link Utf8Error}. */
export interface ViolationInit {
  readonly code: ErrorCode;
  readonly message: string;
}

/** A peer broke RFC 6455. */
export class ProtocolError extends RangeError {
  readonly code: ErrorCode;
  /** Status code of the Close frame that answers it: 1002. */
  readonly closeCode: number = CLOSE_PROTOCOL_ERROR;

  constructor(init: ViolationInit) {
    super(init.message);
    this.code = init.code;
  }
}

/** A peer exceeded one of our limits. */
export class CapacityError extends RangeError {
  readonly code: ErrorCode;
  /** Status code of the Close frame that answers it: 1009 for a message that is too large, 1011 if the program's memory failed, else 1008. */
  readonly closeCode: number;

  constructor(
    init: ViolationInit & {
      readonly closeCode?: typeof CLOSE_MESSAGE_TOO_BIG | typeof CLOSE_POLICY_VIOLATION | typeof CLOSE_INTERNAL_ERROR;
    },
  ) {
    super(init.message);
    this.code = init.code;
    this.closeCode = init.closeCode ?? CLOSE_MESSAGE_TOO_BIG;
  }
}

/** The error for a message beyond `maxPayload`. */
export function messageTooLarge(): CapacityError {
  return new CapacityError({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', message: 'Max payload size exceeded' });
}

/** A peer sent text, or a close reason, that is not UTF-8 (RFC 6455 section 8.1). */
export class Utf8Error extends Error {
  readonly code: ErrorCode = 'WS_ERR_INVALID_UTF8';
  /** Status code of the Close frame that answers it: 1007. */
  readonly closeCode: number = CLOSE_INVALID_PAYLOAD;

  constructor(message: string = 'Invalid WebSocket frame: invalid UTF-8 sequence') {
    super(message);
  }
}

/** A compressed message was not decompressed: it is malformed (RFC 7692 section 7.2.2), or our side failed, for example for lack of memory. */
export class CompressionError extends Error {
  /** zlib's code, for example `Z_DATA_ERROR`; `WS_ERR_COMPRESSION_FAILED` where our side failed, for the reason in `cause`. */
  readonly code: string;
  /** Status code of the Close frame that answers it: 1007, or 1011 where our side failed. */
  readonly closeCode: number;

  constructor(init: {
    readonly code: string;
    readonly message: string;
    readonly closeCode?: typeof CLOSE_INTERNAL_ERROR;
    readonly cause?: unknown;
  }) {
    super(init.message, 'cause' in init ? { cause: init.cause } : undefined);
    this.code = init.code;
    this.closeCode = init.closeCode ?? CLOSE_INVALID_PAYLOAD;
  }
}

/** A violation by a peer. */
export type PeerError = ProtocolError | CapacityError | Utf8Error | CompressionError;

/** The program that uses this library broke its contract. Thrown, never an event. */
export class UsageError extends Error {
  readonly code: ErrorCode = 'WS_ERR_USAGE';

  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
