// Checks and preparations of a client before it connects, on all runtimes.

import { Buffer } from 'node:buffer';
import { areValidSubprotocols } from '../../handshake/subprotocols.ts';
import type { Platform } from '../../platform.ts';
import type { ClientOptions } from './options.ts';

/** The version to speak. @throws {RangeError} for one that there is not. */
export function checkedVersion({ protocolVersion = 13 }: ClientOptions): 8 | 13 {
  if (protocolVersion === 8 || protocolVersion === 13) return protocolVersion;
  throw new RangeError(`Unsupported protocol version: ${protocolVersion} (supported versions: 8, 13)`);
}

/** The subprotocols to offer. @throws {SyntaxError} if one is not a token, or occurs twice. */
export function checkedProtocols(protocols: readonly unknown[]): readonly string[] {
  const names = protocols as readonly string[];
  if (!areValidSubprotocols(names)) throw new SyntaxError('An invalid or duplicated subprotocol was specified');
  return names;
}

/** The platform, with masking keys made by a program where it makes them. */
export function withMasks(platform: Platform, generateMask: ((mask: Buffer) => void) | undefined): Platform {
  if (generateMask === undefined) return platform;
  const mask = Buffer.alloc(4);
  return {
    ...platform,
    maskingKey() {
      generateMask(mask);
      return mask.readInt32LE();
    },
  };
}
