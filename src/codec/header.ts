// Frame headers in JavaScript's heap, RFC 6455 section 5.2: for payloads that do not pass through the output arena.

/**
 * Writes a frame header.
 *
 * @param target Written from `at` on, up to 14 bytes.
 * @param first First byte: FIN, RSV bits, opcode.
 * @param length Payload bytes of the frame, up to 2^53 - 1.
 * @param masked Whether to set the MASK bit and write `key`.
 * @param key Masking key; its low byte masks byte 0.
 * @returns Index behind the header.
 */
export function writeHeader(
  target: Uint8Array,
  at: number,
  first: number,
  length: number,
  masked: boolean,
  key: number,
): number {
  const bit = masked ? 0x80 : 0;
  let next = at;
  target[next++] = first;
  if (length < 126) {
    target[next++] = bit | length;
  } else if (length < 65536) {
    target[next++] = bit | 126;
    target[next++] = length >>> 8;
    target[next++] = length;
  } else {
    target[next++] = bit | 127;
    const high = Math.floor(length / 0x1_0000_0000);
    for (let shift = 24; shift >= 0; shift -= 8) target[next++] = high >>> shift;
    for (let shift = 24; shift >= 0; shift -= 8) target[next++] = length >>> shift;
  }
  if (masked) for (let shift = 0; shift < 32; shift += 8) target[next++] = key >>> shift;
  return next;
}

/** Bytes of the frame header that `bytes` begin with; 0 if there is no frame header. */
export function headerLength(bytes: Uint8Array | undefined): number {
  if (bytes === undefined || bytes.length < 2) return 0;
  const length = bytes[1] & 0x7f;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (bytes[1] >>> 7) * 4;
}
