import { expect, test } from 'vitest';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import { credentialsOf, OpeningState, type OpeningPlan, type OpeningResult } from '../../../src/handshake/opening.ts';

const TARGET = { href: 'ws://h/', isSecure: false, authority: 'h', host: 'h', port: 80, defaultPort: 80, path: '/' };
const NO_BYTES = new Uint8Array(0);

/** An opening whose backend does nothing by itself. */
function setUp(changes: Partial<OpeningPlan> = {}, doesContinue: (state: State) => boolean = () => true, takes = false) {
  const log: string[] = [];
  const timers = new Map<number, () => void>();
  let result: OpeningResult | undefined;
  const plan = { target: { ...TARGET, socketPath: undefined, auth: 'u:p' }, protocols: [], headers: {}, ...changes };
  const state: State = new OpeningState(
    plan,
    {
      onUpgrade: (response) => log.push(`upgrade ${response}`) > 0 && doesContinue(state),
      onResponse: (request, response) => log.push(`response ${request} ${response}`) > 0 && takes,
      onOpen(socket, opened) {
        result = opened;
        log.push(`open ${socket}`);
      },
      onFail: ({ message }) => void log.push(`fail: ${message}`),
    },
    {
      nonce: new Uint8Array(16),
      timers: {
        setTimer: (task, milliseconds) => timers.set(milliseconds, task) && milliseconds,
        clearTimer: (timer) => void timers.delete(timer),
        elapsed: () => 0,
      },
      drop: () => void log.push('drop'),
    },
  );
  state.start();
  const upgrade = (fields: Record<string, string> = {}): void => {
    const headers: Record<string, string> = {
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-accept': acceptKey(state.handshake.key),
      ...fields,
    };
    state.upgrade('101', { status: 101, headers: (name) => headers[name] }, 'socket', Uint8Array.of(1));
  };
  return { state, log, timers, upgrade, result: () => result! };
}

type State = OpeningState<string, string, string>;

test('an opening succeeds, and its time limit ends', () => {
  const { log, timers, upgrade, result } = setUp({ protocols: ['a', 'b'], handshakeTimeout: 7, deflate: {} });
  expect([...timers.keys()]).toEqual([7]);
  upgrade({ 'sec-websocket-protocol': 'b', 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits=10' });
  expect(log).toEqual(['upgrade 101', 'open socket']);
  expect(result()).toMatchObject({ protocol: 'b', extensions: 'permessage-deflate; client_max_window_bits=10' });
  expect(result().agreement).toMatchObject({ clientMaxWindowBits: 10 });
  expect(result().head).toEqual(Uint8Array.of(1));
  expect(timers.size).toBe(0);
});

test.each([
  ['another accept key', { 'sec-websocket-accept': 'x' }, 'Invalid Sec-WebSocket-Accept header'],
  [
    'a subprotocol that was not asked for',
    { 'sec-websocket-protocol': 'x' },
    'Server sent a subprotocol but none was requested',
  ],
  [
    'parameters that do not answer the offer',
    { 'sec-websocket-extensions': 'permessage-deflate; server_max_window_bits=99' },
    'Invalid Sec-WebSocket-Extensions header',
  ],
])('an opening fails at %s, and drops the connection first', (_name, fields, message) => {
  const { log, upgrade } = setUp({ deflate: {} });
  upgrade(fields);
  expect(log).toEqual(['upgrade 101', 'drop', `fail: ${message}`]);
});

test('an opening is aborted when the program does not go on', () => {
  const { log, upgrade, state } = setUp({}, () => false);
  upgrade();
  expect(log).toEqual(['upgrade 101', 'drop']);
  expect(state.isOver).toBe(true);
});

test('nothing is reported once the program has aborted, be it while it is told', () => {
  const { log, upgrade } = setUp({}, (state) => {
    state.abort();
    return true;
  });
  upgrade();
  upgrade();
  expect(log).toEqual(['upgrade 101', 'drop', 'drop']);
});

test('another response fails the opening, unless the program takes it', () => {
  const refused = setUp();
  refused.state.respond('request', '403', 403, undefined);
  expect(refused.log).toEqual(['response request 403', 'drop', 'fail: Unexpected server response: 403']);
  const taken = setUp({ handshakeTimeout: 5 }, () => true, true);
  taken.state.respond('request', '403', 403, undefined);
  expect(taken.log).toEqual(['response request 403']);
  // The limit covers the body as well.
  taken.timers.get(5)!();
  expect(taken.log).toEqual(['response request 403', 'drop', 'fail: Opening handshake has timed out']);
});

test('an exception of a listener goes through, and the time limit goes on', () => {
  const { log, timers, upgrade } = setUp({ handshakeTimeout: 5 }, () => {
    throw new Error('of the program');
  });
  expect(() => upgrade()).toThrow('of the program');
  timers.get(5)!();
  expect(log).toEqual(['upgrade 101', 'drop', 'fail: Opening handshake has timed out']);
});

test('an opening fails once', () => {
  const { log, state } = setUp();
  state.fail(new Error('one'));
  state.fail(new Error('two'));
  state.abort();
  state.respond('request', '200', 200, undefined);
  expect(log).toEqual(['drop', 'fail: one']);
  expect(setUp().timers.size).toBe(0);
  state.upgrade('101', { status: 101, headers: () => undefined }, 'socket', NO_BYTES);
  expect(log).toEqual(['drop', 'fail: one', 'drop']);
});

test('credentials are those of the options, before those of the address', () => {
  const plan = { target: { ...TARGET, socketPath: undefined, auth: 'u:p' }, protocols: [], headers: {} };
  expect(credentialsOf(plan)).toBe('u:p');
  expect(credentialsOf({ ...plan, options: {} })).toBe('u:p');
  expect(credentialsOf({ ...plan, options: { auth: 'a:b' } })).toBe('a:b');
  expect(credentialsOf({ ...plan, target: { ...plan.target, auth: undefined } })).toBe(undefined);
});
