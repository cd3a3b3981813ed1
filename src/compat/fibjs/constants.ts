// Message types (RFC 6455 section 11.8) and ready states, under fibjs's names.

import { OPCODE_BINARY, OPCODE_CLOSE, OPCODE_CONTINUATION, OPCODE_PING, OPCODE_PONG, OPCODE_TEXT } from '../../base/opcodes.ts';

/** A continuation frame; no message has this type. */
export const CONTINUE: typeof OPCODE_CONTINUATION = OPCODE_CONTINUATION;
export const TEXT: typeof OPCODE_TEXT = OPCODE_TEXT;
export const BINARY: typeof OPCODE_BINARY = OPCODE_BINARY;
export const CLOSE: typeof OPCODE_CLOSE = OPCODE_CLOSE;
export const PING: typeof OPCODE_PING = OPCODE_PING;
export const PONG: typeof OPCODE_PONG = OPCODE_PONG;

export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;
export type ReadyState = typeof CONNECTING | typeof OPEN | typeof CLOSING | typeof CLOSED;

/** Largest message unless a program says otherwise: 64 MiB. */
export const DEFAULT_MAXIMUM_PAYLOAD = 67108864;
