import { describeBus } from './bus-rules.ts';
import { KINDS } from './kinds.ts';

describeBus(KINDS.postgres);
