// Every MUST and MUST NOT of RFC 6455 sections 4 to 7 and 8.1, the SHOULDs that we follow, and those parts of sections 3, 9.1 and 10 that can be
// seen on the wire. In our words; the text is at https://www.rfc-editor.org/rfc/rfc6455.
//
// A test shows a requirement by starting its title with the id. Where none does, `exempt` says why.

export interface Requirement {
  /** Section and letter. */
  readonly id: string;
  readonly level: 'MUST' | 'SHOULD' | 'MAY';
  /** Which of our sides it binds. */
  readonly side: 'server' | 'client' | 'both';
  readonly requirement: string;
  /** Why no test shows it. */
  readonly exempt?: string;
}

export interface Section {
  readonly number: string;
  readonly title: string;
  readonly requirements: readonly Requirement[];
}

type Row = readonly [
  letter: string,
  level: Requirement['level'],
  side: Requirement['side'],
  requirement: string,
  exempt?: string,
];

function section(number: string, title: string, rows: readonly Row[]): Section {
  const requirements = rows.map(([letter, level, side, requirement, exempt]) => {
    const row = { id: `${number}-${letter}`, level, side, requirement };
    return exempt === undefined ? row : { ...row, exempt };
  });
  return { number, title, requirements };
}

const NO_INTERMEDIARY = 'Not applicable: the library is an endpoint, never an intermediary.';

const OPENING: readonly Section[] = [
  section('3', 'WebSocket URIs', [
    ['a', 'MUST', 'client', 'A URI has no fragment.'],
    [
      'b',
      'MUST',
      'client',
      'Port 80 and 443 are the defaults of ws and wss; the resource name is path and query, `/` when empty.',
    ],
  ]),
  section('4.1', 'Client requirements', [
    ['a', 'MUST', 'client', 'A URI with invalid parts fails the connection before anything is sent.'],
    [
      'b',
      'MUST',
      'client',
      'At most one connection to a host is in the CONNECTING state; others to the same address wait for it.',
      'Not followed, on purpose: like ws, a client connects at once. It is a courtesy to servers under attack that a program can keep by waiting for `open`.',
    ],
    ['c', 'SHOULD', 'client', 'A configured proxy is used, by CONNECT.'],
    ['d', 'MUST', 'client', 'When the connection cannot be opened, the client fails and stops.'],
    ['e', 'MUST', 'client', 'With wss, TLS is negotiated before the handshake is sent, and everything after goes through it.'],
    ['f', 'MUST', 'client', 'A TLS handshake that fails fails the connection.'],
    ['g', 'MUST', 'client', 'The TLS handshake names the server (Server Name Indication).'],
    ['h', 'MUST', 'client', 'The handshake is a valid GET request of HTTP/1.1 or higher, for the resource name of the URI.'],
    ['i', 'MUST', 'client', 'It has Host, with the port unless it is the default.'],
    ['j', 'MUST', 'client', 'It has Upgrade with `websocket` and Connection with `Upgrade`.'],
    ['k', 'MUST', 'client', 'It has a Sec-WebSocket-Key: base64 of 16 bytes, random and new for each connection.'],
    ['l', 'MUST', 'client', 'It has Origin when the client is a browser; others may send it.'],
    ['m', 'MUST', 'client', 'It has Sec-WebSocket-Version 13. (8, on request, for servers of the last drafts.)'],
    ['n', 'MUST', 'client', 'Sec-WebSocket-Protocol, if sent, lists unique, non-empty tokens, the most wanted first.'],
    ['o', 'MAY', 'client', 'It may have other fields, such as cookies and credentials.'],
    ['p', 'MUST', 'client', 'The client waits for the answer before it sends anything else.'],
    ['q', 'MUST', 'client', 'A status other than 101 is handled as HTTP says and opens nothing; a redirect may be followed.'],
    ['r', 'MUST', 'client', 'No Upgrade field, or another value than `websocket` in any case: the client fails.'],
    ['s', 'MUST', 'client', 'No Connection field, or none with the token `Upgrade` in any case: the client fails.'],
    ['t', 'MUST', 'client', 'No Sec-WebSocket-Accept, or another value than the one computed: the client fails.'],
    ['u', 'MUST', 'client', 'A Sec-WebSocket-Extensions with an extension that was not requested: the client fails.'],
    ['v', 'MUST', 'client', 'A Sec-WebSocket-Protocol that was not requested: the client fails.'],
    ['w', 'MUST', 'client', 'An answer that conforms opens the connection; field names have any case and any order.'],
    ['x', 'MUST', 'client', 'A failed handshake ends the connection without a frame.'],
  ]),
  section('4.2.1', 'Reading the client’s opening handshake', [
    ['a', 'MUST', 'server', 'A method other than GET, or HTTP below 1.1, is refused.'],
    ['b', 'MUST', 'server', 'A request without Host is refused.'],
    ['c', 'MUST', 'server', 'A request without Upgrade, or without `websocket` in it in any case, is refused.'],
    ['d', 'MUST', 'server', 'A request without Connection, or without `Upgrade` in it in any case, is refused.'],
    ['e', 'MUST', 'server', 'A Sec-WebSocket-Key that is missing, repeated, or not base64 of 16 bytes is refused.'],
    ['f', 'MUST', 'server', 'A Sec-WebSocket-Version that is missing or not supported is refused.'],
    ['g', 'MAY', 'server', 'Origin is told to the program. Without it the client is no browser.'],
    ['h', 'MUST', 'server', 'Unknown fields are ignored; field names have any case and any order.'],
    ['i', 'MUST', 'server', 'A request that does not conform ends in an HTTP error such as 400, and in nothing else.'],
  ]),
  section('4.2.2', 'Sending the server’s opening handshake', [
    ['a', 'MUST', 'server', 'On an https server TLS comes first, and everything after goes through it.'],
    ['b', 'MAY', 'server', 'The server may ask for credentials (401) or refuse an origin (403), with additional fields.'],
    ['c', 'MUST', 'server', 'A version that is not spoken: an HTTP error with Sec-WebSocket-Version, and no connection.'],
    ['d', 'MUST', 'server', 'A resource that is not there: an HTTP error, and no connection.'],
    ['e', 'MUST', 'server', 'The subprotocol is one that the client offered, or none: then there is no field for it.'],
    ['f', 'MUST', 'server', 'An extension that the client did not offer is not listed.'],
    [
      'g',
      'MUST',
      'server',
      'The answer is 101 with Upgrade: websocket, Connection: Upgrade and the Sec-WebSocket-Accept of the key.',
    ],
    ['h', 'MUST', 'server', 'With the answer sent the connection is open: data may flow at once, both ways.'],
  ]),
  section('4.3', 'Grammar of the handshake’s fields', [
    ['a', 'MUST', 'server', 'Sec-WebSocket-Protocol of a client that is no list of unique tokens is refused.'],
    ['b', 'MUST', 'server', 'Sec-WebSocket-Version is one number of up to three digits without leading zeros.'],
    ['c', 'MUST', 'client', 'Sec-WebSocket-Protocol of a server is one token, Sec-WebSocket-Accept one base64 value.'],
  ]),
  section('4.4', 'Several versions', [
    ['a', 'MUST', 'server', 'The refusal of a version lists all versions that the server speaks.'],
    ['b', 'MUST', 'both', 'Version 8 differs in its handshake only: the frames are the same.'],
    [
      'c',
      'MAY',
      'client',
      'A client may repeat its handshake with a version that the refusal lists.',
      'Not used: the refusal is reported with its fields, and the program may connect again with `protocolVersion`.',
    ],
  ]),
];

const FRAMING: readonly Section[] = [
  section('5.1', 'Masking by role', [
    ['a', 'MUST', 'client', 'A client masks every frame.'],
    ['b', 'MUST', 'server', 'A server closes the connection at a frame that is not masked, with 1002.'],
    ['c', 'MUST', 'server', 'A server masks no frame.'],
    ['d', 'MUST', 'client', 'A client closes the connection at a masked frame, with 1002.'],
  ]),
  section('5.2', 'Base framing', [
    ['a', 'MUST', 'both', 'A reserved bit without an extension that gives it a meaning fails the connection.'],
    ['b', 'MUST', 'both', 'A reserved opcode fails the connection.'],
    ['c', 'MUST', 'both', 'The length has the shortest form that holds it; another form fails the connection.'],
    ['d', 'MUST', 'both', 'The top bit of a 64-bit length is 0; if not, the connection fails.'],
    ['e', 'MUST', 'both', 'Lengths are in network byte order, in 7, 7 + 16 or 7 + 64 bits.'],
    ['f', 'MUST', 'both', 'A frame may arrive in any pieces: frames are found by their headers alone.'],
    ['g', 'MUST', 'both', 'Reserved bits are 0 in all frames that we send.'],
  ]),
  section('5.3', 'Masking', [
    ['a', 'MUST', 'client', 'Each frame has a new, random key.'],
    ['b', 'MUST', 'client', 'The key of one frame tells nothing about the next.'],
    ['c', 'MUST', 'both', 'Byte i is XORed with byte i mod 4 of the key; the length stays the same.'],
  ]),
  section('5.4', 'Fragmentation', [
    ['a', 'MUST', 'both', 'Fragmented and unfragmented messages are received, in fragments of any size and number.'],
    ['b', 'MUST', 'both', 'A fragmented message is a frame without FIN, continuations without FIN, and one with it.'],
    ['c', 'MUST', 'both', 'Fragments are joined in the order in which they were sent.'],
    ['d', 'MUST', 'both', 'Control frames in the middle of a fragmented message are handled at once.'],
    ['e', 'MUST', 'both', 'A control frame in fragments fails the connection.'],
    ['f', 'MUST', 'both', 'Another message between the fragments of one fails the connection.'],
    ['g', 'MUST', 'both', 'A continuation with nothing to continue fails the connection.'],
    ['h', 'MUST', 'both', 'All fragments have the type that the first one names.'],
    [
      'i',
      'MUST',
      'both',
      'An intermediary does not change fragments it does not understand, nor those of control frames.',
      NO_INTERMEDIARY,
    ],
  ]),
  section('5.5', 'Control frames', [
    [
      'a',
      'MUST',
      'both',
      'A control frame has at most 125 bytes and the short form of the length; a longer one fails the connection.',
    ],
    ['b', 'MUST', 'both', 'We send no control frame of more than 125 bytes, and none in fragments.'],
  ]),
  section('5.5.1', 'Close', [
    [
      'a',
      'MUST',
      'both',
      'A body has two bytes of status code, in network byte order, and then a reason in UTF-8; one byte alone fails.',
    ],
    ['b', 'MUST', 'both', 'A reason that is not UTF-8 fails the connection.'],
    ['c', 'MUST', 'both', 'After a Close frame we send no more data frames.'],
    ['d', 'MUST', 'both', 'A Close frame is answered with one, which echoes the status code, unless we sent ours before.'],
    [
      'e',
      'MUST',
      'both',
      'With Close frames sent and received, TCP is closed: by the server at once; the client waits for it.',
    ],
    ['f', 'MUST', 'both', 'Close frames that cross in flight close the connection; each side sends one.'],
    [
      'g',
      'MUST',
      'both',
      'A reason is not shown to end users, as it need not be readable.',
      'Not applicable: the library shows nothing; it hands the reason to the program.',
    ],
  ]),
  section('5.5.2', 'Ping', [
    ['a', 'MUST', 'both', 'A Ping is answered with a Pong, unless a Close frame came before.'],
    ['b', 'SHOULD', 'both', 'It is answered as soon as practical.'],
  ]),
  section('5.5.3', 'Pong', [
    ['a', 'MUST', 'both', 'A Pong has the same payload as its Ping.'],
    ['b', 'MAY', 'both', 'A Pong without a Ping is not an error and gets no answer.'],
  ]),
  section('5.6', 'Data frames', [
    ['a', 'MUST', 'both', 'Text is UTF-8 as a whole message; a fragment may end inside a code point.'],
    ['b', 'MUST', 'both', 'Binary data is passed on as it is, whatever its bytes.'],
  ]),
  section('5.7', 'Examples', [
    ['a', 'MUST', 'both', 'The frames that the standard shows are read as it says.'],
    ['b', 'MUST', 'both', 'We send the frames that the standard shows as examples.'],
  ]),
  section('5.8', 'Extensibility', [
    ['a', 'MUST', 'both', 'No extension is used that was not negotiated in the opening handshake.'],
  ]),
];

const MESSAGES_AND_CLOSING: readonly Section[] = [
  section('6.1', 'Sending data', [
    ['a', 'MUST', 'both', 'Data is sent in the OPEN state only.'],
    ['b', 'MUST', 'both', 'The opcode of the first frame says text or binary; FIN is set on the last frame.'],
    ['c', 'MUST', 'client', 'Frames of a client are masked.'],
    ['d', 'MUST', 'both', 'Frames leave in the order in which they were sent.'],
  ]),
  section('6.2', 'Receiving data', [
    ['a', 'MUST', 'both', 'Incoming bytes are parsed as frames; control frames are handled as they come.'],
    ['b', 'MUST', 'both', 'A message is delivered once, with its type, when its last frame is complete.'],
    ['c', 'MUST', 'server', 'A server unmasks all frames that it receives.'],
  ]),
  section('7.1.1', 'Close the WebSocket connection', [
    ['a', 'MUST', 'server', 'The server closes TCP at once when the closing handshake is done.'],
    ['b', 'SHOULD', 'client', 'The client waits for the server to close TCP, within reason.'],
    ['c', 'SHOULD', 'both', 'TCP ends cleanly: everything that was sent is delivered, and trailing bytes are discarded.'],
    ['d', 'MAY', 'both', 'A connection that does not close in time is dropped.'],
  ]),
  section('7.1.2', 'Start the closing handshake', [
    ['a', 'MUST', 'both', 'It starts with a Close frame that has the status code and reason given.'],
    ['b', 'MUST', 'both', 'With Close frames sent and received, the connection is closed.'],
  ]),
  section('7.1.3', 'The closing handshake is started', [
    ['a', 'MUST', 'both', 'A Close frame, sent or received, means the CLOSING state.'],
  ]),
  section('7.1.4', 'The connection is closed', [
    ['a', 'MUST', 'both', 'It is CLOSED when TCP is; cleanly, if the closing handshake was completed before.'],
  ]),
  section('7.1.5', 'Connection close code', [
    ['a', 'MUST', 'both', 'It is the status code of the first Close frame received.'],
    ['b', 'MUST', 'both', 'It is 1005 when that frame has none.'],
    ['c', 'MUST', 'both', 'It is 1006 when no Close frame came.'],
  ]),
  section('7.1.6', 'Connection close reason', [
    ['a', 'MUST', 'both', 'It is the text behind the status code of the first Close frame, or empty.'],
  ]),
  section('7.1.7', 'Fail the WebSocket connection', [
    ['a', 'MUST', 'both', 'Bytes that arrive after the failure are not processed, not even a Close frame.'],
    ['b', 'SHOULD', 'both', 'A Close frame with a fitting status code goes out before TCP is closed.'],
    ['c', 'MUST', 'both', 'Messages that arrived before the violation are delivered.'],
    ['d', 'MUST', 'both', 'A failed connection is closed, and reported.'],
    ['e', 'SHOULD', 'client', 'A client does not close the connection for other reasons.'],
  ]),
  section('7.2', 'Abnormal closures', [
    ['a', 'MUST', 'both', 'When TCP is lost, the connection fails.'],
    ['b', 'MUST', 'both', 'A peer that ends TCP, even inside a frame, without a Close frame leaves an abnormal closure.'],
    [
      'c',
      'SHOULD',
      'client',
      'Clients that connect again after an abnormal closure wait, longer each time.',
      'Not applicable: the library does not connect again by itself.',
    ],
  ]),
  section('7.3', 'Normal closure of connections', [
    ['a', 'MAY', 'both', 'Either side may close at any time, by the closing handshake.'],
  ]),
  section('7.4', 'Status codes', [
    ['a', 'MUST', 'both', '1005, 1006 and 1015 are never sent, nor 1004 or a code that is not defined.'],
    ['b', 'MUST', 'both', 'A received code below 1000, reserved or undefined fails the connection with 1002.'],
    ['c', 'MUST', 'both', 'Defined codes and 3000 to 4999 are accepted.'],
  ]),
];

const AROUND: readonly Section[] = [
  section('8.1', 'Errors in UTF-8', [
    ['a', 'MUST', 'both', 'Text that is not UTF-8 fails the connection, with 1007.'],
    ['b', 'SHOULD', 'both', 'It fails at the first byte that cannot be right, even inside an unfinished frame.'],
    ['c', 'MUST', 'both', 'Overlong forms, surrogates and code points above U+10FFFF are not UTF-8.'],
    ['d', 'MUST', 'both', 'Text that we send is UTF-8, also where a string has lone surrogates.'],
  ]),
  section('9.1', 'Negotiating extensions', [
    ['a', 'MUST', 'server', 'A Sec-WebSocket-Extensions that does not fit the grammar is refused.'],
    ['b', 'MUST', 'client', 'An answer with a Sec-WebSocket-Extensions that does not fit the grammar fails the connection.'],
  ]),
  section('10', 'Security considerations', [
    [
      'a',
      'MUST',
      'both',
      '10.4: sizes above our limits are refused, by the length in the header, and for the sum of all fragments.',
    ],
    ['b', 'MUST', 'client', '10.3: bytes that a program gives to `send` are masked with a key chosen after they were given.'],
    [
      'c',
      'MUST',
      'both',
      '10.7: data is validated before it is used; a fault after the handshake is answered with a Close frame.',
    ],
    ['d', 'SHOULD', 'server', '10.2: the program can refuse a request by its origin.'],
  ]),
];

/** The whole table, in the order of the standard. */
export const SECTIONS: readonly Section[] = [...OPENING, ...FRAMING, ...MESSAGES_AND_CLOSING, ...AROUND];
