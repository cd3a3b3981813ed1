// Options of a session over raw bytes.

import type { ConnectionOptions } from './connection.ts';
import type { HeartbeatSettings } from './heartbeat.ts';

/** What to do with a message when more than `maxBufferedAmount` bytes wait already. */
export type BufferPolicy = 'close' | 'drop' | 'throw';

export interface SessionOptions extends ConnectionOptions {
  /** How long the closing handshake and the end of TCP may take together, in milliseconds, before we cut it. Default 30,000. */
  readonly closeTimeout?: number;
  /**
   * Most payload bytes that may wait for the peer when another message is sent; 0 for no limit. Default 1 GiB: far above what a
   * program that looks at `bufferedAmount` ever reaches, and the end of one that does not.
   */
  readonly maxBufferedAmount?: number;
  /** Default `'close'`: the connection is dropped. `'drop'` gives the callback an error, `'throw'` throws it. */
  readonly bufferPolicy?: BufferPolicy;
  /** Pings a silent peer and drops one that stays silent. Default: none. */
  readonly heartbeat?: HeartbeatSettings;
}
