// One message to many WebSockets, its frame made once.

import { takes } from '../../base/fast-paths.ts';
import { FIN_BIT, OPCODE_BINARY, OPCODE_TEXT } from '../../base/opcodes.ts';
import { CompressibleMessage } from '../../protocol/shared-compression.ts';
import { LONGEST_SHARED, shareFrame } from '../../protocol/shared-frames.ts';
import { isSentAsText, normalize, toBytes, type Sendable } from './data.ts';
import { coreOf } from './core.ts';
import { OPEN } from '../../base/states.ts';
import type { WebSocketBase } from './websocket.ts';
import { objectOptions } from '../../base/options.ts';

const sharesFrames = takes('shared-frame');

/** How to {@link broadcast}. */
export interface BroadcastOptions {
  /** Whether the message is binary. Default: everything but text and numbers is. */
  readonly binary?: boolean | undefined;
  /** Whether connections with permessage-deflate may compress it. Default true. */
  readonly compress?: boolean | undefined;
  /** A WebSocket that does not get the message, usually its sender. */
  readonly except?: WebSocketBase | undefined;
}

/**
 * Sends one message to many WebSockets, such as `server.clients`. They get it as by `send` of each; it costs
 * less, because connections of a server share one frame: those that do not compress, and those whose compression contexts are equal. A
 * subclass's own `send` is not called.
 *
 * Those that are not open are passed over. One that is closed for its `maxBufferedAmount` meanwhile takes none of the others along.
 *
 * @param data Copied, once for all.
 * @throws {TypeError} for data without bytes, such as a Blob: read it first. Also for options that are no object: there is no callback.
 * @throws {CapacityError} the first one that a `bufferPolicy` of `'throw'` throws, once all the others have the message.
 */
export function broadcast(sockets: Iterable<WebSocketBase>, data: Sendable, given?: BroadcastOptions): void {
  let failure: Error | undefined;
  sendToAll(sockets, data, given, (error) => (failure ??= error));
  if (failure !== undefined) throw failure;
}

/**
 * As {@link broadcast}, for a caller that must know which ones failed.
 *
 * @internal
 * @param onFailure Called for each one that throws.
 */
export function sendToAll(
  sockets: Iterable<WebSocketBase>,
  data: Sendable,
  given: BroadcastOptions | undefined,
  onFailure: (error: Error, ws: WebSocketBase) => void,
): void {
  const { compress, except } = objectOptions(given);
  const isText = isSentAsText(data, given);
  const bytes = toBytes(normalize(data));
  const frame =
    bytes.length > LONGEST_SHARED || !sharesFrames
      ? undefined
      : shareFrame(bytes, FIN_BIT | (isText ? OPCODE_TEXT : OPCODE_BINARY));
  // A connection that compresses may have to keep it for a while.
  const payload =
    frame === undefined ? new Uint8Array(bytes) : frame.region.bytes.subarray(frame.end - bytes.length, frame.end);
  const shared = sharesFrames ? new CompressibleMessage(frame) : undefined;
  const settings = { fin: undefined, compress, mask: undefined, firstByte: undefined, shared, isLasting: true };
  for (const ws of sockets) {
    if (ws === except || ws.readyState !== OPEN) continue;
    try {
      coreOf(ws).sendBytes(payload, isText, settings);
    } catch (error) {
      onFailure(error as Error, ws);
    }
  }
}
