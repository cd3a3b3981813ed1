// Server under test: crossws on Node.js, with its sync over Pub/Sub of Redis.

import { createServer } from 'node:http';

import crossws from 'crossws/adapters/node';
import { redis } from 'crossws/sync';

import { TOPIC } from '../messages.mjs';
import { READY, connectRedis, isPublisher, options, serve } from './common.mjs';

/** @typedef {import('crossws').Peer} Peer */

/** @type {Set<Peer>} */
const subscribers = new Set();
/** Fulfilled once the sync is subscribed: crossws does not wait for it. @type {unknown} */
let subscribed;
const client = options.redis === undefined ? undefined : await connectRedis();

const adapter = crossws({
  hooks: {
    open(peer) {
      if (!isPublisher(peer.request.url)) {
        subscribers.add(peer);
        peer.subscribe(TOPIC);
      }
      peer.send(READY);
    },
    message: (_peer, message) => adapter.publish(TOPIC, message.text()),
    close: (peer) => void subscribers.delete(peer),
  },
  ...(client && {
    sync: (context) => {
      const driver = redis({ client, channel: 'bench' })(context);
      return { ...driver, subscribe: (deliver) => (subscribed = driver.subscribe(deliver)) };
    },
  }),
});
await subscribed;
const server = createServer().on('upgrade', (request, socket, head) => void adapter.handleUpgrade(request, socket, head));
server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  serve(port, subscribers, (peer, topic) => peer.subscribe(topic));
});
