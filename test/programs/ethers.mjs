// ethers: its WebSocketProvider with a stand-in for a node of Ethereum that speaks a few methods of JSON-RPC.

import assert from 'node:assert/strict';
import { WebSocketServer } from 'ws';
import { assertWs, closed, listen, load, next, until, within } from './program-runner.mjs';

assertWs(import.meta.url, ['ethers']);
const { WebSocketProvider } = await load(import.meta.url, 'ethers');

const ADDRESS = `0x${'11'.repeat(20)}`;
const answers = {
  eth_chainId: () => '0x1',
  eth_blockNumber: () => '0x10',
  eth_getBalance: () => '0xde0b6b3a7640000',
  eth_getCode: () => `0x${'ab'.repeat(200_000)}`,
  eth_subscribe: () => '0x99',
  eth_unsubscribe: () => true,
};

const { server, host } = await listen();
const wss = new WebSocketServer({ server });
const methods = [];
wss.on('connection', (ws) => {
  ws.on('message', (data) => {
    const { id, method } = JSON.parse(data);
    methods.push(method);
    const known = method in answers;
    ws.send(
      JSON.stringify({
        jsonrpc: '2.0',
        id,
        ...(known ? { result: answers[method]() } : { error: { code: -32601, message: 'no such method' } }),
      }),
    );
  });
});

function notify(number) {
  const params = { subscription: '0x99', result: { number: `0x${number.toString(16)}` } };
  for (const ws of wss.clients) ws.send(JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params }));
}

const provider = new WebSocketProvider(`ws://${host}`);
assert.equal((await within('the network', provider.getNetwork())).chainId, 1n);
assert.equal(await within('a balance', provider.getBalance(ADDRESS)), 10n ** 18n);
assert.equal((await within('a long answer', provider.getCode(ADDRESS))).length, 400_002);
await assert.rejects(within('an error', provider.send('unknown', [])), /no such method/);

const numbers = [];
await provider.on('block', (number) => numbers.push(number));
await until('a subscription', () => methods.includes('eth_subscribe'));
for (let number = 20; number < 120; number++) notify(number);
await until('100 blocks', () => numbers.length === 100);
assert.deepEqual(
  numbers,
  Array.from({ length: 100 }, (_value, index) => 20 + index),
);

const [ws] = wss.clients;
const ended = next(ws, 'close');
await provider.destroy();
assert.equal((await ended)[0], 1005);
await closed(wss);
await closed(server);
