// The low-level exports of ws 8: classes that read, write and compress frames.

export { Receiver, type NegotiatedExtensions, type ReceiverOptions } from './receiver.ts';
export type { ReceiverEvents } from './receiver.ts';
export { Sender, type SenderData, type SenderOptions, type WriteCallback } from './sender.ts';
export type { FrameOptions, GenerateMask } from './frame.ts';
export {
  PerMessageDeflate,
  type DeflateCallback,
  type DeflateParameters,
  type ParsedParameters,
  type PerMessageDeflateSettings,
} from './per-message-deflate.ts';
