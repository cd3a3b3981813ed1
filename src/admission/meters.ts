// Makes the meters of the process. Whatever shows metrics loads this file.

import { Meter, Watch } from '../base/meter.ts';
import { totals } from '../base/totals.ts';

/** The meter of all clients of the process. */
export const clientMeter: Meter = new Meter(new Watch());
/** The meter of all servers of the process. */
export const serverMeter: Meter = new Meter(new Watch());

totals.client = clientMeter;
totals.server = serverMeter;
