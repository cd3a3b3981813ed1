// The /chat endpoint: JSON messages between everybody who is connected.
//
// To the server:   {type: 'join', name}   {type: 'say', text}
// To the clients:  welcome (history, people), joined (your name), people, message, notice, figures, error

import { broadcast } from 'wasock';

const MAX_MEMBERS = 200;
const MAX_HISTORY = 50;
const MAX_NAME = 24;
const MAX_TEXT = 500;

/** A member may send this many messages at once, and then this many a second. */
const BURST = 10;
const RATE = 5;
/** Refused messages in a row after which a member has to go. */
const MAX_REFUSALS = 50;

/** Unsent bytes above which a member gets no figures, and above which it is dropped: it does not read. */
const SLOW = 64 * 1024;
const STUCK = 1024 * 1024;
const HEARTBEAT_SECONDS = 30;

/** Largest message that the endpoint accepts, in bytes. */
export const MAX_CHAT_PAYLOAD = 4096;

/**
 * @typedef {import('wasock').WebSocket} Socket
 *
 * @typedef {object} Member
 * @property {number} id
 * @property {string} name Empty before it has joined: it may read, not write.
 * @property {number} tokens
 * @property {number} refilledAt
 * @property {number} refusals
 * @property {boolean} isAlive
 */

export class Room {
  /** Tells pages that ids begin anew. */
  #epoch = Date.now();
  #nextId = 1;
  #seconds = 0;
  /** @type {Map<Socket, Member>} */
  #members = new Map();
  /** @type {{type: 'message', id: number, from: number, name: string, text: string, time: number}[]} */
  #history = [];
  #figures;

  /** @param {import('./figures.mjs').Figures} figures */
  constructor(figures) {
    this.#figures = figures;
  }

  /** @param {Socket} socket */
  add(socket) {
    socket.on('error', () => {
      // A peer broke the protocol; the library answers with the right close code, and 'close' follows.
    });
    if (this.#members.size >= MAX_MEMBERS) {
      socket.close(1013, 'The room is full');
      return;
    }
    const member = { id: this.#nextId++, name: '', tokens: BURST, refilledAt: performance.now(), refusals: 0, isAlive: true };
    this.#members.set(socket, member);
    socket.on('pong', () => {
      member.isAlive = true;
    });
    socket.on('close', () => this.#leave(socket, member));
    socket.on('message', (/** @type {Buffer} */ data, isBinary) => this.#receive(socket, member, data, isBinary));
    this.#send(socket, { type: 'welcome', epoch: this.#epoch, history: this.#history, people: this.#people() });
  }

  /** Pushes the live figures; to be called once a second. */
  tick() {
    const figures = encode({ type: 'figures', ...this.#figures.snapshot() });
    this.#seconds += 1;
    const isHeartbeat = this.#seconds % HEARTBEAT_SECONDS === 0;
    for (const [socket, member] of this.#members) {
      if (socket.readyState !== socket.OPEN) continue;
      if (socket.bufferedAmount > STUCK || (isHeartbeat && !member.isAlive)) {
        socket.terminate();
        continue;
      }
      if (isHeartbeat) {
        member.isAlive = false;
        socket.ping();
      }
      if (socket.bufferedAmount <= SLOW) this.#sendBytes(socket, figures);
    }
  }

  /**
   * @param {Socket} socket
   * @param {Member} member
   * @param {Buffer} data
   * @param {boolean} isBinary
   */
  #receive(socket, member, data, isBinary) {
    this.#figures.received(data.length);
    const refusal = takeToken(member)
      ? this.#obey(socket, member, isBinary ? undefined : decode(data))
      : 'Not so fast, please.';
    if (refusal === '') {
      member.refusals = 0;
      return;
    }
    member.refusals += 1;
    if (member.refusals > MAX_REFUSALS) socket.close(1008, 'Too many refused messages');
    else this.#send(socket, { type: 'error', text: refusal });
  }

  /**
   * @param {Socket} socket
   * @param {Member} member
   * @param {Record<string, unknown> | undefined} message
   * @returns {string} Why not, for the eyes of a person; empty when it was done.
   */
  #obey(socket, member, message) {
    if (message?.type === 'join') return this.#join(socket, member, message.name);
    if (message?.type === 'say') return this.#say(member, message.text);
    return 'That was no message this chat understands.';
  }

  /**
   * @param {Socket} socket
   * @param {Member} member
   * @param {unknown} wish
   */
  #join(socket, member, wish) {
    const name = clean(wish).replace(/\s+/g, ' ');
    if (member.name !== '') return 'You have joined already.';
    if (name === '') return 'Please give a name.';
    if (name.length > MAX_NAME) return `A name has at most ${MAX_NAME} characters.`;
    member.name = this.#freeName(name);
    this.#send(socket, { type: 'joined', id: member.id, name: member.name });
    this.#broadcast({ type: 'notice', text: `${member.name} joined` });
    this.#broadcast({ type: 'people', people: this.#people() });
    return '';
  }

  /**
   * @param {Member} member
   * @param {unknown} words
   */
  #say(member, words) {
    const text = clean(words);
    if (member.name === '') return 'Please join first.';
    if (text === '') return 'There was nothing in that message.';
    if (text.length > MAX_TEXT) return `A message has at most ${MAX_TEXT} characters.`;
    const message = /** @type {const} */ ({ type: 'message' });
    this.#history.push({ ...message, id: this.#nextId++, from: member.id, name: member.name, text, time: Date.now() });
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    this.#broadcast(this.#history[this.#history.length - 1]);
    return '';
  }

  /**
   * @param {Socket} socket
   * @param {Member} member
   */
  #leave(socket, member) {
    this.#members.delete(socket);
    if (member.name === '') return;
    this.#broadcast({ type: 'notice', text: `${member.name} left` });
    this.#broadcast({ type: 'people', people: this.#people() });
  }

  #people() {
    return [...this.#members.values()].filter(({ name }) => name !== '').map(({ id, name }) => ({ id, name }));
  }

  /** @param {string} wish @returns {string} `wish`, with a number behind it if somebody has that name. */
  #freeName(wish) {
    const taken = new Set(this.#people().map(({ name }) => name.toLowerCase()));
    let name = wish;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${wish} ${number}`;
    return name;
  }

  /** @param {object} message */
  #broadcast(message) {
    const bytes = encode(message);
    const present = [...this.#members.keys()].filter((socket) => socket.readyState === socket.OPEN);
    broadcast(present, bytes, { binary: false });
    for (let count = 0; count < present.length; count++) this.#figures.sent(bytes.length);
  }

  /**
   * @param {Socket} socket
   * @param {object} message
   */
  #send(socket, message) {
    this.#sendBytes(socket, encode(message));
  }

  /**
   * @param {Socket} socket
   * @param {Buffer} bytes
   */
  #sendBytes(socket, bytes) {
    if (socket.readyState !== socket.OPEN) return;
    socket.send(bytes, { binary: false });
    this.#figures.sent(bytes.length);
  }
}

/** A token bucket. @param {Member} member @returns {boolean} Whether one more message is fine. */
function takeToken(member) {
  const now = performance.now();
  member.tokens = Math.min(BURST, member.tokens + ((now - member.refilledAt) * RATE) / 1000);
  member.refilledAt = now;
  if (member.tokens < 1) return false;
  member.tokens -= 1;
  return true;
}

/** @param {object} message */
function encode(message) {
  return Buffer.from(JSON.stringify(message));
}

/** @param {Buffer} data @returns {Record<string, unknown> | undefined} Undefined when it is no JSON object. */
function decode(data) {
  try {
    const message = JSON.parse(data.toString());
    return typeof message === 'object' && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Drops characters that could disturb other people's lines: control characters, and marks that turn the writing direction. @param {unknown} text */
function clean(text) {
  if (typeof text !== 'string') return '';
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
    .replace(/[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, '')
    .trim();
}
