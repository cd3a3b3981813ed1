// Client under test, a child process of run.mjs: sends each message of the server of sink.mjs back. With the ws API of --module, or the
// WebSocket of the runtime itself.

import { parseArgs } from 'node:util';

import { answerCommands } from './control.mjs';

const { values } = parseArgs({ options: { module: { type: 'string' }, port: { type: 'string', default: '0' } } });
const url = `ws://127.0.0.1:${values.port}/`;

/** @param {unknown} error */
const fail = (error) => {
  throw error;
};

if (values.module) {
  /** @type {{ WebSocket: typeof import('ws').WebSocket }} */
  const { WebSocket } = await import(values.module);
  const client = new WebSocket(url, { perMessageDeflate: false });
  client.on('message', (data) => client.send(data));
  client.on('error', fail);
} else {
  const client = new globalThis.WebSocket(url);
  client.binaryType = 'arraybuffer';
  client.onmessage = ({ data }) => client.send(data);
  client.onerror = () => fail(new Error('the connection failed'));
}
answerCommands();
