// A worker that needs no flag: what it saw of `wasock/deflate`.

import { Deflater, Inflater } from '../../../adapters/edge/raw-deflate.ts';
import { useDeflate } from '../../support/raw-deflate.ts';

export default {
  fetch(): Response {
    return Response.json(useDeflate({ Deflater, Inflater }));
  },
};
