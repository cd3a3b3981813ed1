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
  // The next bytes begin at this place of the key, and so does the last word: words are multiples of 4 bytes long.
  const rotated = rotr<u32>(key, (<u32>length & 3) << 3);
  // The last word is made before the others are stored: it may overlap the one before it.
  let at = address;
  if (ASC_FEATURE_SIMD && length >= 16) {
    const last = address + length - 16;
    const tail = v128.xor(v128.load(last), i32x4.splat(rotated));
    const keys = i32x4.splat(key);
    // Four vectors a round keep both load ports busy on payloads that fit the cache.
    for (; at + 48 < last; at += 64) {
      v128.store(at, v128.xor(v128.load(at), keys));
      v128.store(at, v128.xor(v128.load(at, 16), keys), 16);
      v128.store(at, v128.xor(v128.load(at, 32), keys), 32);
      v128.store(at, v128.xor(v128.load(at, 48), keys), 48);
    }
    for (; at < last; at += 16) v128.store(at, v128.xor(v128.load(at), keys));
    v128.store(last, tail);
  } else if (length >= 8) {
    const last = address + length - 8;
    const tail = load<u64>(last) ^ (((<u64>rotated) << 32) | rotated);
    const wide = ((<u64>key) << 32) | key;
    for (; at < last; at += 8) store<u64>(at, load<u64>(at) ^ wide);
    store<u64>(last, tail);
  } else if (length >= 4) {
    const last = address + length - 4;
    const tail = load<u32>(last) ^ rotated;
    store<u32>(at, load<u32>(at) ^ key);
    store<u32>(last, tail);
  } else {
    const end = address + length;
    for (let rest = key; at < end; ++at, rest >>>= 8) store<u8>(at, load<u8>(at) ^ <u8>rest);
  }
  return rotated;
}
