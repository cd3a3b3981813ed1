// Node.js as the ws-style classes use it.

import http from 'node:http';
import https from 'node:https';
import { type ServerRuntime, withMasks } from '../../src/api/ws/binding.ts';
import { checkDeflateOptions } from '../../src/deflate/settings.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { checkDispatcher } from '../../src/nodejs/dispatcher.ts';
import { startOpening } from '../../src/nodejs/opening.ts';
import { platform } from '../../src/nodejs/platform.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { answerUpgradeRequired } from '../../src/nodejs/upgrade-required.ts';

/** How often node:http looks for connections whose time is over, unless told otherwise. */
const CHECKING_INTERVAL = 30_000;

export const runtime: ServerRuntime = {
  startOpening,
  createSession: (socket, options, generateMask) => createSession(socket, options, withMasks(platform, generateMask)),
  deflateEngine,
  checkDeflateOptions,
  checkClientOptions: (options, target) => checkDispatcher(options.dispatcher, { ...options }, target),
  createHttpServer({ tls, headersTimeout }) {
    const connectionsCheckingInterval = Math.min(CHECKING_INTERVAL, headersTimeout || CHECKING_INTERVAL);
    const timeouts = headersTimeout === undefined ? {} : { headersTimeout, connectionsCheckingInterval };
    return tls === undefined
      ? http.createServer(timeouts, answerUpgradeRequired)
      : https.createServer({ ...timeouts, ...tls }, answerUpgradeRequired);
  },
};
