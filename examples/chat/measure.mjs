// Measures an echo endpoint: round-trip times, and how much goes through. Every echo is checked.

/** Messages sent before the clock starts, so that the engine has compiled what it runs. */
const WARM_UP = 500;
/** Different messages, sent in turn: an echo out of order shows. */
const VARIANTS = 64;

/** @typedef {import('wasock').WebSocket} WebSocket */

/**
 * One message at a time.
 *
 * @param {WebSocket} socket Open, and echoing.
 * @param {number} size Bytes a message.
 * @param {number} count
 * @returns {Promise<{median: number, p99: number}>} Milliseconds.
 */
export async function measureRoundTrips(socket, size, count) {
  const times = new Float64Array(count);
  const total = WARM_UP + count;
  let start = performance.now();
  await exchange(socket, size, 1, (received) => {
    const now = performance.now();
    if (received > WARM_UP) times[received - WARM_UP - 1] = now - start;
    start = now;
    return received < total;
  });
  times.sort();
  return { median: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/**
 * Several messages under way all the time.
 *
 * @param {WebSocket} socket Open, and echoing.
 * @param {number} size Bytes a message.
 * @param {number} inFlight
 * @param {number} duration Milliseconds.
 * @returns {Promise<{messages: number, messagesPerSecond: number, bytesPerSecond: number}>} `bytesPerSecond` each way.
 */
export async function measureThroughput(socket, size, inFlight, duration) {
  await exchange(socket, size, inFlight, (received) => received + inFlight <= WARM_UP);
  const start = performance.now();
  let messages = 0;
  await exchange(socket, size, inFlight, (received) => {
    messages = received;
    return performance.now() - start < duration;
  });
  const seconds = (performance.now() - start) / 1000;
  return { messages, messagesPerSecond: messages / seconds, bytesPerSecond: (messages * size) / seconds };
}

/**
 * Sends `inFlight` messages, then one more for each echo while `goOn` says so; ends when every echo is back.
 *
 * @param {WebSocket} socket
 * @param {number} size
 * @param {number} inFlight
 * @param {(received: number) => boolean} goOn
 * @returns {Promise<void>}
 */
function exchange(socket, size, inFlight, goOn) {
  const messages = Array.from({ length: VARIANTS }, (_, index) => Buffer.alloc(size, index + 1));
  let sent = 0;
  let received = 0;
  return new Promise((resolve, reject) => {
    socket.on('message', onMessage);
    socket.on('close', onClose);
    while (sent < inFlight) send();

    function send() {
      socket.send(messages[sent % VARIANTS]);
      sent += 1;
    }

    /** @param {Buffer} data */
    function onMessage(data) {
      const expected = messages[received % VARIANTS];
      received += 1;
      if (!data.equals(expected)) settle(new Error(`echo ${received} differs from what was sent`));
      else if (goOn(received)) send();
      else if (received === sent) settle();
    }

    /** @param {number} code */
    function onClose(code) {
      settle(new Error(`the echo closed with code ${code} after ${received} messages`));
    }

    /** @param {Error} [error] */
    function settle(error) {
      socket.off('message', onMessage);
      socket.off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    }
  });
}

/**
 * @param {Float64Array} sorted Not empty.
 * @param {number} share From 0 to 1.
 */
function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
