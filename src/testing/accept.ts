// The server's side of an opening handshake in memory: the checks and heads of src/handshake, over HTTP/1.1 as on a socket.

import { guard } from '../base/guard.ts';
import type { HeaderValues } from '../handshake/headers.ts';
import { formatHead } from '../handshake/headers.ts';
import { requestHeadParser, type RequestHead } from '../handshake/http-head.ts';
import { refusalHead } from '../handshake/refusal.ts';
import { acceptanceHead, checkRequest } from '../handshake/server.ts';
import { HeadReader } from '../http1/head.ts';
import type { ByteStream } from '../http1/network.ts';
import { createStreamSession } from '../http1/runtime.ts';
import { encodeLatin1, encodeUtf8 } from '../http1/text.ts';
import type { ConnectionOptions } from '../protocol/settings.ts';
import type { Connection } from '../protocol/connection.ts';
import { platform } from './platform.ts';

/** An opening handshake that a mock server gets. */
export interface MockRequest {
  /** Path and query, as the client sent them. */
  readonly path: string;
  /** Lower-case name to value. */
  readonly headers: ReadonlyMap<string, string>;
  /** The subprotocols that the client offers, the preferred one first. */
  readonly protocols: readonly string[];
}

/** A response that declines an opening handshake. */
export interface MockRefusal {
  /** HTTP status, 200 to 999. */
  readonly status: number;
  readonly body?: string | undefined;
  readonly headers?: HeaderValues | undefined;
}

/** An opening handshake that was accepted. */
export interface Accepted {
  readonly session: Connection;
  readonly protocol: string;
  /** Frames that came with the request. */
  readonly rest: Uint8Array;
}

/** How to answer a request. */
export interface Decision {
  /** The subprotocol to use; empty for none. */
  readonly protocol: string;
  readonly options: Omit<ConnectionOptions, 'role'>;
  onAccepted(accepted: Accepted): void;
}

/** Sends a response other than 101, and ends the connection. */
function refuse(stream: ByteStream, { status, body, headers }: MockRefusal): void {
  const end = { receive() {}, receiveInput() {}, receiveEnd: () => stream.end(), closed() {} };
  stream.attach(end);
  stream.start();
  stream.write([encodeUtf8(platform, refusalHead({ status, reason: body, headers }))], () => {});
  stream.end();
}

/** Reads the request of `stream`, and answers it as `decide` says; undefined: never. */
export function answer(stream: ByteStream, decide: (request: MockRequest) => Decision | MockRefusal | undefined): void {
  const onHead = ({ method, target, httpVersion, headers, rawHeaders }: RequestHead, rest: Uint8Array): void => {
    const check = checkRequest({ method, httpVersion, headers: (name) => headers.get(name), rawHeaders });
    if (!check.accepted) return refuse(stream, { status: check.status, body: check.reason, headers: check.headers });
    const decision = decide({ path: target, headers, protocols: check.protocols });
    if (decision === undefined) return;
    if ('status' in decision) return refuse(stream, decision);
    const { protocol, options } = decision;
    stream.write([encodeLatin1(platform, formatHead(acceptanceHead({ key: check.key, protocol })))], () => {});
    const session = createStreamSession(platform, stream, { ...options, role: 'server' });
    decision.onAccepted({ session, protocol, rest });
  };
  const drop = (): void => stream.destroy();
  const reader = new HeadReader(stream, platform, {
    parser: requestHeadParser(),
    events: {
      onHead: (head, rest) => {
        try {
          onHead(head, rest);
        } catch (error) {
          // The program's own: no client may wait for an answer that never comes.
          drop();
          guard(platform, () => {
            throw error;
          });
        }
      },
      onRefusal: ({ status, reason }) => refuse(stream, { status, body: reason }),
      onEnd: drop,
      onClosed() {},
    },
  });
  reader.start();
}
