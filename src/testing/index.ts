// The test kit: connections and servers in memory, on every runtime and in browsers.

export type { MockRefusal, MockRequest } from './accept.ts';
export { WebSocket } from './client.ts';
export { MockConnection, type MockData, type MockMessage } from './connection.ts';
export type { Link, Side } from './link.ts';
export {
  hasClosedWith,
  hasReceived,
  hasReceivedInOrder,
  matchers,
  type Expected,
  type MatcherResult,
  type MockMatchers,
} from './matchers.ts';
export { createPair, type Pair, type PairOptions } from './pair.ts';
export type { ConnectionScript, Fault } from './script.ts';
export { closeMockServers, MockServer, type MockServerOptions } from './server.ts';
