// An echo server and a client with OpenTelemetry: prints the spans and counters of one conversation. A real program exports them instead.
//
//     node program.mjs

import { once } from 'node:events';
import { metrics, trace } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { WebSocket, WebSocketServer } from 'wasock';
import { instrument } from './instrument.mjs';

class Reader extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
const reader = new Reader();
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
const stop = instrument();

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/echo' });
server.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
await once(server, 'listening');
const url = `ws://127.0.0.1:${server.address().port}`;

const client = new WebSocket(`${url}/echo`);
await once(client, 'open');
client.send('hello');
await once(client, 'message');
client.close(1000, 'done');
await once(client, 'close');

const refused = new WebSocket(`${url}/elsewhere`);
refused.on('error', () => {});
await new Promise((resolve) => refused.on('close', resolve));

await server.shutdown();
stop();

const spans = exporter.getFinishedSpans().map(({ name, parentSpanContext, attributes, status }) => ({
  name,
  isChild: parentSpanContext !== undefined,
  role: attributes['wasock.role'],
  code: attributes['wasock.close.code'],
  error: status.message,
}));
const { resourceMetrics } = await reader.collect();
const counters = resourceMetrics.scopeMetrics
  .flatMap((scope) => scope.metrics)
  .flatMap(({ descriptor, dataPoints }) =>
    dataPoints.map(({ attributes, value }) => ({ name: descriptor.name, role: attributes['wasock.role'], value })),
  );
console.log(JSON.stringify({ spans, counters }));
