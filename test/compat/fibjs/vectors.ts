// The examples of RFC 6455 section 5.7 and RFC 7692 section 7.2.3, as messages.

import { concat, hex, pattern } from '../../support/frames.ts';

export interface Vector {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly type: number;
  readonly masked: boolean;
  readonly compress: boolean;
  readonly payload: string | Uint8Array;
}

const hello = { type: 1, masked: false, compress: false, payload: 'Hello' };
const compressed = { ...hello, compress: true };

export const VECTORS: readonly Vector[] = [
  { ...hello, name: 'unmasked text', bytes: hex('81 05 48 65 6c 6c 6f') },
  { ...hello, name: 'masked text', masked: true, bytes: hex('81 85 37 fa 21 3d 7f 9f 4d 51 58') },
  { ...hello, name: 'split text', bytes: hex('01 03 48 65 6c 80 02 6c 6f') },
  { ...hello, name: 'masked split text', masked: true, bytes: hex('01 83 01 02 03 04 49 67 6f 80 82 05 06 07 08 69 69') },
  { ...hello, name: 'unmasked Ping', type: 9, bytes: hex('89 05 48 65 6c 6c 6f') },
  { ...hello, name: 'masked Pong', type: 10, masked: true, bytes: hex('8a 85 37 fa 21 3d 7f 9f 4d 51 58') },
  { ...hello, name: '256 bytes', type: 2, payload: pattern(256), bytes: concat(hex('82 7e 01 00'), pattern(256)) },
  {
    ...hello,
    name: '64 KiB',
    type: 2,
    payload: pattern(65536),
    bytes: concat(hex('82 7f 00 00 00 00 00 01 00 00'), pattern(65536)),
  },
  { ...compressed, name: 'compressed text', bytes: hex('c1 07 f2 48 cd c9 c9 07 00') },
  { ...compressed, name: 'compressed split text', bytes: hex('41 03 f2 48 cd 80 04 c9 c9 07 00') },
  { ...compressed, name: 'stored block', bytes: hex('c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00') },
  { ...compressed, name: 'block with BFINAL', bytes: hex('c1 08 f3 48 cd c9 c9 07 00 00') },
  { ...compressed, name: 'two blocks', bytes: hex('c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00') },
  {
    ...compressed,
    name: 'masked compressed text',
    masked: true,
    bytes: hex('c1 87 01 02 03 04 f3 4a ce cd c8 05 03'),
  },
];
