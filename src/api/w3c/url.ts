// The URL steps of the WebSocket constructor: https://websockets.spec.whatwg.org/#dom-websocket-websocket, steps 2 to 7.

/**
 * Parses the URL of a WebSocket server, as a program gives it. There is no base URL outside of a document.
 *
 * @throws {DOMException} SyntaxError if it is not an absolute URL of scheme ws, wss, http or https, or has a fragment.
 */
export function parseWebSocketUrl(text: string): URL {
  // 2. Let urlRecord be the result of applying the URL parser to url. 3. If urlRecord is failure, throw a SyntaxError.
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new DOMException(`Invalid WebSocket URL: ${text}`, 'SyntaxError');
  }
  // 4. If its scheme is "http", set it to "ws". 5. If it is "https", set it to "wss".
  if (url.protocol === 'http:') url.protocol = 'ws:';
  else if (url.protocol === 'https:') url.protocol = 'wss:';
  // 6. If its scheme is neither "ws" nor "wss", throw a SyntaxError.
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new DOMException(`The scheme of a WebSocket URL is ws, wss, http or https, not ${url.protocol}`, 'SyntaxError');
  }
  // 7. If its fragment is non-null, throw a SyntaxError. An empty one is not in `hash`; an unescaped "#" is nowhere else.
  if (url.href.includes('#')) throw new DOMException('A WebSocket URL has no fragment', 'SyntaxError');
  return url;
}
