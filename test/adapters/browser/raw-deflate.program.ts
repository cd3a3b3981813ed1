// What a page saw of `wasock/deflate`.

import { Deflater, Inflater } from '../../../src/deflate/index.ts';
import { useDeflate } from '../../support/raw-deflate.ts';

const program = { use: (): unknown => useDeflate({ Deflater, Inflater }) };
Object.assign(globalThis, { program });
