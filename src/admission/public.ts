// The exports of every entry point with servers.

export type { Rate, RateOptions } from './bucket.ts';
export type { TrustProxy, TrustProxyOptions } from './forwarded.ts';
export { Gate } from './gate.ts';
export {
  metrics,
  type AdmissionCounters,
  type ClientMetrics,
  type CompressionMetrics,
  type ConnectionMetrics,
  type Histogram,
  type ProcessMetrics,
  type ServerMetrics,
} from './metrics.ts';
export type { AdmissionOptions, RatePolicy } from './options.ts';
export type { ShutdownOptions, ShutdownResult } from './shutdown.ts';
