// A client and a server of the contract, made a runtime of it.

import { OUR_PARAMETERS, type Capabilities, type ContractRuntime } from '../contract/runtime.ts';

/** A client of the contract: all but a server. */
export interface ClientPeer extends Pick<ContractRuntime, 'createClient' | 'createW3CClient'> {
  readonly name: string;
  readonly capabilities: Partial<Capabilities>;
  /** Whether it offers permessage-deflate. */
  readonly offersDeflate: boolean;
}

/** A server of the contract. */
export interface ServerPeer extends Pick<ContractRuntime, 'createServer'> {
  readonly name: string;
  /** Whether it takes permessage-deflate. */
  readonly takesDeflate: boolean;
  /** The parameters that its answer has then, as clients show them behind the extension's name. Default: those of our servers. */
  readonly deflateParameters?: string;
  /** The features that it lacks. */
  readonly capabilities?: Partial<Capabilities>;
}

const ALL: Capabilities = {
  headers: true,
  clientNamesFault: true,
  serverNamesFault: true,
  clientRepeatsReason: true,
  clientWritesAfterTurn: true,
  clientReadsToTheEnd: true,
  extensions: '',
};

/** A client and a server as one runtime of the contract. */
export function pair(client: ClientPeer, server: ServerPeer): ContractRuntime {
  const { name, capabilities, offersDeflate, ...faces } = client;
  const extensions = offersDeflate && server.takesDeflate ? 'permessage-deflate' : '';
  // ws compresses on another thread: nothing is written before the turn is over.
  const clientWritesAfterTurn = extensions !== '' || (capabilities.clientWritesAfterTurn ?? ALL.clientWritesAfterTurn);
  return {
    name: `${name} × ${server.name}`,
    capabilities: {
      ...ALL,
      ...server.capabilities,
      ...capabilities,
      extensions,
      extensionParameters: extensions === '' ? '' : (server.deflateParameters ?? OUR_PARAMETERS),
      clientWritesAfterTurn,
    },
    createServer: server.createServer,
    ...faces,
  };
}
