// Instrumentation for OpenTelemetry: a span for each connection, with its handshake as a child, and counters of messages. It subscribes to the channels of
// wasock, so the program itself does not change.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { metrics, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

/** Starts to instrument all servers and clients of the process. Returns a function that ends it. */
export function instrument() {
  const tracer = trace.getTracer('wasock');
  const meter = metrics.getMeter('wasock');
  const open = meter.createUpDownCounter('wasock.connections', { description: 'Open connections' });
  const received = meter.createCounter('wasock.messages', { description: 'Messages that were received' });
  const bytes = meter.createCounter('wasock.payload', { description: 'Payload of these messages', unit: 'By' });
  const removals = [];
  const on = (name, listener) => {
    subscribe(name, listener);
    removals.push(() => unsubscribe(name, listener));
  };

  for (const role of ['server', 'client']) {
    const kind = role === 'server' ? SpanKind.SERVER : SpanKind.CLIENT;
    const attributes = { 'wasock.role': role };
    const handshakes = new WeakMap();
    const connections = new WeakMap();

    // The message of a handshake is the same object until its end.
    on(`tracing:wasock:${role}:handshake:start`, (handshake) => {
      handshakes.set(handshake, Date.now());
    });
    on(`tracing:wasock:${role}:handshake:asyncEnd`, (handshake) => {
      const startTime = handshakes.get(handshake);
      const { request, url, reason, error } = handshake;
      const path = request === undefined ? url : request.url;
      const span = tracer.startSpan(`WebSocket ${role}`, { kind, startTime, attributes: { ...attributes, 'url.full': path } });
      const context = trace.setSpan(ROOT_CONTEXT, span);
      tracer.startSpan('opening handshake', { kind, startTime, attributes }, context).end();
      if (handshake.websocket === undefined || reason !== undefined || error !== undefined) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: reason ?? error?.message });
        span.end();
      } else {
        connections.set(handshake.websocket, span);
      }
    });
    on(`wasock:${role}:open`, () => open.add(1, attributes));
    on(`wasock:${role}:message`, ({ data, isBinary }) => {
      received.add(1, { ...attributes, 'wasock.binary': isBinary });
      bytes.add(data.length, attributes);
    });
    on(`wasock:${role}:error`, ({ websocket, error }) => connections.get(websocket)?.recordException(error));
    on(`wasock:${role}:close`, ({ websocket, code, reason, wasClean }) => {
      open.add(-1, attributes);
      const span = connections.get(websocket);
      span?.setAttributes({ 'wasock.close.code': code, 'wasock.close.reason': reason.toString() });
      if (!wasClean) span?.setStatus({ code: SpanStatusCode.ERROR, message: `closed with ${code}` });
      span?.end();
      connections.delete(websocket);
    });
  }
  return () => {
    for (const remove of removals) remove();
  };
}
