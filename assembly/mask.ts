// Payload masking, RFC 6455 section 5.3. Imports nothing.
// Used by decode.ts (unmask) and encode.ts (mask): XOR undoes itself.

/**
 * XORs `length` bytes at `address` with a repeating 4-byte key, in place.
 *
 * Touches only [address, address + length): frames lie back to back in a chunk, so an over-long store would corrupt the next
 * header.
 *
 * @param key Masking key, loaded little-endian: its low byte masks byte 0.
 * @returns `key` rotated by `length % 4` bytes; pass it back in when the payload goes on in the next chunk.
 */
export function mask(address: usize, length: usize, key: u32): u32 {
  const end = address + length;
  let at = address;
  if (ASC_FEATURE_SIMD) {
    const keys = i32x4.splat(key);
    // Four vectors a round keep both load ports busy on payloads that fit the cache.
    for (; at + 64 <= end; at += 64) {
      v128.store(at, v128.xor(v128.load(at), keys));
      v128.store(at, v128.xor(v128.load(at, 16), keys), 16);
      v128.store(at, v128.xor(v128.load(at, 32), keys), 32);
      v128.store(at, v128.xor(v128.load(at, 48), keys), 48);
    }
    for (; at + 16 <= end; at += 16) v128.store(at, v128.xor(v128.load(at), keys));
  }
  const wide = (<u64>key << 32) | <u64>key;
  for (; at + 8 <= end; at += 8) store<u64>(at, load<u64>(at) ^ wide);
  if (at + 4 <= end) {
    store<u32>(at, load<u32>(at) ^ key);
    at += 4;
  }
  for (let rest = key; at < end; ++at, rest >>>= 8) store<u8>(at, load<u8>(at) ^ <u8>rest);
  return rotr<u32>(key, (<u32>length & 3) << 3);
}
