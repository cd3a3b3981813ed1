// Opcodes and header bits, RFC 6455 sections 5.2 and 11.8.

export const OPCODE_CONTINUATION = 0x0;
export const OPCODE_TEXT = 0x1;
export const OPCODE_BINARY = 0x2;
export const OPCODE_CLOSE = 0x8;
export const OPCODE_PING = 0x9;
export const OPCODE_PONG = 0xa;

/** FIN in a header's first byte. */
export const FIN_BIT = 0x80;
/** RSV1 in a header's first byte; permessage-deflate's "compressed" bit (RFC 7692 section 6). */
export const RSV1_BIT = 0x40;

/** Largest payload of a control frame, in bytes (RFC 6455 section 5.5). */
export const MAXIMUM_CONTROL_PAYLOAD = 125;
