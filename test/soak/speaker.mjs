// One end of a connection of the soak: it sends the messages that the seed decides, and checks those of the other end.

import { areEqual, broadcastNumber, broadcastOf, describe, hash, messageOf, randomOf } from './messages.mjs';

/** Above so many bytes that the peer has not taken, an end sends no more. */
const MOST_BUFFERED = 1 << 20;

/** Milliseconds that a closing handshake may take. The clients of ws inflate slowly on a busy machine, and all they have received comes first. */
export const CLOSE_TIMEOUT = 120_000;
/** Milliseconds after the end of a connection in which the callbacks of its messages are called. */
export const CALLBACK_TIME = 3000;

/**
 * What an end uses of its WebSocket. `fragments` and `callback` are for ws-style ones.
 *
 * @typedef {object} Wire
 * @property {() => number} bufferedAmount
 * @property {() => boolean} isOpen
 * @property {(data: string | Buffer, options?: { fin?: boolean, binary: boolean }, callback?: (error?: Error) => void) => void} send
 * @property {(() => void) | undefined} ping
 * @property {(() => void) | undefined} pause
 * @property {(() => void) | undefined} resume
 * @property {(() => void) | undefined} terminate
 * @property {(code: number, reason: string) => void} close
 */

export class Speaker {
  sent = 0;
  received = 0;
  broadcasts = 0;
  /** Of the numbers of all broadcasts, in order. */
  broadcastHash = 0;
  bytes = 0;
  /** Callbacks of `send` that were not called. */
  waitingCallbacks = 0;
  hasEnded = false;
  /** The first 'error', if there was one. @type {string | undefined} */
  error;
  /** What this end did to end the connection: 'close' or 'terminate'. */
  #act = null;
  #closeCode = 0;
  #lastBroadcast = -1;
  #hasFailed = false;
  #resumeAt = Infinity;
  #seed;
  #id;
  #side;
  #kind;
  #wire;
  #random;
  #outgoing;
  #incoming;
  #fail;

  /**
   * @param {object} given
   * @param {number} given.seed
   * @param {string} given.id Name of the connection.
   * @param {'client' | 'server'} given.side Whose end this is.
   * @param {string} given.kind Which client it is, and which server.
   * @param {Wire} given.wire
   * @param {(message: string) => void} given.fail
   */
  constructor({ seed, id, side, kind, wire, fail }) {
    const other = side === 'client' ? 'server' : 'client';
    this.#seed = seed;
    this.#id = id;
    this.#side = side;
    this.#kind = kind;
    this.#wire = wire;
    this.#fail = fail;
    this.#outgoing = hash(seed, id, side);
    this.#incoming = hash(seed, id, other);
    this.#random = randomOf(hash(seed, id, side, 'actions'));
  }

  get isOpen() {
    return this.#act === null && !this.hasEnded && this.#wire.isOpen();
  }

  get isTakingMore() {
    return this.isOpen && this.#wire.bufferedAmount() < MOST_BUFFERED;
  }

  /** Sends some messages, now and then with a Ping or a pause. */
  talk() {
    const count = 1 + Math.floor(this.#random() ** 3 * 16);
    for (let index = 0; index < count && this.isTakingMore; index++) this.#send();
    if (!this.isOpen) return;
    if (this.#random() < 0.05) this.#wire.ping?.();
    if (this.#random() < 0.03 && this.#resumeAt === Infinity && this.#wire.pause !== undefined) {
      this.#wire.pause();
      this.#resumeAt = performance.now() + 20 + this.#random() ** 4 * 2000;
    }
  }

  #send() {
    const message = messageOf(this.#outgoing, this.sent++, undefined);
    const binary = typeof message !== 'string';
    this.bytes += message.length;
    if (this.#wire.ping === undefined) return this.#wire.send(message);
    const callback = this.#random() < 0.2 ? this.#callback() : undefined;
    if (this.#random() > 0.08) return this.#wire.send(message, { binary }, callback);
    // In fragments, of which some are empty.
    const count = 1 + Math.floor(this.#random() * 4);
    const cuts = Array.from({ length: count }, () => Math.floor(this.#random() * (message.length + 1)));
    const ends = [...cuts.sort((one, other) => one - other), message.length];
    for (const [index, end] of ends.entries()) {
      this.#wire.send(
        message.slice(ends[index - 1] ?? 0, end),
        { binary, fin: index === ends.length - 1 },
        index === ends.length - 1 ? callback : undefined,
      );
    }
  }

  #callback() {
    this.waitingCallbacks++;
    let isCalled = false;
    return () => {
      if (isCalled) this.#report('a callback of send() was called twice');
      isCalled = true;
      this.waitingCallbacks--;
    };
  }

  /** A message came. @param {string | Buffer} message */
  hear(message) {
    if (this.#hasFailed) return;
    if (this.hasEnded) return this.#report(`after the end came ${describe(message)}`);
    const number = broadcastNumber(message);
    if (number >= 0) return this.#hearBroadcast(number, message);
    const expected = messageOf(this.#incoming, this.received, undefined);
    if (!areEqual(message, expected))
      this.#report(`message ${this.received} has to be ${describe(expected)}, and is ${describe(message)}`);
    this.received++;
  }

  #hearBroadcast(number, message) {
    if (number <= this.#lastBroadcast) this.#report(`broadcast ${number} came after broadcast ${this.#lastBroadcast}`);
    const expected = broadcastOf(this.#seed, number);
    if (!areEqual(message, expected))
      this.#report(`broadcast ${number} has to be ${describe(expected)}, and is ${describe(message)}`);
    this.noteBroadcast(number);
  }

  /** The server sends broadcast `number`, or the client has got it. @param {number} number */
  noteBroadcast(number) {
    this.#lastBroadcast = number;
    this.broadcasts++;
    this.broadcastHash = hash(this.broadcastHash, number);
  }

  /** Ends a pause whose time is over. @param {boolean} [isForced] Whether all pauses are over. */
  resume(isForced = false) {
    if (!isForced && performance.now() < this.#resumeAt) return;
    if (this.#resumeAt !== Infinity) this.#wire.resume();
    this.#resumeAt = Infinity;
  }

  close() {
    if (!this.isOpen) return;
    this.#closeCode = this.#random() < 0.5 ? 1000 : 4000 + Math.floor(this.#random() * 1000);
    this.#act = 'close';
    this.#wire.close(this.#closeCode, `by the ${this.#side}`);
  }

  /** Drops the connection; closes it where the client has no such method. */
  terminate() {
    if (this.#wire.terminate === undefined) return this.close();
    if (!this.isOpen) return;
    this.#act = 'terminate';
    this.#wire.terminate();
  }

  /** The connection is over, as this end sees it. @param {number} code @param {string} reason @returns {object} Its account. */
  end(code, reason) {
    if (this.hasEnded) this.#report('ended twice');
    this.hasEnded = true;
    const { sent, received, broadcasts, broadcastHash, error } = this;
    const [act, closeCode] = [this.#act, this.#closeCode];
    return { id: this.#id, kind: this.#kind, sent, received, broadcasts, broadcastHash, act, closeCode, code, reason, error };
  }

  /** To be called some turns after the end. */
  checkCallbacks() {
    if (this.waitingCallbacks > 0) this.#report(`${this.waitingCallbacks} callbacks of send() were never called`);
  }

  #report(message) {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#fail(`seed ${this.#seed}, ${this.#kind}, connection ${this.#id}, at the ${this.#side}: ${message}`);
  }
}
