// Lets a net.Socket read directly into codec memory.
//
// `net.connect({onread})` does this officially, but only for sockets that a program opens itself. A socket that an HTTP server
// upgraded has the same machinery, reached through three symbols and `_handle.useUserBuffer`. We look for exactly these and use
// 'data' events where one is missing. Unlike a second net.Socket over the same handle, the socket stays the one that
// `request.socket` refers to, with its addresses, listeners and timers.

import { Socket } from 'node:net';
import { takes } from '../base/fast-paths.ts';

interface Handle {
  useUserBuffer?: (buffer: Uint8Array) => void;
}

type Internals = Socket & {
  _handle: Handle | null;
  [symbol: symbol]: unknown;
};

interface Symbols {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly generator: symbol;
}

function findSymbols(): Symbols | undefined {
  const own = Object.getOwnPropertySymbols(new Socket());
  const find = (description: string): symbol | undefined => own.find((symbol) => symbol.description === description);
  const buffer = find('kBuffer');
  const callback = find('kBufferCb');
  const generator = find('kBufferGen');
  return buffer && callback && generator && { buffer, callback, generator };
}

const found = findSymbols();
const symbols = takes('direct-read', found !== undefined) ? found : undefined;

/** Whether sockets of this runtime can read into a buffer. */
export const canReadInto: boolean = symbols !== undefined;

/**
 * Makes `socket` read into `buffer` from now on.
 *
 * @param buffer Shared by all sockets: its contents are valid during `onRead` only.
 * @param onRead Called by the socket with the number of bytes read. If it returns false, the socket stops reading. Replaces the one that this
 *   function has set before.
 * @returns Whether this socket can do that; if not, nothing has changed.
 */
export function readInto(socket: unknown, buffer: Uint8Array, onRead: (this: never, length: number) => unknown): boolean {
  if (symbols === undefined || !(socket instanceof Socket)) return false;
  const internals = socket as Internals;
  const handle = internals._handle;
  if (internals[symbols.buffer] !== buffer) {
    // A program that set another buffer, or opened the socket with one, keeps it.
    if (handle === null || typeof handle.useUserBuffer !== 'function' || internals[symbols.buffer] !== null) return false;
    handle.useUserBuffer(buffer);
    internals[symbols.generator] = null;
    internals[symbols.buffer] = buffer;
  }
  internals[symbols.callback] = onRead;
  return true;
}
