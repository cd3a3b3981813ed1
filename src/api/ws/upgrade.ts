// The way of an upgrade request through a WebSocketServer: check, hooks, answer. RFC 6455 section 4.2.
// A hook that fails is a fault of the program: the client gets a 500, and neither hangs nor ends the process.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { SHUTTING_DOWN, type Pass } from '../../admission/gate-core.ts';
import { answerDeflate, PERMESSAGE_DEFLATE, type DeflateAnswer } from '../../deflate/parameters.ts';
import { formatExtensions } from '../../handshake/extensions.ts';
import { formatHead, type HeaderValues } from '../../handshake/headers.ts';
import { refusalHead, refuse, type Refusal } from '../../handshake/refusal.ts';
import {
  acceptanceHead,
  checkRequest,
  emitted,
  type AcceptableRequest,
  type HandshakeRequest,
} from '../../handshake/server.ts';
import { serverRuntimeOf } from './binding.ts';
import { coreOf } from './core.ts';
import { answerAndDestroy, holdPass } from './end-socket.ts';
import { ask, untilLeft, warnOfHook, type Answer } from './hooks.ts';
import { compressionSettings, deflateSettings, sessionSettings, type ServerOptions } from './options.ts';
import { isAllowedOrigin } from './origins.ts';
import { serverCoreOf } from './server-core.ts';
import type { RequestContext, VerifyClientCallbackAsync, VerifyClientCallbackSync, VerifyClientInfo } from './types.ts';
import type { WebSocketBase } from './websocket.ts';
import { nextTick } from '../../clock.ts';
import type { Handshake, RefusalReason } from '../../base/meter.ts';
import { toError } from '../../base/realms.ts';
import type { Session } from '../../platform.ts';

export type Connected = (ws: WebSocketBase, request: IncomingMessage) => void;

/** Extensions in use, by name. Only a {@link DeflateAnswer} of ours has a meaning; for the rest the request is looked at again. */
export type AcceptedExtensions = Readonly<Record<string, unknown>>;

/** The part of the server that an upgrade uses. Methods that a program may override are called on the server itself. */
export interface UpgradingServer {
  readonly options: ServerOptions;
  emit(event: string, ...values: unknown[]): boolean;
  listenerCount(event: string): number;
  shouldHandle(request: IncomingMessage): Answer<boolean>;
  handleUpgrade(...values: never[]): void;
  completeUpgrade(
    extensions: AcceptedExtensions,
    key: string,
    protocols: Set<string>,
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    callback: Connected,
  ): void;
}

const TOO_MANY_FIELDS = refuse(400, 'Too many header fields');

/** Key of a property that marks a socket that carries a WebSocket already. A WeakSet costs time in each collection of garbage. */
const TAKEN = Symbol();
/** Key of a property with the pass of a request that was let in. A program may come between the two halves of an upgrade. */
const PASS = Symbol();

type UpgradingSocket = Duplex & { [TAKEN]?: true; [PASS]?: Pass | undefined };

/** Until there is a WebSocket. One function for all: it is removed by its identity. */
function destroyFailed(this: Duplex): void {
  this.destroy();
}

/** The request, and the callback that gets the WebSocket. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Uint8Array;
  readonly callback: Connected;
}

/** One upgrade request. */
export class Upgrade {
  readonly #server: UpgradingServer;
  readonly #request: IncomingMessage & RequestContext;
  readonly #socket: UpgradingSocket;
  readonly #head: Uint8Array;
  readonly #callback: Connected;

  constructor(server: UpgradingServer, { request, socket, head, callback }: UpgradeRequest) {
    this.#server = server;
    this.#request = request;
    this.#socket = socket;
    this.#head = head;
    this.#callback = callback;
  }

  /** Checks the request, and asks the hooks one after the other. The limits of the server come first, since they cost the least. */
  start(): void {
    const { gate } = serverCoreOf(this.#server);
    const { observer } = gate.meter.watch;
    if (observer === null) return this.#start(undefined);
    const handshake = { server: gate.server, request: this.#request, socket: this.#socket };
    observer.begin(handshake, () => this.#start(handshake));
  }

  #start(handshake: Handshake | undefined): void {
    const socket = this.#socket;
    socket.on('error', destroyFailed);
    const pass = this.#enter(handshake);
    if ('accepted' in pass) return refuseUpgrade(socket, pass);
    socket[PASS] = pass;
    try {
      this.#check();
    } finally {
      if (pass.session === undefined) holdPass(pass, socket, refuseAtShutdown);
    }
  }

  #enter(handshake: Handshake | undefined): Pass | Refusal {
    const { gate } = serverCoreOf(this.#server);
    const request = this.#request;
    const { remoteAddress } = this.#socket as { readonly remoteAddress?: string };
    request.clientAddress = gate.addressOf(remoteAddress ?? request.socket?.remoteAddress, (name) =>
      request.headers[name]?.toString(),
    );
    return gate.enter(request.clientAddress, handshake);
  }

  #check(): void {
    const server = this.#server;
    const request = this.#request;
    const check = this.#hasTooManyFields() ? TOO_MANY_FIELDS : checkRequest(readable(request));
    if (!check.accepted) {
      this.#note('request');
      if (server.listenerCount('wsClientError') === 0) return refuseUpgrade(this.#socket, check);
      const error = new Error(check.reason);
      Error.captureStackTrace(error, server.handleUpgrade);
      server.emit('wsClientError', error, this.#socket, request);
      return;
    }
    this.#ask(
      () => server.shouldHandle(request),
      (isForUs) => {
        if (isForUs) return this.#checkOrigin(check);
        this.#note('path');
        refuseUpgrade(this.#socket, { status: 400 });
      },
    );
  }

  /** Node.js drops the fields beyond its limit, other runtimes know none. */
  #hasTooManyFields(): boolean {
    const limit = serverCoreOf(this.#server).httpServer?.maxHeadersCount;
    return Boolean(limit) && this.#request.rawHeaders?.length > 2 * limit!;
  }

  #checkOrigin(check: AcceptableRequest): void {
    const { allowedOrigins } = this.#server.options;
    if (!allowedOrigins) return this.#verify(check);
    this.#ask(
      () => isAllowedOrigin(allowedOrigins, check.origin, this.#request),
      (isAllowed) => {
        if (isAllowed) return this.#verify(check);
        this.#note('origin');
        refuseUpgrade(this.#socket, { status: 403, reason: 'Origin not allowed' });
      },
    );
  }

  #verify(check: AcceptableRequest): void {
    const { options } = this.#server;
    const { verifyClient } = options;
    if (!verifyClient) return this.#proceed(check);
    const request = this.#request;
    const info: VerifyClientInfo = { origin: check.origin as string, secure: isSecure(request), req: request };
    const hasCallback = verifyClient.length === 2;
    let decision: boolean | undefined;
    /** An exception of a listener while the hook was still on the stack. It is not a failure of the hook. */
    let thrown: { readonly error: unknown } | undefined;
    const decide = (verdict: unknown, status?: number, reason?: string, headers?: HeaderValues): void => {
      // Admitting twice is told off where the socket is handed over.
      if (decision === false || (decision === true && !verdict)) return;
      decision = Boolean(verdict);
      if (!verdict) return this.#refuse({ status: status || 401, reason, headers });
      if (typeof verdict === 'object') request.context = verdict;
      try {
        this.#proceed(check);
      } catch (error) {
        thrown = { error };
        throw error;
      }
    };
    ask<unknown>(
      () =>
        hasCallback
          ? (verifyClient as VerifyClientCallbackAsync).call(options, info, untilLeft(decide, this.#socket))
          : (verifyClient as VerifyClientCallbackSync).call(options, info),
      {
        onAnswer: (verdict, isLate) => {
          // A function that answers through its callback may be async all the same.
          if (!hasCallback || (isLate && verdict !== undefined && decision === undefined)) decide(verdict);
        },
        onFailure: (error) => {
          if (thrown !== undefined && thrown.error === error) throw error;
          decision = false;
          this.#fail(error);
        },
      },
      this.#socket,
    );
  }

  #proceed({ key, protocols, extensions }: AcceptableRequest): void {
    const server = this.#server;
    const deflate = deflateSettings(server.options.perMessageDeflate);
    const answer = deflate && answerDeflate(extensions, deflate);
    server.completeUpgrade(
      answer ? { [PERMESSAGE_DEFLATE]: answer } : {},
      key,
      new Set(protocols),
      this.#request,
      this.#socket,
      this.#head,
      this.#callback,
    );
  }

  /** Picks a subprotocol, answers, and hands the WebSocket over. @throws {Error} when the socket has a WebSocket already. */
  complete(extensions: AcceptedExtensions, key: string, protocols: Set<string>): void {
    if (!this.#isOpen()) return;
    const { options } = this.#server;
    const { handleProtocols } = options;
    // The first is taken now: the hook may change the set.
    const [first = ''] = protocols;
    this.#ask(
      () => (handleProtocols && first !== '' ? handleProtocols.call(options, protocols, this.#request as never) : first),
      (protocol) => {
        if (this.#isOpen()) this.#answer(extensions, key, protocol || '');
      },
    );
  }

  /** Refuses with the answer of a hook. The answer may contain text of the peer, and be no valid HTTP: then the hook has failed, also when it answers late. */
  #refuse(refusal: { status: number; reason: string | undefined; headers: HeaderValues | undefined }): void {
    try {
      refuseUpgrade(this.#socket, refusal);
      this.#note('verifyClient');
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether there is still somebody to answer: the client may have left, and the server may have been closed, while a hook made up its mind. */
  #isOpen(): boolean {
    const socket = this.#socket;
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return false;
    }
    if (TAKEN in socket) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
      );
    }
    const { state, gate } = serverCoreOf(this.#server);
    if (state === 'running') return true;
    this.#note(gate.isShuttingDown ? 'shutdown' : 'closed');
    // After `close()` the response is that of ws.
    refuseUpgrade(socket, gate.isShuttingDown ? SHUTTING_DOWN : { status: 503 });
    return false;
  }

  #answer(extensions: AcceptedExtensions, key: string, protocol: string): void {
    const server = this.#server;
    const socket = this.#socket;
    const { options } = server;
    let ws: WebSocketBase;
    let answer: DeflateAnswer | undefined;
    let text: string;
    try {
      const constructor = options.WebSocket as unknown as new (...values: unknown[]) => WebSocketBase;
      ws = new constructor(null, undefined, options);
      answer = this.#deflateAnswer(extensions);
      const lines = acceptanceHead({ key, protocol, extensions: answer && formatExtensions([answer.element]) });
      server.emit('headers', lines, this.#request);
      // A listener may have closed the server, which has refused the request then.
      if (socket[PASS]?.isRefused === true) return;
      text = formatHead(lines);
    } catch (error) {
      return this.#fail(error);
    }
    socket[TAKEN] = true;
    socket.write(text, 'latin1');
    socket.removeListener('error', destroyFailed);
    const session = this.#createSession(answer);
    const pass = socket[PASS] ?? serverCoreOf(server).gate.pass();
    socket[PASS] = undefined;
    pass.admit(session, coreOf(ws));
    // Planned before the 'connection' event, so that messages come before tasks that a listener schedules.
    nextTick(() => coreOf(ws).start(this.#head));
    coreOf(ws).open(ws, session, {
      socket,
      protocol,
      extensions: answer ? PERMESSAGE_DEFLATE : '',
      allowSynchronousEvents: options.allowSynchronousEvents,
      onError: serverCoreOf(server).onClientError,
    });
    this.#callback(ws, this.#request);
  }

  #createSession(answer: DeflateAnswer | undefined): Session {
    const runtime = serverRuntimeOf(this.#server);
    const { options } = this.#server;
    const deflate = deflateSettings(options.perMessageDeflate);
    const compression =
      answer && deflate && compressionSettings(deflate, answer.agreement, runtime.deflateEngine(deflate), 'server');
    return runtime.createSession(this.#socket, sessionSettings(options, 'server', compression));
  }

  #deflateAnswer(extensions: AcceptedExtensions): DeflateAnswer | undefined {
    const given = extensions[PERMESSAGE_DEFLATE] as DeflateAnswer | undefined;
    if (!given || 'agreement' in given) return given;
    const deflate = deflateSettings(this.#server.options.perMessageDeflate);
    const check = checkRequest(readable(this.#request));
    return deflate && check.accepted ? answerDeflate(check.extensions, deflate) : undefined;
  }

  /** Counts the request as refused, unless it was before. */
  #note(reason: RefusalReason, error?: Error): void {
    this.#socket[PASS]?.refuse(reason, error);
  }

  #ask<Value>(hook: () => Answer<Value>, onAnswer: (value: Value) => void): void {
    ask(hook, { onAnswer, onFailure: (error) => this.#fail(error) }, this.#socket);
  }

  /** A hook has thrown, or rejected: tells the program, and answers 500 unless a 'wsClientError' listener has answered. */
  #fail(error: unknown): void {
    const server = this.#server;
    const socket = this.#socket;
    this.#note('hook', toError(error));
    try {
      if (server.listenerCount('wsClientError') > 0) {
        server.emit('wsClientError', toError(error), socket, this.#request);
      } else {
        warnOfHook('a WebSocketServer', error);
      }
    } finally {
      if (!(TAKEN in socket) && socket.writable) refuseUpgrade(socket, { status: 500 });
    }
  }
}

function refuseAtShutdown(socket: UpgradingSocket): void {
  if (!(TAKEN in socket)) refuseUpgrade(socket, SHUTTING_DOWN);
}

/** A request that no HTTP parser has read, such as that of a test helper, may lack Host and have numbers among its fields. */
function readable(request: IncomingMessage): HandshakeRequest {
  if (request.rawHeaders?.length > 0) return emitted.request === request ? emitted.quick! : request;
  const { method, httpVersion, headers } = request;
  const fields: NodeJS.Dict<string | string[] | number> = { host: 'localhost', ...headers };
  return { method, httpVersion, headers: (name) => fields[name]?.toString() };
}

function isSecure(request: IncomingMessage): boolean {
  const { authorized, encrypted } = (request.socket ?? {}) as { authorized?: boolean; encrypted?: boolean };
  return authorized === true || encrypted === true;
}

/** Writes an HTTP answer and closes. @throws {UsageError} for an answer that cannot be written; the client gets a 500. */
function refuseUpgrade(
  socket: Duplex,
  refusal: { status: number; reason?: string | undefined; headers?: HeaderValues | undefined },
): void {
  let head = refusalHead({ status: 500 });
  try {
    head = refusalHead(refusal);
  } finally {
    answerAndDestroy(socket, head);
  }
}
