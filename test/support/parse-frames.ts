// Reads frames byte by byte, sharing nothing with the codec.

/** A frame as it stood on the wire, unmasked. */
export interface ParsedFrame {
  /** First header byte. */
  first: number;
  masked: boolean;
  /** Bytes of the header, key included. */
  headerLength: number;
  payload: Uint8Array;
}

/** Reads frames; throws when the last one is cut off. */
export function parseFrames(bytes: Uint8Array): ParsedFrame[] {
  return readFrames(bytes, (length, at) => {
    throw new Error(`A frame of ${length} bytes is cut off at ${at}`);
  });
}

/** Reads frames, and leaves out a last one that is cut off: where memory is short, a long frame leaves in pieces. */
export function wholeFrames(bytes: Uint8Array): ParsedFrame[] {
  return readFrames(bytes, () => {});
}

function readFrames(bytes: Uint8Array, onCut: (length: number, at: number) => void): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1] & 0x7f;
    const length = short === 126 ? view.getUint16(at + 2) : short === 127 ? Number(view.getBigUint64(at + 2)) : short;
    const masked = bytes[at + 1] >= 0x80;
    const key = at + 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    const start = key + (masked ? 4 : 0);
    if (start + length > bytes.length) {
      onCut(length, bytes.length - start);
      break;
    }
    const payload = bytes.slice(start, start + length);
    if (masked) for (let index = 0; index < length; index++) payload[index] ^= bytes[key + (index & 3)];
    frames.push({ first: bytes[at], masked, headerLength: start - at, payload });
    at = start + length;
  }
  return frames;
}
