// Frame headers, RFC 6455 section 5.2. A frame is laid out header first, its payload already in place behind the header.

import { mask } from "./mask";

/** Bytes of the header of a frame with a payload of `length` bytes. */
// @ts-ignore: decorator
@inline
function headerBytes(length: usize, masked: bool): usize {
  return (length < 126 ? 2 : length < 65536 ? 4 : 10) + (masked ? 4 : 0);
}

/**
 * Writes the header of one frame at `address` and masks the payload that stands right behind it.
 *
 * @param first The header's first byte: FIN, RSV bits, opcode.
 * @param length Bytes of payload in the arena, behind the header.
 * @param masked Whether to set the MASK bit, write `key` and mask the payload.
 * @param key Masking key, little-endian.
 * @returns The address behind the frame.
 */
export function encodeFrame(address: usize, first: u32, length: usize, masked: bool, key: u32): usize {
  const payload = address + headerBytes(length, masked);
  const bit: u32 = masked ? 0x80 : 0;
  store<u8>(address, first);
  if (length < 126) {
    store<u8>(address, bit | <u32>length, 1);
  } else if (length < 65536) {
    store<u8>(address, bit | 126, 1);
    store<u16>(address, bswap<u16>(<u16>length), 2);
  } else {
    store<u8>(address, bit | 127, 1);
    store<u64>(address, bswap<u64>(<u64>length), 2);
  }
  if (masked) {
    store<u32>(payload - 4, key);
    mask(payload, length, key);
  }
  return payload + length;
}
