// Frames that many connections send. Each is laid out once, in memory that all connections read and that does not change any more.
//
// The shared frames of one turn lie back to back, so a connection that sends all of them writes one piece. If the next connection sends the
// same piece, both write the same view.

import { writeHeader } from '../codec/header.ts';
import type { Platform, Region, SharedFrame } from '../platform.ts';
import { MAXIMUM_HEADER, REFERENCE_FROM, SLAB_BYTES } from './outbox.ts';

/** Longest payload of a shared frame: outboxes refer to longer ones instead of copying them. */
export const LONGEST_SHARED: number = REFERENCE_FROM - 1;

/** Memory that outboxes read from and never fill. */
class SharedRegion implements Region {
  readonly bytes: Uint8Array = new Uint8Array(SLAB_BYTES);
  readonly memory: ArrayBufferLike = this.bytes.buffer;
  readonly free: number = -1;
  /** Place of the next frame. */
  #end = 0;
  #view: Uint8Array | null = null;

  /** Lays out a frame after the others. @returns Its end; undefined if there is no room. */
  add(first: number, payload: Uint8Array): SharedFrame | undefined {
    const start = this.#end;
    if (start + MAXIMUM_HEADER + payload.length > SLAB_BYTES) return undefined;
    const at = writeHeader(this.bytes, start, first, payload.length, false, 0);
    this.bytes.set(payload, at);
    this.#end = at + payload.length;
    return { region: this, start, end: this.#end };
  }

  /** The view for transports, the same one for all connections that send the same piece. */
  view(platform: Platform, start: number, length: number): Uint8Array {
    const known = this.#view;
    if (known !== null && known.length === length && known.byteOffset === start) return known;
    return (this.#view = platform.view(this, start, length));
  }
}

let region: SharedRegion | undefined;

/**
 * Lays out a message in one frame.
 *
 * @param payload Copied. At most {@link LONGEST_SHARED} bytes.
 * @param first First byte of the frame.
 */
export function shareFrame(payload: Uint8Array, first: number): SharedFrame {
  return region?.add(first, payload) ?? (region = new SharedRegion()).add(first, payload)!;
}
