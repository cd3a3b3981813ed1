// The /echo endpoint: every message goes back as it came.

/** Above this many unsent bytes we stop reading until the peer has taken its echoes: TCP then holds the peer back. */
const HIGH_WATER_MARK = 1024 * 1024;

/**
 * @param {import('wasock').WebSocket} socket
 * @param {import('./figures.mjs').Figures} figures
 */
export function serveEcho(socket, figures) {
  const resume = () => socket.resume();
  socket.on('error', () => {
    // A peer broke the protocol; the library answers with the right close code, and 'close' follows.
  });
  socket.on('message', (/** @type {Buffer} */ data, isBinary) => {
    figures.received(data.length);
    figures.sent(data.length);
    if (socket.bufferedAmount + data.length > HIGH_WATER_MARK && !socket.isPaused) {
      socket.pause();
      socket.send(data, { binary: isBinary }, resume);
    } else {
      socket.send(data, { binary: isBinary });
    }
  });
}
