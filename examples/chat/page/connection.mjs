// A WebSocket that comes back: after a loss it tries again, waiting longer each time.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/**
 * @typedef {object} Events
 * @property {() => void} onOpen
 * @property {(data: any) => void} onMessage
 * @property {() => void} onConnecting
 * @property {(seconds: number, reason: string) => void} onWaiting Lost; the next try comes in so many seconds.
 */

export class Connection {
  /** @type {WebSocket | undefined} */
  #socket;
  #url;
  #events;
  #failures = 0;
  #timer = 0;

  /**
   * @param {string} path
   * @param {Events} events
   */
  constructor(path, events) {
    this.#url = `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}${path}`;
    this.#events = events;
    window.addEventListener('online', () => this.retry());
    this.#connect();
  }

  /** @returns {boolean} Whether it could be sent. */
  send(/** @type {string | Uint8Array<ArrayBuffer>} */ data) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(data);
    return true;
  }

  /** Ends the wait for the next try. */
  retry() {
    if (this.#timer === 0) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  #connect() {
    this.#timer = 0;
    this.#events.onConnecting();
    const socket = new WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.#failures = 0;
      this.#events.onOpen();
    };
    socket.onmessage = ({ data }) => this.#events.onMessage(data);
    socket.onclose = ({ reason }) => this.#wait(reason);
    this.#socket = socket;
  }

  /** @param {string} reason What the server said when it closed. */
  #wait(reason) {
    this.#socket = undefined;
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures);
    this.#failures += 1;
    // Not all tabs at the same moment.
    const wait = longest * (0.5 + Math.random() / 2);
    this.#timer = window.setTimeout(() => this.#connect(), wait);
    this.#events.onWaiting(Math.max(1, Math.round(wait / 1000)), reason);
  }
}
