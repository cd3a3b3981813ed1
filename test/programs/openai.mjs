// openai: its client of the Realtime API, over TLS, with a stand-in for the API.

import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { generate } from 'selfsigned';
import { WebSocketServer } from 'ws';
import { assertWs, closed, listen, load, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['openai']);
const { OpenAI } = await load(import.meta.url, 'openai');
const { OpenAIRealtimeWS } = await load(import.meta.url, 'openai/realtime/ws');

// Two certificates: Deno refuses a server whose own certificate is that of an authority.
const authority = await generate([{ name: 'commonName', value: 'Authority' }], {
  keySize: 2048,
  extensions: [{ name: 'basicConstraints', cA: true }],
});
const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
  keySize: 2048,
  ca: { key: authority.private, cert: authority.cert },
  extensions: [
    { name: 'basicConstraints', cA: false },
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
  ],
});
const { server } = await listen(createServer({ cert, key }));
const { port } = server.address();
const wss = new WebSocketServer({ server });
const requests = [];
wss.on('connection', (ws, request) => {
  requests.push(request);
  ws.send(JSON.stringify({ type: 'session.created', session: {} }));
  ws.on('message', (data) => {
    const event = JSON.parse(data);
    if (event.type === 'response.create') {
      for (let index = 0; index < 100; index++) {
        ws.send(JSON.stringify({ type: 'response.output_text.delta', delta: `${index} ` }));
      }
      ws.send(JSON.stringify({ type: 'response.done' }));
    } else if (event.type === 'input_audio_buffer.append') {
      ws.send(JSON.stringify({ type: 'input_audio_buffer.committed', item_id: String(event.audio.length) }));
    } else ws.send(JSON.stringify({ type: 'error', error: { message: 'no such event' } }));
  });
});

const api = new OpenAI({ apiKey: 'secret', baseURL: `https://localhost:${port}/v1` });
const realtime = new OpenAIRealtimeWS({ model: 'model', options: { ca: authority.cert } }, api);
const errors = [];
realtime.on('error', (error) => errors.push(error.message));
/** The next event of a type. */
const said = (type) => within(type, new Promise((resolve) => realtime.once(type, resolve)));

await said('session.created');
assert.equal(requests[0].url, '/v1/realtime?model=model');
assert.equal(requests[0].headers.authorization, 'Bearer secret');
const deltas = [];
realtime.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
const done = said('response.done');
realtime.send({ type: 'response.create' });
await done;
assert.equal(deltas.join(''), Array.from({ length: 100 }, (_value, index) => `${index} `).join(''));
const committed = said('input_audio_buffer.committed');
realtime.send({ type: 'input_audio_buffer.append', audio: 'A'.repeat(1_000_000) });
assert.equal((await committed).item_id, '1000000');
realtime.send({ type: 'unknown' });
await until('the error', () => errors.length === 1);
assert.match(errors[0], /no such event/);

const [ws] = wss.clients;
const ended = next(ws, 'close');
realtime.close({ code: 1000, reason: 'enough' });
const [code, reason] = await ended;
assert.deepEqual([code, reason.toString()], [1000, 'enough']);
await closed(wss);
await closed(server);
