// What a runtime brings to the contract.

import type { ClientSocket, WsStyleSocket } from './endpoint.ts';
import type { ContractScript } from './script.ts';

/** `extensionParameters` of our servers, which ask clients for windows of 4 KiB. */
export const OUR_PARAMETERS = '; client_max_window_bits=12';

/** What a pair can do. A flag that is off leaves out the tests that need it. */
export interface Capabilities {
  /** The client takes header fields, as `options.headers`. */
  readonly headers: boolean;
  /** The client answers a violation with a Close frame that says which: 1002, 1007 or 1009. */
  readonly clientNamesFault: boolean;
  /** The same for the server; and it accepts `maxPayload`. */
  readonly serverNamesFault: boolean;
  /** The client's answer to a Close frame repeats the reason as well as the code. */
  readonly clientRepeatsReason: boolean;
  /** What the client and the server agree on: the client's `extensions`. */
  readonly extensions: string;
  /**
   * The client sees a Close frame that arrives together with the end of TCP even while it still inflates the message before. Where it
   * does not (undici, now and then), it reports 1006.
   */
  readonly clientReadsToTheEnd: boolean;
  /** What one turn sends counts as `bufferedAmount` until that turn is over, as the W3C API has it. */
  readonly clientWritesAfterTurn: boolean;
  // What only runtimes' own WebSockets lack may be left out: see DEFAULTS.
  /** What follows `extensions` in a W3C-style client, which shows the parameters as well. */
  readonly extensionParameters?: string;
  /** What the client tells as the code of a connection that ended without a Close frame. */
  readonly clientAbnormalCode?: number;
  /** The same of the server. */
  readonly serverAbnormalCode?: number;
  /** The server's `error` has the `code` that ours has. */
  readonly serverTellsError?: boolean;
  /** The server sends messages in fragments. */
  readonly serverSendsFragments?: boolean;
  /** The server sends Pings, and hears Pings and Pongs. */
  readonly serverPings?: boolean;
  /** The server can end a connection without a Close frame. */
  readonly serverTerminates?: boolean;
  /** The server can send a Close frame without a status code. */
  readonly serverClosesWithoutCode?: boolean;
  /** Both sides can close at once, and the server then tells the client's code. */
  readonly closesCross?: boolean;
  /** What the server receives has memory that no other connection has, and what it sends is read within `send`. */
  readonly serverOwnsMemory?: boolean;
  /** The same for the client. */
  readonly clientOwnsMemory?: boolean;
  /** A ws-style client has `ready`. */
  readonly clientHasReady?: boolean;
}

/** What holds for a flag that is left out. */
export const DEFAULTS = {
  extensionParameters: '',
  clientAbnormalCode: 1006,
  serverAbnormalCode: 1006,
  serverTellsError: true,
  serverSendsFragments: true,
  serverPings: true,
  serverTerminates: true,
  serverClosesWithoutCode: true,
  closesCross: true,
  serverOwnsMemory: true,
  clientOwnsMemory: true,
  clientHasReady: true,
} satisfies Partial<Capabilities>;

export interface ClientOptions {
  readonly headers?: Record<string, string>;
}

/** What a server of the contract is made of; see {@link ContractScript}. */
export interface ServerPlan {
  readonly script: ContractScript;
  /** Default 100 MiB. */
  readonly maxPayload?: number;
}

export interface RunningServer {
  /** `ws://host:port`, no slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ContractRuntime {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Starts a server, or names one elsewhere that runs a {@link ContractScript}. */
  createServer(plan: ServerPlan): Promise<RunningServer>;
  /** Makes a ws-style client. */
  readonly createClient?: (url: string, protocols: string[], options: ClientOptions) => WsStyleSocket;
  /** Makes a W3C-style client. */
  readonly createW3CClient?: (url: string, protocols: string[], options: ClientOptions) => ClientSocket;
}
