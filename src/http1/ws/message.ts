// A request or response in the shape of node:http's IncomingMessage, as far as ws programs use it.

import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { RequestHead, ResponseHead } from '../../handshake/http-head.ts';
import { copyToOwn } from '../../nodejs/buffers.ts';
import type { ResponseBody } from '../response-body.ts';
import type { StreamSocket } from './socket.ts';

/** Fields of which Node.js keeps the first and drops the others. */
const KEPT_FIRST: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

/** Header fields by lower-case name, repeated ones joined as Node.js joins them. */
export function joinHeaders(rawHeaders: readonly string[]): Record<string, string | string[]> {
  // A map, because a peer may name a field `constructor` or `__proto__`.
  const joined = new Map<string, string | string[]>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase();
    const value = rawHeaders[at + 1];
    const earlier = joined.get(name);
    if (name === 'set-cookie') {
      if (earlier === undefined) joined.set(name, [value]);
      else (earlier as string[]).push(value);
    } else if (earlier === undefined) {
      joined.set(name, value);
    } else if (!KEPT_FIRST.has(name)) {
      joined.set(name, (earlier as string) + (name === 'cookie' ? '; ' : ', ') + value);
    }
  }
  return Object.fromEntries(joined);
}

/** Parts of a message. */
interface MessageInit {
  readonly head: RequestHead | ResponseHead;
  readonly socket: StreamSocket | Socket | null;
  /** Left out: the message has none. */
  readonly body?: ResponseBody;
}

export class HttpMessage extends Readable {
  readonly httpVersion: string;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly headers: Record<string, string | string[]>;
  readonly rawHeaders: string[];
  /** Of a request. */
  readonly method: string | undefined;
  /** Path and query of a request, as they came. */
  url: string;
  /** Of a response. */
  readonly statusCode: number | undefined;
  readonly statusMessage: string | undefined;
  readonly socket: StreamSocket | Socket | null;
  /** The same as `socket`, by its old name. */
  readonly connection: StreamSocket | Socket | null;
  /** Whether the body has arrived completely. */
  complete: boolean;
  aborted: boolean = false;
  readonly #body: ResponseBody | undefined;

  constructor({ head, socket, body }: MessageInit) {
    // A request has no body. The end of the body is not the end of the socket.
    super({ autoDestroy: body !== undefined });
    const [major, minor] = head.httpVersion.split('.').map(Number);
    this.httpVersion = head.httpVersion;
    this.httpVersionMajor = major;
    this.httpVersionMinor = minor;
    this.headers = joinHeaders(head.rawHeaders);
    this.rawHeaders = [...head.rawHeaders];
    const isRequest = 'method' in head;
    this.method = isRequest ? head.method : undefined;
    this.url = isRequest ? head.target : '';
    this.statusCode = isRequest ? undefined : head.status;
    this.statusMessage = isRequest ? undefined : head.statusText;
    this.socket = socket;
    this.connection = socket;
    this.complete = body === undefined;
    this.#body = body?.attach({
      onData: (piece) => {
        if (!this.push(copyToOwn(piece))) body.pause();
      },
      onEnd: () => {
        this.complete = true;
        this.push(null);
      },
      onAbort: (error) => {
        if (this.destroyed) return;
        this.aborted = true;
        this.emit('aborted');
        this.destroy(this.listenerCount('error') > 0 ? error : undefined);
      },
    });
  }

  override _read(): void {
    const body = this.#body;
    if (body === undefined) {
      this.push(null);
      return;
    }
    body.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#body === undefined) this.socket?.destroy();
    else this.#body.abort(error ?? new Error('aborted'));
    done(error);
  }
}
