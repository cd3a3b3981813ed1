import { afterEach, describe, expect, test, vi } from 'vitest';
import { acceptUpgrade, webSocketUrl, type AcceptedUpgrade, type UpgradeOptions } from '../../../../adapters/edge/upgrade.ts';

vi.mock('../../../../adapters/edge/codec.ts', () => ({
  edgeCodec(): never {
    throw new Error('What the runtime speaks needs no codec');
  },
}));

/** Node.js makes no response with status 101. */
class FakeResponse {
  readonly status: number;
  readonly headers: Headers;

  constructor(_body: null, init: { status: number; headers: Headers }) {
    this.status = init.status;
    this.headers = init.headers;
  }
}

function stubRuntime(members: object = {}): void {
  const half = { accept: () => {}, addEventListener: () => {}, ...members };
  // oxlint-disable-next-line eslint/prefer-arrow-callback -- It is constructed.
  vi.stubGlobal('WebSocketPair', function WebSocketPair() {
    return { 0: {}, 1: half };
  });
  vi.stubGlobal('Response', FakeResponse);
}

const URLS_OF_NOBODY = ['http://[/', 'http://%/', 'http://x:99999/', 'ftp://example.com/', '/'];

function requestOf(headers: Record<string, string> = {}, method = 'GET'): Request {
  return { method, url: 'https://example.com/a?b=c', headers: new Headers(headers) } as Request;
}

const ASKING = { upgrade: 'WebSocket' };

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test('where there is no WebSocketPair, the error says so', () => {
  expect(() => acceptUpgrade(requestOf(ASKING), {})).toThrow(TypeError);
  expect(() => acceptUpgrade(requestOf(ASKING), {})).toThrow(/no WebSocketPair/);
});

test.each([
  ['no Upgrade header', requestOf(), 400],
  ['another protocol', requestOf({ upgrade: 'h2c' }), 400],
  ['another method', requestOf(ASKING, 'POST'), 405],
])('a request with %s is refused', (_, request, status) => {
  stubRuntime();
  expect(acceptUpgrade(request, {})).toMatchObject({ socket: null, response: { status } });
});

test.each(URLS_OF_NOBODY)('a request of which the runtime says %s is refused before a pair is made', (url) => {
  stubRuntime();
  vi.stubGlobal(
    'WebSocketPair',
    class {
      constructor() {
        throw new Error('There is nobody to close it');
      }
    },
  );
  const request = { method: 'GET', url, headers: new Headers(ASKING) } as Request;
  expect(acceptUpgrade(request, {})).toMatchObject({ socket: null, response: { status: 400 } });
});

describe('subprotocol', () => {
  const offering = (names: string): Request => requestOf({ ...ASKING, 'sec-websocket-protocol': names });

  test.each([
    ['the first by default', 'one, two', undefined, 'one'],
    ['what the program picks', 'one, two', () => 'two', 'two'],
    ['none when the program picks none', 'one, two', () => false as const, ''],
    ['none of a malformed offer', 'one,, two', () => 'one', ''],
  ])('is %s', (_, names, handleProtocols, expected) => {
    stubRuntime();
    const { protocol, response } = acceptUpgrade(offering(names), { handleProtocols }) as AcceptedUpgrade;
    expect(protocol).toBe(expected);
    expect(response.headers.get('sec-websocket-protocol')).toBe(expected === '' ? null : expected);
    expect(response.status).toBe(101);
  });

  test('is one that was offered', () => {
    stubRuntime();
    expect(() => acceptUpgrade(offering('one'), { handleProtocols: () => 'three' })).toThrow(/did not offer/);
  });
});

test('response has the header fields of the program', () => {
  stubRuntime();
  const { response } = acceptUpgrade(requestOf(ASKING), { headers: { 'X-One': '1' } });
  expect(response.headers.get('x-one')).toBe('1');
});

test.each([
  [{ maxBufferedAmount: 1 }, /^maxBufferedAmount: the runtime does not tell/],
  [{ bufferPolicy: 'drop' }, /^bufferPolicy: /],
  [{ idleTimeout: 30 }, /^idleTimeout: workers send no Pings/],
  [{ heartbeat: true }, /^heartbeat: workers send no Pings/],
  [{ perMessageDeflate: true }, /^perMessageDeflate: the runtime negotiates/],
  [{ verifyClient: () => true }, /^verifyClient: look at the request before/],
  [{ headers: { Upgrade: 'h2c' } }, /^headers: upgrade/],
  [{ nonsense: 1 }, /^nonsense: upgrade\(\) has no such option/],
])('an option that has no effect in workers is a TypeError: %j', (options, words) => {
  stubRuntime();
  const call = (): unknown => acceptUpgrade(requestOf(ASKING), options as UpgradeOptions);
  expect(call).toThrow(TypeError);
  expect(call).toThrow(words);
});

test('limits are numbers of at least 0', () => {
  stubRuntime();
  expect(() => acceptUpgrade(requestOf(ASKING), { maxPayload: -1 })).toThrow(RangeError);
  expect(() => acceptUpgrade(requestOf(ASKING), { closeTimeout: Number.NaN })).toThrow(/closeTimeout/);
});

test('a closing handshake takes no longer than closeTimeout', () => {
  stubRuntime({ readyState: 1, close() {} });
  vi.useFakeTimers();
  const { session } = acceptUpgrade(requestOf(ASKING), { closeTimeout: 1000 }) as AcceptedUpgrade;
  const ends: number[] = [];
  const ignore = (): void => {};
  session.attach({
    onMessage: ignore,
    onPing: ignore,
    onPong: ignore,
    onClosing: ignore,
    onError: ignore,
    onDrain: ignore,
    onEnd: (code) => ends.push(code),
  });
  session.start(new Uint8Array(0));
  session.close(1000);
  vi.advanceTimersByTime(999);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ends).toEqual([1006]);
});

test('a Sec-WebSocket-Protocol among the header fields counts where it was offered', () => {
  stubRuntime();
  const options = { headers: { 'Sec-WebSocket-Protocol': 'two' } };
  for (const [offer, expected] of [
    ['one, two', 'two'],
    ['one', null],
    [undefined, null],
  ] as const) {
    const request = requestOf({ ...ASKING, ...(offer !== undefined && { 'sec-websocket-protocol': offer }) });
    const { response } = acceptUpgrade(request, options) as AcceptedUpgrade;
    expect(response.headers.get('sec-websocket-protocol')).toBe(expected);
  }
});

test.each([
  ['https://example.com/a?b=c', 'wss://example.com/a?b=c'],
  ['http://example.com:8080/', 'ws://example.com:8080/'],
  ['https://example.com/#fragment', 'wss://example.com/'],
  ['http://example.com/#', 'ws://example.com/'],
  ['http+unix://example.com/a', 'ws://example.com/a'],
])('the URL of a WebSocket asked for at %s is %s', (url, expected) => {
  expect(webSocketUrl({ url })).toBe(expected);
});
