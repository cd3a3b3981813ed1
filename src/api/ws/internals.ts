// Members of ws's WebSocket that programs touch although they are in no documentation, and so in no types of ours: `setSocket` and
// `_isServer`, by which test helpers make a WebSocket of a stream whose handshake they did themselves; `_sender`, by which socket.io sends
// frames that it has encoded once for many; `_receiver` and `_req`.

import type { Duplex } from 'node:stream';
import { nextTick } from '../../clock.ts';
import type { Session } from '../../platform.ts';
import { checkLimit, readOptions } from '../../base/options.ts';
import { runtimeOf } from './binding.ts';
import { coreOf, findCore, type Callback, type SocketCore } from './core.ts';
import { sessionSettings, type ClientOptions } from './options.ts';
import { define, type WebSocketBase } from './websocket.ts';

/** `ws._sender`: for frames that a program has laid out. Messages of `ws.send` do not pass through it. */
class FrameSender {
  readonly #core: SocketCore;

  constructor(core: SocketCore) {
    this.#core = core;
  }

  /**
   * Sends a frame behind all that was sent before, as it is.
   *
   * @param list The frame, header included, in one piece or more. Copied.
   * @param callback As that of `ws.send`; called with an error where the WebSocket is not open.
   * @throws {TypeError} for a frame of less than two bytes.
   */
  sendFrame(list: readonly (Uint8Array | string)[], callback?: Callback): void {
    this.#core.sendFrame(list, callback);
  }
}

/** `ws._receiver`: the settings that the frames of one connection are read by. */
class ReceiverSettings {
  readonly #core: SocketCore;
  readonly #session: Session;

  constructor(core: SocketCore, session: Session) {
    this.#core = core;
    this.#session = session;
  }

  get _isServer(): boolean {
    return this.#session.role === 'server';
  }

  get _binaryType(): string {
    return this.#core.binaryType;
  }

  /** Largest message, in bytes; 0 for no limit. */
  get _maxPayload(): number {
    return this.#session.maxPayload!;
  }

  /** Counts from the next frame on. @throws {RangeError} for a limit that is none. */
  set _maxPayload(limit: number) {
    checkLimit('maxPayload', limit);
    this.#session.maxPayload = limit;
  }
}

interface Handles {
  readonly sender: FrameSender;
  readonly receiver: ReceiverSettings;
}

/** Apart from the cores: hardly any connection has them. */
const handles = new WeakMap<SocketCore, Handles>();

/**
 * Values of `_sender` and `_receiver`: null without a connection, as in ws, and undefined with a WebSocket of the runtime, which
 * takes no frames.
 */
function handlesOf(ws: WebSocketBase): Handles | null | undefined {
  const core = findCore(ws);
  if (core === undefined) return undefined;
  const { session } = core;
  if (session === null) return null;
  if (session.sendFrame === undefined) return undefined;
  const known = handles.get(core);
  if (known !== undefined) return known;
  const made = { sender: new FrameSender(core), receiver: new ReceiverSettings(core, session) };
  handles.set(core, made);
  return made;
}

/** An accessor that a program may replace by its own property. */
function replaceable(name: string, get: (ws: WebSocketBase) => unknown): PropertyDescriptor {
  return {
    configurable: true,
    get(this: WebSocketBase) {
      return get(this);
    },
    set(this: WebSocketBase, value: unknown) {
      define(this, name, value);
    },
  };
}

/** Defines all of them on a class of sockets. */
export function defineInternals(constructor: { readonly prototype: WebSocketBase }): void {
  Object.defineProperties(constructor.prototype, {
    _isServer: replaceable('_isServer', (ws) => findCore(ws)?.isServer),
    _receiver: replaceable('_receiver', (ws) => pick(handlesOf(ws), 'receiver')),
    _req: replaceable('_req', (ws) => findCore(ws)?.request),
    _sender: replaceable('_sender', (ws) => pick(handlesOf(ws), 'sender')),
    setSocket: {
      configurable: true,
      writable: true,
      value(this: WebSocketBase & { _isServer?: boolean }, socket: Duplex, head: Uint8Array, given?: ClientOptions | null) {
        const options = readOptions(given);
        const role = this._isServer === false ? 'client' : 'server';
        const session = runtimeOf(this).createSession(socket, sessionSettings(options, role), options.generateMask);
        const core = coreOf(this);
        // Planned before the 'open' event, so that messages come before tasks that a listener schedules.
        nextTick(() => core.start(head));
        const { allowSynchronousEvents } = options;
        core.open(this, session, { socket, protocol: '', extensions: '', allowSynchronousEvents });
      },
    },
  });
}

function pick(found: Handles | null | undefined, name: keyof Handles): unknown {
  return found === null || found === undefined ? found : found[name];
}
