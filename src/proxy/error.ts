// The error for a proxy that cannot be reached, refuses, or breaks its protocol.

/** Parts of a {@link ProxyError}. */
interface ProxyErrorInit {
  /** Scheme, host and port of the proxy. */
  readonly proxy: string;
  /** The failure, as the rest of a sentence whose subject is the proxy. */
  readonly reason: string;
  /** Status code of the proxy's response to CONNECT, if it refused. */
  readonly status?: number | undefined;
  /** The error of the socket, if there is one. Its `code` becomes the error's. */
  readonly cause?: Error | undefined;
}

/** There is no connection through the proxy. The server has got nothing. */
export class ProxyError extends Error {
  /** That of the socket's error, for example `ECONNREFUSED`; else `ERR_PROXY_TUNNEL`, as in Node.js. */
  readonly code: string;
  /** Status code of the response by which an HTTP proxy refused, for example 407. */
  readonly proxyStatus: number | undefined;

  constructor({ proxy, reason, status, cause }: ProxyErrorInit) {
    super(`The proxy ${proxy} ${reason}`, cause === undefined ? undefined : { cause });
    this.name = 'ProxyError';
    this.code = (cause as { code?: string } | undefined)?.code ?? 'ERR_PROXY_TUNNEL';
    this.proxyStatus = status;
  }
}
