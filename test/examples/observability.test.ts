// The metrics of a server for Prometheus, and the spans and counters of OpenTelemetry.

import { afterEach, describe, expect, test } from 'vitest';
import { closing, connect, endPrograms, example, exchange, NODE, Program } from './run-example.ts';

afterEach(endPrograms);

describe('Prometheus', () => {
  test('reads the metrics of the server', async () => {
    const server = new Program(NODE, [example('prometheus/server.mjs'), '0']);
    const authority = await server.listens();
    const ws = await connect(`ws://${authority}/`);
    expect(await exchange(ws, 'hello')).toBe('hello');
    const read = async (): Promise<string[]> => (await (await fetch(`http://${authority}/metrics`)).text()).split('\n');
    expect(await read()).toEqual(expect.arrayContaining(['wasock_connections_open 1', 'wasock_received_bytes_total 5']));
    const closed = closing(ws);
    ws.close(3000);
    await closed;
    await expect.poll(read).toContain('wasock_connections_open 0');
    const lines = await read();
    expect(lines).toEqual(
      expect.arrayContaining([
        'wasock_connections_total 1',
        'wasock_received_messages_total 1',
        'wasock_sent_messages_total 1',
        'wasock_closed_total{code="3000"} 1',
        'wasock_refused_total{reason="request"} 0',
        'wasock_received_message_bytes_bucket{le="4"} 0',
        'wasock_received_message_bytes_bucket{le="16"} 1',
        'wasock_received_message_bytes_bucket{le="+Inf"} 1',
        'wasock_received_message_bytes_sum 5',
        'wasock_handshake_seconds_count 1',
      ]),
    );
    await server.end('SIGTERM');
    expect(server.errors).toBe('');
  });
});

describe('OpenTelemetry', () => {
  test('gets a span for each connection, and counters', async () => {
    const program = new Program(NODE, [example('opentelemetry/program.mjs')]);
    await program.printed(/counters/);
    const { spans, counters } = JSON.parse(program.output) as { spans: object[]; counters: object[] };
    const handshakes = spans.filter((span) => (span as { name: string }).name === 'opening handshake');
    expect(handshakes).toHaveLength(4);
    for (const span of handshakes) expect(span).toMatchObject({ isChild: true });
    const connections = spans.filter((span) => !handshakes.includes(span));
    expect(connections).toHaveLength(4);
    expect(connections).toEqual(
      expect.arrayContaining([
        { name: 'WebSocket server', isChild: false, role: 'server', code: 1000 },
        { name: 'WebSocket client', isChild: false, role: 'client', code: 1000 },
        { name: 'WebSocket server', isChild: false, role: 'server', error: 'path' },
        { name: 'WebSocket client', isChild: false, role: 'client', error: 'Unexpected server response: 400' },
      ]),
    );
    expect(counters).toEqual(
      expect.arrayContaining([
        { name: 'wasock.connections', role: 'server', value: 0 },
        { name: 'wasock.messages', role: 'server', value: 1 },
        { name: 'wasock.payload', role: 'client', value: 5 },
      ]),
    );
  });
});
