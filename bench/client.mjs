// Client under test, a child process of run.mjs: sends masked binary messages to the counting server of sink.mjs as fast as it can.
// `inFlight` messages leave in one turn; the next turn begins when all of them were written.

import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

import { answerCommands } from './control.mjs';

const { values } = parseArgs({
  options: {
    module: { type: 'string', default: 'ws' },
    port: { type: 'string', default: '0' },
    size: { type: 'string', default: '65536' },
    'in-flight': { type: 'string', default: '8' },
  },
});

/** @type {{ WebSocket: typeof import('ws').WebSocket }} */
const { WebSocket } = await import(values.module);
const client = new WebSocket(`ws://127.0.0.1:${values.port}/`, { perMessageDeflate: false });
const message = randomBytes(Number(values.size));
const inFlight = Number(values['in-flight']);
let unsent = 0;

/** @param {Error | null} [error] */
function written(error) {
  if (error) throw error;
  if (--unsent === 0) setImmediate(sendBurst);
}

function sendBurst() {
  unsent = inFlight;
  for (let index = 0; index < inFlight; index++) client.send(message, written);
}

client.on('open', sendBurst);
client.on('error', (error) => {
  throw error;
});
answerCommands();
