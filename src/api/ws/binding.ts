// The functions of a runtime for the ws-style classes, and how their objects find them.

import { Buffer } from 'node:buffer';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { DeflateEngine } from '../../deflate/engine.ts';
import type { Backend, Target } from '../../handshake/opening.ts';
import type { Platform, Session } from '../../platform.ts';
import type { ConnectionOptions } from '../../protocol/settings.ts';
import type { ClientOptions, StandaloneServerOptions } from './options.ts';
import type { HttpServer } from './server-core.ts';
import type { PerMessageDeflateOptions } from './types.ts';

/** A runtime, as far as sockets are concerned. */
export interface Runtime {
  /** Carries out the opening handshakes of clients. */
  readonly startOpening: Backend<Duplex, ClientRequest, IncomingMessage>;
  /** Makes a session over a socket whose handshake is done. Nothing has been read from it since. */
  createSession(socket: Duplex, options: ConnectionOptions, generateMask?: ClientOptions['generateMask']): Session;
  /** Gives the engine for connections with these options. Called when one negotiates permessage-deflate. */
  deflateEngine(settings?: PerMessageDeflateOptions): DeflateEngine;
  /** Checks the options of a program. @throws {RangeError | TypeError} for an invalid one, or one that the runtime cannot carry out. */
  checkDeflateOptions(settings: PerMessageDeflateOptions | undefined): void;
  /** Checks the options of a client, before each opening. @throws {TypeError} for an option that the runtime does not support. */
  checkClientOptions(options: ClientOptions, target: Target): void;
}

/** A runtime with servers. */
export interface ServerRuntime extends Runtime {
  /**
   * Makes the HTTP server that `port` asks for; it answers requests that are not an upgrade with 426.
   *
   * @param onRefusal Called for each request that it answers itself, also for bytes that are no request.
   */
  createHttpServer(options: StandaloneServerOptions, onRefusal: () => void): HttpServer;
}

const RUNTIME = Symbol('runtime');

interface Bound {
  [RUNTIME]?: Runtime;
}

/**
 * Binds a class to the runtime that its objects use. A class that derives from it may be bound to another.
 *
 * @throws {TypeError} when the class is bound to another.
 */
export function bindRuntime({ prototype }: { readonly prototype: object }, runtime: Runtime): void {
  if (Object.hasOwn(prototype, RUNTIME) && (prototype as Bound)[RUNTIME] !== runtime) {
    throw new TypeError('Two entry points of wasock, for different runtimes, share one copy of its classes');
  }
  Object.defineProperty(prototype, RUNTIME, { value: runtime });
}

/** The runtime of a socket. */
export function runtimeOf(socket: object): Runtime {
  return (socket as Bound)[RUNTIME]!;
}

/** The runtime of a server. */
export function serverRuntimeOf(server: object): ServerRuntime {
  return runtimeOf(server) as ServerRuntime;
}

/** The platform, with masking keys made by a program where it makes them. */
export function withMasks(platform: Platform, generateMask: ((mask: Buffer) => void) | undefined): Platform {
  if (generateMask === undefined) return platform;
  const mask = Buffer.alloc(4);
  return {
    ...platform,
    maskingKey() {
      generateMask(mask);
      return mask.readInt32LE();
    },
  };
}
