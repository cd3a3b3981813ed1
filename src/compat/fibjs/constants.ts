// Message types (RFC 6455 section 11.8) and ready states, by the names of fibjs.

export { CLOSED, CLOSING, CONNECTING, OPEN } from '../../base/states.ts';
export {
  OPCODE_BINARY as BINARY,
  OPCODE_CLOSE as CLOSE,
  OPCODE_CONTINUATION as CONTINUE,
  OPCODE_PING as PING,
  OPCODE_PONG as PONG,
  OPCODE_TEXT as TEXT,
} from '../../base/opcodes.ts';
