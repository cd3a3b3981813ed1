// The platform of classes whose binary messages are Buffers. On workerd it needs the compatibility flag `nodejs_compat`.

import { Buffer } from 'node:buffer';
import type { Platform } from '../../src/platform.ts';
import { createPlatform } from './platform.ts';

export const bufferPlatform: Platform = createPlatform({
  // Not from the pool: a message that a program keeps must not keep its neighbours.
  allocate: (length) => Buffer.allocUnsafeSlow(length),
  copy(source, start, end) {
    const bytes = Buffer.allocUnsafeSlow(end - start);
    bytes.set(source.subarray(start, end));
    return bytes;
  },
});
