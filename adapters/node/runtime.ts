// Node.js as the ws-style classes use it.

import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { TlsOptions, TLSSocket } from 'node:tls';
import { DEFAULT_HEADERS_TIMEOUT, ownOptions, SERVER_TLS } from '../../src/base/options.ts';
import { type ServerRuntime, withMasks } from '../../src/api/ws/binding.ts';
import { checkDeflateOptions } from '../../src/deflate/settings.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { checkDispatcher } from '../../src/nodejs/dispatcher.ts';
import { startOpening } from '../../src/nodejs/opening.ts';
import { platform } from '../../src/nodejs/platform.ts';
import { checkProxy } from '../../src/nodejs/proxies.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { shortenUpgrades } from '../../src/nodejs/short-upgrade.ts';
import { answerUpgradeRequired, countRefusals } from '../../src/nodejs/upgrade-required.ts';

/** How often node:http looks for connections whose time is over, unless told otherwise. */
const CHECKING_INTERVAL = 30_000;
/** Milliseconds that node:http allows for a whole request. */
const REQUEST_TIMEOUT = 300_000;
/** Milliseconds that a timer of Node.js can wait. */
const LONGEST_TIME = 2 ** 31 - 1;

/** Lets `closeAllConnections` drop connections in the middle of their TLS handshake as well, for which `close` would wait. */
function dropHandshakes(server: https.Server): void {
  const shaking = new Set<Socket>();
  const { closeAllConnections } = server;
  server.on('connection', (socket: Socket) => {
    shaking.add(socket);
    socket.once('close', () => shaking.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket & { readonly _parent?: Socket }) => {
    // The TCP socket is unknown. Any of them may be the one, so none is dropped.
    if (!shaking.delete(socket._parent!)) shaking.clear();
  });
  server.closeAllConnections = () => {
    for (const socket of shaking) socket.destroy();
    closeAllConnections.call(server);
  };
}

/**
 * The option `tls` for node:https, which makes a server also of options without any certificate: it would fail each handshake.
 *
 * @throws {TypeError} if there is none.
 */
function serverTls(given: object): TlsOptions {
  const tls = ownOptions<TlsOptions>(given);
  if ((tls.cert && tls.key) || tls.pfx || tls.SNICallback || tls.pskCallback) return tls;
  throw new TypeError(`The "tls" option must be ${SERVER_TLS}, or with "pfx" or "SNICallback"`);
}

export const runtime: ServerRuntime = {
  startOpening,
  createSession: (socket, options, generateMask) => createSession(socket, options, withMasks(platform, generateMask)),
  deflateEngine,
  checkDeflateOptions,
  checkClientOptions(options, target) {
    checkDispatcher(options.dispatcher, { ...options }, target);
    checkProxy({ ...options });
  },
  createHttpServer({ tls, headersTimeout = DEFAULT_HEADERS_TIMEOUT }, onRefusal) {
    // node:http takes integers, and refuses a limit for the head that is longer than that for the whole request.
    const limit = Math.min(Math.ceil(headersTimeout), LONGEST_TIME);
    const timeouts = {
      headersTimeout: limit,
      requestTimeout: limit && Math.max(limit, REQUEST_TIMEOUT),
      connectionsCheckingInterval: Math.min(CHECKING_INTERVAL, limit || CHECKING_INTERVAL),
    };
    // node:http does not know of a connection before its TLS handshake, for which node:tls has a limit of its own: 120 s.
    const server =
      tls === undefined
        ? http.createServer(timeouts, answerUpgradeRequired)
        : https.createServer({ ...timeouts, handshakeTimeout: limit, ...serverTls(tls) }, answerUpgradeRequired);
    if (server instanceof https.Server) dropHandshakes(server as https.Server);
    else shortenUpgrades(server);
    countRefusals(server, onRefusal);
    return server;
  },
};
