import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { coreOf } from '../../../../src/api/ws/core.ts';
import { open, TestSocket } from './idle-socket.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function record(ws: TestSocket): unknown[] {
  const log: unknown[] = [];
  ws.on('open', () => log.push('open'));
  ws.on('error', (error) => log.push([error.name, (error as { code?: string }).code, error.cause]));
  ws.on('close', (code, reason) => log.push([code, String(reason)]));
  return log;
}

describe('signal', () => {
  test('client gives up the handshake: error, then close 1006', async () => {
    const controller = new AbortController();
    const ws = new TestSocket({ signal: controller.signal });
    const log = record(ws);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    const reason = new Error('enough');
    controller.abort(reason);
    expect([ws.aborts, log]).toEqual([1, []]);
    await tick();
    expect(log).toEqual([
      ['AbortError', 'ABORT_ERR', reason],
      [1006, ''],
    ]);
    expect(ws.readyState).toBe(ws.CLOSED);
  });

  test('client with a signal that is aborted already gives up at once', async () => {
    const ws = new TestSocket({ signal: AbortSignal.abort('reason') });
    const log = record(ws);
    await tick();
    expect([ws.aborts, log]).toEqual([
      1,
      [
        ['AbortError', 'ABORT_ERR', 'reason'],
        [1006, ''],
      ],
    ]);
  });

  test('client that is open does not listen any more', async () => {
    const controller = new AbortController();
    const ws = new TestSocket({ signal: controller.signal });
    const log = record(ws);
    open(ws);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    controller.abort();
    await tick();
    expect([log, ws.readyState, ws.aborts]).toEqual([['open'], ws.OPEN, 0]);
  });

  test('client that failed does not listen any more', async () => {
    const controller = new AbortController();
    const ws = new TestSocket({ signal: controller.signal });
    const log = record(ws);
    coreOf(ws).fail(new Error('refused'));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    controller.abort();
    await tick();
    expect(log).toHaveLength(2);
  });

  test('client that is closed and aborted in one turn reports one of both', async () => {
    const controller = new AbortController();
    const ws = new TestSocket({ signal: controller.signal });
    const log = record(ws);
    ws.close();
    controller.abort();
    await tick();
    expect(log).toEqual([
      ['Error', undefined, undefined],
      [1006, ''],
    ]);
  });

  test.each(['signal', 5, {}, true])('constructor refuses %s', (signal) =>
    expect(() => new TestSocket({ signal: signal as never })).toThrow(TypeError),
  );
});
