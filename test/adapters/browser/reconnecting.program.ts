// The part of the test that runs in a page: a client that connects again over the native WebSocket.

import { ReconnectingWebSocket } from '../../../adapters/browser/reconnecting.ts';

interface Surroundings {
  online: boolean;
}
const surroundings: Surroundings = { online: true };
Object.defineProperty(navigator, 'onLine', { get: () => surroundings.online });

const happens = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** Loses a connection, is offline, and comes back by the event `online` although its wait is long. */
async function comeBack(url: string): Promise<string[]> {
  const ws = new ReconnectingWebSocket(url, {
    protocols: () => ['chat'],
    backoff: { initial: 600_000, maximum: 600_000, jitter: 0, resetAfter: 0 },
    heartbeat: { message: 'hb' },
  });
  const log: string[] = [];
  ws.onmessage = ({ data }) => log.push(`message ${data as string}`);
  ws.addEventListener('open', () => log.push(`open ${ws.protocol}`));
  ws.addEventListener('close', ({ code, willReconnect }) => log.push(`close ${code} ${willReconnect}`));
  await happens(() => ws.readyState === 1);
  ws.send('end this');
  await happens(() => log.some((line) => line.startsWith('close')));
  ws.send('waits');
  surroundings.online = false;
  dispatchEvent(new Event('offline'));
  dispatchEvent(new Event('online'));
  log.push(`offline ${ws.readyState}`);
  surroundings.online = true;
  dispatchEvent(new Event('online'));
  await happens(() => log.includes('message waits'));
  ws.close(3000, 'enough');
  await happens(() => ws.readyState === 3);
  return log;
}

/** Loses a connection, and comes back when the page is shown. */
async function comeBackWhenShown(url: string): Promise<number> {
  const ws = new ReconnectingWebSocket(url, { backoff: { initial: 600_000, maximum: 600_000, jitter: 0, resetAfter: 0 } });
  await happens(() => ws.readyState === 1);
  ws.send('end this');
  await happens(() => ws.readyState === 0);
  document.dispatchEvent(new Event('visibilitychange'));
  await happens(() => ws.readyState === 1);
  const { readyState } = ws;
  ws.close();
  return readyState;
}

/** Tries although the browser says that it is offline, after a longer wait. */
async function tryOffline(url: string): Promise<number> {
  const ws = new ReconnectingWebSocket(url, { backoff: { initial: 1, maximum: 50, resetAfter: 0 } });
  await happens(() => ws.readyState === 1);
  surroundings.online = false;
  ws.send('end this');
  await happens(() => ws.readyState === 0);
  await happens(() => ws.readyState === 1);
  surroundings.online = true;
  const { readyState } = ws;
  ws.close();
  return readyState;
}

/** The errors for options that a native WebSocket cannot have. */
function refusals(): string[] {
  return [{ headers: () => ({}) }, { maxPayload: 5 }, { heartbeat: true }].map((options) => {
    try {
      return new ReconnectingWebSocket(() => 'ws://127.0.0.1:1/', options as never).url;
    } catch (error) {
      return String(error);
    }
  });
}

Object.assign(globalThis, { program: { comeBack, comeBackWhenShown, tryOffline, refusals } });
