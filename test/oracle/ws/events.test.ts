// The EventTarget side, and when events come.

import { once } from 'node:events';
import { describe, test } from 'vitest';
import {
  closed,
  errorOf,
  open,
  outcome,
  record,
  sameOnAllSides,
  sameWithBoth,
  show,
  until,
  type Library,
  type Socket_,
} from './oracle.ts';
import { sleep } from '../../support/sleep.ts';

type Log = unknown[];

function unheard(): void {}

type Handlers = Record<string, ((event: never) => void) | null>;

/** An unconnected WebSocket, on which a program may emit what it likes. */
function idle(library: Library): Socket_ {
  return new (library.WebSocket as unknown as new (...values: unknown[]) => Socket_)(null, undefined, {});
}

const PROGRAMS: readonly (readonly [string, (ws: Socket_, log: Log) => void])[] = [
  ['adds a listener', (ws, log) => ws.addEventListener('message', (event) => log.push(event.data))],
  [
    'adds one twice',
    (ws, log) => {
      const listener = () => log.push('called');
      ws.addEventListener('message', listener);
      ws.addEventListener('message', listener);
      log.push(ws.listenerCount('message'));
    },
  ],
  [
    'adds one for two events',
    (ws, log) => {
      const listener = (event: { type: string }) => log.push(event.type);
      ws.addEventListener('message', listener);
      ws.addEventListener('open', listener);
    },
  ],
  [
    'adds one as listener and as attribute',
    (ws, log) => {
      const listener = () => log.push('called');
      ws.onmessage = listener;
      ws.addEventListener('message', listener);
      ws.addEventListener('message', listener);
      log.push(ws.listenerCount('message'));
    },
  ],
  ['adds one once', (ws, log) => ws.addEventListener('message', (event) => log.push(event.data), { once: true })],
  ['adds one with once false', (ws, log) => ws.addEventListener('message', (event) => log.push(event.data), { once: false })],
  [
    'adds one once and again',
    (ws, log) => {
      const listener = () => log.push('called');
      ws.addEventListener('message', listener, { once: true });
      ws.addEventListener('message', listener);
      log.push(ws.listenerCount('message'));
    },
  ],
  [
    'removes one that was added once',
    (ws, log) => {
      const listener = () => log.push('called');
      ws.addEventListener('message', listener, { once: true });
      ws.removeEventListener('message', listener);
      log.push(ws.listenerCount('message'));
    },
  ],
  ['adds an object', (ws, log) => ws.addEventListener('message', { handleEvent: (event) => void log.push(event.data) })],
  [
    'calls an object on itself',
    (ws, log) => {
      const object = {
        handleEvent() {
          log.push(this === object);
        },
      };
      ws.addEventListener('message', object);
    },
  ],
  [
    'looks handleEvent up when it happens',
    (ws, log) => {
      const object = { handleEvent: () => void log.push('old') };
      ws.addEventListener('message', object);
      object.handleEvent = () => void log.push('new');
    },
  ],
  [
    'removes an object',
    (ws, log) => {
      const object = { handleEvent: () => void log.push('called') };
      ws.addEventListener('message', object);
      ws.removeEventListener('message', object);
    },
  ],
  [
    'calls a function on the WebSocket',
    (ws, log) =>
      ws.addEventListener('message', function (this: unknown, event) {
        log.push(this === ws, event.target === ws);
      }),
  ],
  [
    'removes a listener',
    (ws, log) => {
      const listener = () => log.push('called');
      ws.addEventListener('message', listener);
      ws.removeEventListener('message', listener);
      ws.removeEventListener('message', listener);
    },
  ],
  [
    'does not remove an attribute',
    (ws, log) => {
      const listener = () => log.push('called');
      ws.onmessage = listener;
      ws.removeEventListener('message', listener);
      log.push(ws.onmessage === listener);
    },
  ],
  [
    "does not remove an emitter's listener",
    (ws, log) => {
      const listener = () => log.push('called');
      ws.on('message', listener);
      ws.removeEventListener('message', listener);
    },
  ],
  ['removes what was never added', (ws) => ws.removeEventListener('message', unheard)],
  [
    'adds a listener for an unknown event',
    (ws, log) => (ws.addEventListener as (...values: unknown[]) => void)('nonsense', () => log.push('called')),
  ],
  [
    'adds a listener for ping',
    (ws, log) => (ws.addEventListener as (...values: unknown[]) => void)('ping', () => log.push('called')),
  ],
  ['adds a listener for toString', (ws) => (ws.addEventListener as (...values: unknown[]) => void)('toString', () => {})],
  ['adds a listener for constructor', (ws) => (ws.addEventListener as (...values: unknown[]) => void)('constructor', () => {})],
  ['sets an attribute', (ws, log) => void (ws.onmessage = (event) => log.push(event.data))],
  [
    'replaces an attribute',
    (ws, log) => {
      ws.onmessage = () => log.push('old');
      ws.onmessage = () => log.push('new');
      log.push(ws.listenerCount('message'));
    },
  ],
  [
    'clears an attribute',
    (ws, log) => {
      ws.onmessage = () => log.push('old');
      ws.onmessage = null;
      log.push(ws.onmessage, ws.listenerCount('message'));
    },
  ],
  ...[undefined, 7, 'text', {}, { handleEvent() {} }].map((value): [string, (ws: Socket_, log: Log) => void] => [
    `sets an attribute to ${typeof value} ${JSON.stringify(value) ?? ''}`,
    (ws, log) => {
      ws.onclose = () => log.push('old');
      ws.onclose = value as unknown as null;
      log.push(ws.onclose);
    },
  ]),
  [
    'keeps the order of all kinds of listeners',
    (ws, log) => {
      ws.on('message', () => log.push(1));
      ws.onmessage = () => log.push(2);
      ws.addEventListener('message', () => log.push(3));
      ws.once('message', () => log.push(4));
      ws.prependListener('message', () => log.push(0));
    },
  ],
  [
    'forgets attributes with removeAllListeners',
    (ws, log) => {
      const listener = () => log.push('called');
      ws.onmessage = listener;
      ws.addEventListener('message', listener);
      ws.removeAllListeners('message');
      log.push(ws.onmessage);
      ws.addEventListener('message', listener);
      log.push(ws.listenerCount('message'));
    },
  ],
  ['has attributes that are null at first', (ws, log) => log.push(ws.onopen, ws.onmessage, ws.onclose, ws.onerror)],
  [
    'has attributes of its own each',
    (ws, log) => {
      for (const name of ['onopen', 'onmessage', 'onclose', 'onerror']) {
        (ws as unknown as Handlers)[name] = (event: { type: string }) => log.push([name, event.type]);
      }
    },
  ],
];

function emitAll(ws: Socket_, log: Log): void {
  const events: readonly unknown[][] = [
    ['open'],
    ['message', Buffer.from('text'), false],
    ['message', Buffer.from('bytes'), true],
    ['message', 'a string', false],
    ['message', new ArrayBuffer(2), true],
    ['message', Buffer.from('alone')],
    ['close', 1000, Buffer.from('reason')],
    ['error', new RangeError('wrong')],
  ];
  ws.on('error', () => {});
  for (const [name, ...values] of events) log.push(outcome(() => ws.emit(name as string, ...values)));
}

describe('a WebSocket', () => {
  test.each(PROGRAMS)('%s', (_, program) =>
    sameWithBoth((library) => {
      const ws = idle(library);
      const log: Log = [];
      log.push(
        outcome(() => {
          program(ws, log);
        }),
      );
      emitAll(ws, log);
      return log.map((entry) => (entry instanceof ArrayBuffer || Buffer.isBuffer(entry) ? show(entry) : entry));
    }),
  );

  test.each(['open', 'message', 'close', 'error'] as const)('hands out %s events of the same members', (type) =>
    sameWithBoth((library) => {
      const ws = idle(library);
      const log: Log = [];
      ws.on('error', () => {});
      ws.addEventListener(type, (event) => {
        const names: string[] = [];
        for (const name in event) names.push(name);
        const values = Object.fromEntries(
          names.filter((name) => name !== 'target').map((name) => [name, show((event as never)[name])]),
        );
        const kinds = names.map((name): string => {
          let owner: object = event;
          while (!Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object;
          const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(owner, name)!;
          return JSON.stringify([name, typeof get, typeof set, enumerable, configurable]);
        });
        log.push(event.constructor.name, names.sort(), Object.keys(event), JSON.stringify(event), values, kinds.sort());
      });
      emitAll(ws, log);
      return log;
    }),
  );

  test('tells a clean close from another', () =>
    sameOnAllSides(async (sides) => {
      const log: Log = [];
      for (const method of ['close', 'terminate'] as const) {
        const pair = await open(sides);
        for (const ws of [pair.client, pair.peer]) {
          ws.addEventListener('close', ({ wasClean, code, reason }) =>
            log.push([method, ws === pair.client, wasClean, code, reason]),
          );
        }
        pair.client[method]();
        await pair.end();
      }
      return log.map((entry) => JSON.stringify(entry)).sort();
    }));

  test.each([true, false])('emits one event a turn if asked: allowSynchronousEvents %s', (allowSynchronousEvents) =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides, { allowSynchronousEvents }, { allowSynchronousEvents });
      const turns: Log[] = [];
      let turn: Log = [];
      for (const event of ['message', 'ping', 'pong']) {
        pair.peer.on(event, (data: unknown) => {
          if (turn.length === 0) {
            turns.push(turn);
            setImmediate(() => (turn = []));
          }
          turn.push([event, show(data)]);
        });
      }
      for (const text of ['a', 'b', 'c']) pair.client.send(text);
      pair.client.ping('d');
      pair.client.send(Buffer.from('e'));
      pair.client.pong('f');
      pair.client.close(1000);
      await pair.end();
      return [turns.length > 1, allowSynchronousEvents ? 0 : turns, pair.peerLog];
    }),
  );

  test.each([true, false])('answers a Ping if asked: autoPong %s', (autoPong) =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides, { autoPong }, { autoPong });
      pair.client.ping('one');
      pair.peer.ping('two');
      pair.client.send('x');
      pair.peer.send('y');
      await until(() => pair.clientLog.length + pair.peerLog.length >= (autoPong ? 8 : 6));
      const { client, peer } = await pair.end();
      return [client.map(String).sort(), peer.map(String).sort()];
    }),
  );

  test('emits no error for a socket that fails', () =>
    sameOnAllSides(async (sides) => {
      const requests: { socket: { destroy(error: Error): void } }[] = [];
      const pair = await open(sides, {}, { verifyClient: ({ req }: { req: unknown }) => requests.push(req as never) > 0 });
      requests[0].socket.destroy(new Error('broken'));
      return pair.end();
    }));

  test('goes on when a listener throws', () =>
    sameWithBoth((library) => {
      const ws = idle(library);
      ws.addEventListener('message', () => {
        throw new Error('thrown');
      });
      return outcome(() => ws.emit('message', Buffer.alloc(0), false));
    }));

  test('works with events.once', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      pair.client.send('x');
      const values = (await once(pair.peer, 'message')) as unknown[];
      await pair.end();
      return values.map(show);
    }));
});

describe('pause and resume', () => {
  test.each(['client', 'peer'] as const)('hold the messages to a %s', (side) =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      const [reader, writer] = side === 'client' ? [pair.client, pair.peer] : [pair.peer, pair.client];
      const log: Log = [];
      reader.on('message', (data) => log.push(show(data)));
      const states = [reader.isPaused];
      reader.pause();
      states.push(reader.isPaused);
      writer.send('one');
      await sleep(40);
      const before = [...log];
      reader.resume();
      states.push(reader.isPaused);
      await until(() => log.length > 0);
      await pair.end();
      return [states, before, log, reader.isPaused];
    }),
  );

  test('hold what came with the handshake', () =>
    sameOnAllSides(async ({ server: serverLibrary, client }) => {
      const server = new serverLibrary.WebSocketServer({ port: 0, host: '127.0.0.1' });
      server.on('connection', (ws) => {
        ws.send('early');
        ws.send('earlier');
      });
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const ws = new client.WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
      const log = record(ws);
      ws.on('open', () => ws.pause());
      await once(ws, 'open');
      await sleep(40);
      const before = log.length;
      ws.resume();
      await until(() => log.length >= 4);
      ws.close();
      await closed(ws);
      server.close();
      return [before, log];
    }));
});

describe('errors without a listener', () => {
  test('are thrown by emit', () => sameWithBoth((library) => outcome(() => idle(library).emit('error', new Error('unheard')))));
  test('keep their class', () =>
    sameWithBoth((library) =>
      errorOf((outcome(() => idle(library).emit('error', new RangeError('x'))) as { throws: unknown }).throws),
    ));
});
