// The metrics of a WebSocketServer as metrics of prom-client. They are read when Prometheus asks, so nothing runs in between.

import { Gauge } from 'prom-client';

/** Plain numbers: name in Prometheus, help, and the value in `server.metrics()`. */
const NUMBERS = [
  ['wasock_connections_open', 'Connections that are open or closing', ({ open }) => open],
  ['wasock_connections_total', 'Connections so far', ({ opened }) => opened],
  ['wasock_received_messages_total', 'Data messages from clients', ({ messagesIn }) => messagesIn],
  ['wasock_sent_messages_total', 'Data messages to clients', ({ messagesOut }) => messagesOut],
  ['wasock_received_bytes_total', 'Payload of these messages', ({ bytesIn }) => bytesIn],
  ['wasock_sent_bytes_total', 'Payload of these messages', ({ bytesOut }) => bytesOut],
  ['wasock_received_buffered_bytes', 'Bytes that arrived and were not delivered', ({ bufferedIn }) => bufferedIn],
  ['wasock_sent_buffered_bytes', 'Bytes that wait for clients', ({ bufferedOut }) => bufferedOut],
];

/** Numbers by name: name, help, label, and the object. */
const GROUPS = [
  ['wasock_refused_total', 'Requests that got no connection', 'reason', ({ refused }) => refused],
  ['wasock_limited_total', 'Effects of limits on open connections', 'option', ({ limited }) => limited],
  ['wasock_closed_total', 'Ends of connections', 'code', ({ closeCodes }) => closeCodes],
  ['wasock_errors_total', 'Errors of connections', 'code', ({ errors }) => errors],
];

/** Histograms. Those of times are in seconds, as is usual in Prometheus. */
const HISTOGRAMS = [
  ['wasock_received_message_bytes', 'Payload of a message from a client', 1, ({ payloadIn }) => payloadIn],
  ['wasock_sent_message_bytes', 'Payload of a message to a client', 1, ({ payloadOut }) => payloadOut],
  ['wasock_handshake_seconds', 'Opening handshakes that succeeded', 1000, ({ handshakeTime }) => handshakeTime],
  ['wasock_delivery_seconds', 'Time for which a read held up the event loop', 1000, ({ deliveryTime }) => deliveryTime],
];

/** A metric of prom-client that is filled when it is read. */
function gauge(registry, name, help, labelNames, collect) {
  const metric = new Gauge({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      metric.reset();
      collect(metric);
    },
  });
  registry.registerMetric(metric);
}

/** The three series of a histogram. prom-client's own class takes single values; here they are counted already. */
function histogram(registry, [name, help, divisor, read], server) {
  gauge(registry, `${name}_bucket`, help, ['le'], (metric) => {
    const { bounds, counts } = read(server.metrics());
    let total = 0;
    counts.forEach((count, index) => {
      total += count;
      metric.set({ le: index < bounds.length ? String(bounds[index] / divisor) : '+Inf' }, total);
    });
  });
  gauge(registry, `${name}_sum`, help, [], (metric) => metric.set(read(server.metrics()).sum / divisor));
  gauge(registry, `${name}_count`, help, [], (metric) => metric.set(read(server.metrics()).count));
}

/** Adds the metrics of `server` to a registry of prom-client. */
export function collectInto(registry, server) {
  for (const [name, help, read] of NUMBERS) {
    gauge(registry, name, help, [], (metric) => metric.set(read(server.metrics())));
  }
  for (const [name, help, label, read] of GROUPS) {
    gauge(registry, name, help, [label], (metric) => {
      for (const [key, value] of Object.entries(read(server.metrics()))) metric.set({ [label]: key }, value);
    });
  }
  for (const entry of HISTOGRAMS) histogram(registry, entry, server);
}
