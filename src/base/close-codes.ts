// Status codes of the Close frame, RFC 6455 section 7.4 and the IANA registry.

export const CLOSE_NORMAL = 1000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_PROTOCOL_ERROR = 1002;
/** Never on the wire: the peer's Close frame carried no status code (section 7.1.5). */
export const CLOSE_NO_STATUS = 1005;
/** Never on the wire: the connection ended without a Close frame (section 7.1.5). */
export const CLOSE_ABNORMAL = 1006;
export const CLOSE_INVALID_PAYLOAD = 1007;
export const CLOSE_POLICY_VIOLATION = 1008;
export const CLOSE_MESSAGE_TOO_BIG = 1009;
export const CLOSE_INTERNAL_ERROR = 1011;

/**
 * Whether a Close frame may have `code`: 1000–1014 without the three that RFC 6455 section 7.4.1 reserves (1004, 1005,
 * 1006), or 3000–4999.
 */
export function isValidCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999);
}
