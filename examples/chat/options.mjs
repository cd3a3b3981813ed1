// The server's command line.

import { parseArgs } from 'node:util';

export const DEFAULT_PORT = 8080;
export const DEFAULT_HOST = '127.0.0.1';

export const USAGE = `Usage: node examples/chat/server.mjs [options]
       npm start -- [options]

Serves a page, a chat and an echo over WebSocket, and starts a client that measures them.

Options:
  --port <number>   TCP port, 0 to 65535; 0 takes any free one (default ${DEFAULT_PORT})
  --host <address>  Address to listen on (default ${DEFAULT_HOST}: this machine only)
  --once            Stop when the client has measured; exit code 0 if it could, 1 if not
  --help            Show this text`;

/** The command line cannot be understood; `message` says why. */
export class OptionError extends Error {}

/**
 * @typedef {object} Options
 * @property {number} port
 * @property {string} host
 * @property {boolean} once
 * @property {boolean} help
 */

/**
 * @param {string[]} args Without the names of node and of the script.
 * @returns {Options}
 * @throws {OptionError}
 */
export function parseOptions(args) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        port: { type: 'string', default: String(DEFAULT_PORT) },
        host: { type: 'string', default: DEFAULT_HOST },
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
  const port = Number(values.port);
  if (!/^\d{1,5}$/.test(values.port) || port > 65535) {
    throw new OptionError(`--port must be a whole number from 0 to 65535, not '${values.port}'.`);
  }
  if (values.host === '') throw new OptionError('--host must not be empty.');
  return { port, host: values.host, once: values.once, help: values.help };
}
