// All targets, by name.

import type { Target } from './mutations.ts';
import * as closePayload from './targets/close-payload.ts';
import * as connection from './targets/connection.ts';
import * as decoder from './targets/decoder.ts';
import * as httpHead from './targets/http-head.ts';
import * as inflate from './targets/inflate.ts';
import * as nativeSession from './targets/native-session.ts';
import * as negotiation from './targets/negotiation.ts';
import * as proxy from './targets/proxy.ts';
import * as utf8 from './targets/utf8.ts';

export const TARGETS: Readonly<Record<string, Target>> = {
  'close-payload': closePayload,
  connection,
  decoder,
  'http-head': httpHead,
  inflate,
  'native-session': nativeSession,
  negotiation,
  proxy,
  utf8,
};
