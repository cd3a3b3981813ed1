// The live figures of the page: counts of messages and payload bytes, and the delay of the event loop.

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The histogram samples with a timer of this many milliseconds and counts them in. */
const RESOLUTION = 20;

/**
 * @typedef {object} Snapshot
 * @property {number} connections
 * @property {number} messagesIn
 * @property {number} messagesOut
 * @property {number} bytesIn Payload bytes.
 * @property {number} bytesOut Payload bytes.
 * @property {number} messagesPerSecond Both directions, since the last snapshot.
 * @property {number} eventLoopDelay Median since the last snapshot, in milliseconds.
 * @property {number} eventLoopDelayMax Worst since the last snapshot, in milliseconds.
 * @property {number} uptime In seconds.
 */

export class Figures {
  connections = 0;
  #messagesIn = 0;
  #messagesOut = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #lastMessages = 0;
  #lastTime = performance.now();
  #delay = monitorEventLoopDelay({ resolution: RESOLUTION });

  constructor() {
    this.#delay.enable();
  }

  /** @param {number} bytes Payload of one message. */
  received(bytes) {
    this.#messagesIn += 1;
    this.#bytesIn += bytes;
  }

  /** @param {number} bytes Payload of one message. */
  sent(bytes) {
    this.#messagesOut += 1;
    this.#bytesOut += bytes;
  }

  /** Counts a connection until it closes. @param {import('wasock').WebSocket} socket */
  track(socket) {
    this.connections += 1;
    socket.on('close', () => {
      this.connections -= 1;
    });
  }

  /** @returns {Snapshot} */
  snapshot() {
    const now = performance.now();
    const messages = this.#messagesIn + this.#messagesOut;
    const messagesPerSecond = Math.round(((messages - this.#lastMessages) * 1000) / Math.max(1, now - this.#lastTime));
    const eventLoopDelay = lateness(this.#delay.percentile(50));
    const eventLoopDelayMax = lateness(this.#delay.max);
    this.#delay.reset();
    this.#lastMessages = messages;
    this.#lastTime = now;
    return {
      connections: this.connections,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      messagesPerSecond,
      eventLoopDelay,
      eventLoopDelayMax,
      uptime: Math.floor(process.uptime()),
    };
  }

  stop() {
    this.#delay.disable();
  }
}

/** @param {number} nanoseconds Time from one sample to the next. @returns {number} Milliseconds late, to three digits. */
function lateness(nanoseconds) {
  return Math.max(0, Math.round(nanoseconds / 1000 - RESOLUTION * 1000) / 1000);
}
