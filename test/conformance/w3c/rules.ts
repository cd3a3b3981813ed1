// The rules of the WHATWG WebSockets standard, step by step, in our words; the text is at https://websockets.spec.whatwg.org.
//
// A test shows a rule by starting its title with the id. Where none does, `exempt` says why.

export interface Rule {
  /** Algorithm and step. */
  readonly id: string;
  readonly rule: string;
  /** Why no test shows it. */
  readonly exempt?: string;
}

export interface Algorithm {
  readonly title: string;
  readonly rules: readonly Rule[];
}

type Row = readonly [step: string, rule: string, exempt?: string];

function algorithm(name: string, title: string, rows: readonly Row[]): Algorithm {
  const rules = rows.map(([step, rule, exempt]) => ({ id: `${name}-${step}`, rule, ...(exempt !== undefined && { exempt }) }));
  return { title, rules };
}

export const ALGORITHMS: readonly Algorithm[] = [
  algorithm('establish', 'Opening handshake: establish a WebSocket connection', [
    ['1', 'The request goes to the same URL under http or https.'],
    ['2', 'Redirects are errors; there is no body, no cache, no referrer.'],
    ['3', 'The request has `Upgrade: websocket`.'],
    ['4', 'The request has `Connection: Upgrade`.'],
    ['5', 'The key is 16 random bytes in base64.'],
    ['6', 'The request has the key as Sec-WebSocket-Key.'],
    ['7', 'The request has `Sec-WebSocket-Version: 13`.'],
    ['8', 'Each subprotocol is combined into Sec-WebSocket-Protocol, in order.'],
    ['9', 'permessage-deflate is offered by a user-agent defined value.'],
    ['10', 'The offer is sent as Sec-WebSocket-Extensions.'],
    ['11a', 'A network error, or a status other than 101, fails the connection. A port that Fetch blocks is a network error.'],
    ['11b', 'A subprotocol was offered and none was selected: the connection fails.'],
    ['11c', 'The response is validated as RFC 6455 says (docs/conformance.md), or the connection fails.'],
  ]),
  algorithm('constructor', 'new WebSocket(url, protocols)', [
    [
      '1',
      'The base URL is that of the settings object.',
      'Not applicable: outside of a document there is no base URL, so `url` has to be absolute.',
    ],
    ['2', '`url` goes through the URL parser.'],
    ['3', 'A string that is not a URL is a SyntaxError.'],
    ['4', 'http becomes ws.'],
    ['5', 'https becomes wss.'],
    ['6', 'Another scheme is a SyntaxError.'],
    ['7', 'A fragment, an empty one included, is a SyntaxError.'],
    ['8', 'A string is a sequence of that string alone.'],
    ['9', 'A subprotocol that is there twice, or is no token, is a SyntaxError.'],
    ['10', 'The object has the URL.'],
    ['11', 'The client is the settings object.', 'Not applicable: there is one, the process.'],
    ['12', 'The connection is established in parallel: nothing is fired inside of the constructor, nor before its microtasks.'],
  ]),
  algorithm('attribute', 'Attributes', [
    ['url', '`url` is the URL, serialized.'],
    ['readystate', '`readyState` is CONNECTING, OPEN, CLOSING, CLOSED, in turn.'],
    ['extensions', '`extensions` is empty until the connection is open, then those in use.'],
    ['protocol', '`protocol` is empty until the connection is open, then the one in use.'],
    [
      'bufferedamount',
      '`bufferedAmount` counts payload bytes of this turn and before that have not gone out; it stays when the connection closes.',
    ],
    ['binarytype', '`binaryType` is "blob" at first, then the value that was set. It applies when a message is handed over.'],
  ]),
  algorithm('close', 'close(code, reason)', [
    ['1', 'The code is 1000, or 3000 to 4999; any other code is an InvalidAccessError.'],
    ['2', 'The reason has at most 123 bytes of UTF-8; a longer one is a SyntaxError.'],
    ['3a', 'While closing, and when closed, nothing happens.'],
    ['3b', 'While connecting, the connection fails and the state is CLOSING.'],
    ['3c', 'While open, the closing handshake starts and the state is CLOSING.'],
    ['3d', 'Without code and reason the Close frame has no body; with them it has them; a reason alone goes with 1000.'],
    ['3e', 'Messages that were sent before go out before the Close frame.'],
  ]),
  algorithm('send', 'send(data)', [
    ['1', 'While connecting it is an InvalidStateError.'],
    ['2a', 'A string goes out as text, and counts by its bytes of UTF-8.'],
    ['2b', 'A Blob goes out as a binary message, in its turn, and counts by its size.'],
    ['2c', 'An ArrayBuffer goes out as a binary message, and counts by its length.'],
    ['2d', 'A view goes out as the bytes that it views, and counts by their number.'],
    ['3', 'Once the closing handshake has started nothing goes out, and `bufferedAmount` still grows.'],
  ]),
  algorithm('handler', 'Event handler attributes', [
    ['open', '`onopen` is called for `open`, once an event.'],
    ['message', '`onmessage` is called for `message`, once an event.'],
    ['error', '`onerror` is called for `error`, once an event.'],
    ['close', '`onclose` is called for `close`, once an event.'],
    ['order', 'A handler is called where it was first set among the listeners, and replaced in its place.'],
    ['object', 'A handler is null or any object. Any other value sets null. An object that is not callable is not called.'],
  ]),
  algorithm('open', 'When the WebSocket connection is established', [
    ['task', 'It is a task: listeners that are added in microtasks after the constructor get it.'],
    ['1', 'The state is OPEN.'],
    ['2', '`extensions` are those in use.'],
    ['3', '`protocol` is the one in use.'],
    ['4', '`open` is fired: a plain Event that neither bubbles nor can be cancelled.'],
  ]),
  algorithm('message', 'When a WebSocket message has been received', [
    ['task', 'It is a task: listeners that are added in microtasks after `open` get the first message.'],
    ['all', 'Every message that arrived is handed over, whatever ends the connection afterwards.'],
    ['1', 'Unless the state is OPEN, the message is dropped.'],
    ['2a', 'Text is a string.'],
    ['2b', 'Binary data is a Blob when `binaryType` says so.'],
    ['2c', 'Binary data is a separate ArrayBuffer when `binaryType` says so.'],
    ['3', '`message` is fired: a MessageEvent with the data and the origin of the URL.'],
  ]),
  algorithm('closing', 'When the WebSocket closing handshake is started', [
    ['1', 'The state is CLOSING, also when the peer started it.'],
  ]),
  algorithm('closed', 'When the WebSocket connection is closed', [
    ['task', 'It is a task: listeners that are added in microtasks after `close()` get it.'],
    ['1', 'The state is CLOSED.'],
    ['2', 'If the connection failed, `error` is fired: a plain Event. Its cause is in `error`, beyond the standard.'],
    ['3', '`close` is fired: a CloseEvent with wasClean, code and reason.'],
    ['4', 'A failure before the connection was open always has the code 1006.', 'Shown by establish-11a to establish-11c.'],
  ]),
  algorithm('idl', 'The interface, as WebIDL binds it', [
    ['class', '`WebSocket` derives from EventTarget, is named so, wants `new` and one argument at least.'],
    [
      'members',
      'All members are own properties of `WebSocket.prototype`: enumerable, configurable accessors and methods, with their lengths.',
    ],
    ['constants', 'The constants are on both, enumerable, and cannot be changed.'],
    ['tag', 'The string tag is "WebSocket".'],
    ['brand', 'Every getter, setter and method refuses another object with a TypeError.'],
    ['url', '`url` is converted to a USVString.'],
    [
      'protocols',
      '`protocols` is converted to a DOMString, or by its iterator to a sequence of them; null is "null"; a third argument that is no object is ignored.',
    ],
    ['order', 'Arguments are converted from left to right, before any step.'],
    ['code', 'A code is converted to an unsigned short by clamping, halves to even.'],
    ['reason', 'A reason is converted to a USVString.'],
    ['binarytype', 'A value of `binaryType` that is none is ignored.'],
    ['data', '`data` is a Blob, a buffer or view of unshared memory, or becomes a USVString.'],
    ['closeevent', 'CloseEvent has its constructor, and its attributes on its prototype.'],
    ['signal', '`addEventListener` takes `once` and `signal`.'],
  ]),
];
