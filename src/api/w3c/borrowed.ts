// The event of a message that listeners borrow: the option `borrowMessages`.

import type { MessageEvent as OurMessageEvent } from './events.ts';
import { MESSAGE_BORROWED, MESSAGE_OWNED, MESSAGE_TEXT } from '../../platform.ts';

/**
 * A message with the option `borrowMessages`. Listeners get this type if the option stands in the call of the constructor or of `upgrade`; otherwise
 * write `event as BorrowedMessageEvent`.
 */
export interface BorrowedMessageEvent extends OurMessageEvent {
  /** Valid until all listeners have returned. UTF-8 for a text message. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** False for a text message. */
  readonly isBinary: boolean;
  /** Copies the message: text to a string, bytes to an ArrayBuffer, as `data` is without the option. */
  keep(): string | ArrayBuffer;
}

class BorrowedMessage extends MessageEvent<Uint8Array<ArrayBuffer>> implements BorrowedMessageEvent {
  readonly isBinary: boolean;

  constructor(data: Uint8Array, origin: string, isBinary: boolean) {
    super('message', { data: data as Uint8Array<ArrayBuffer>, origin });
    this.isBinary = isBinary;
  }

  keep(): string | ArrayBuffer {
    if (this.isBinary) return new Uint8Array(this.data).buffer;
    // Not made when the module is loaded: jsdom has no such class.
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.data);
  }
}

/** Makes the event of a message of `SessionSink.onMessage`. */
export type MakeBorrowedEvent = (source: Uint8Array, start: number, end: number, kind: number, origin: string) => Event;

export const makeBorrowedEvent: MakeBorrowedEvent = (source, start, end, kind, origin) => {
  const bytes = new Uint8Array(source.buffer, source.byteOffset + start, end - start);
  const data = (kind & (MESSAGE_BORROWED | MESSAGE_OWNED)) === 0 ? new Uint8Array(bytes) : bytes;
  return new BorrowedMessage(data, origin, (kind & MESSAGE_TEXT) === 0);
};
