// Heads and bodies of HTTP/1.1 in both directions: where the bytes are cut makes no difference, nothing throws, and no field carries a
// line break. RFC 9112; RFC 6455 sections 4.1 and 4.2.

import { checkResponse } from '../../src/handshake/client.ts';
import { requestHeadParser, responseHeadParser, type HeadResult, type ResponseHead } from '../../src/handshake/http-head.ts';
import { formatHead } from '../../src/handshake/headers.ts';
import { refusalHead } from '../../src/handshake/refusal.ts';
import { acceptanceHead, checkRequest } from '../../src/handshake/server.ts';
import { BodyDecoder } from '../../src/http1/body.ts';
import { utf8 } from '../../test/support/frames.ts';
import { Input, must, mustEqual } from '../input.ts';

const CUTS = 6;
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

interface Parser<Head> {
  feed(chunk: Uint8Array): HeadResult<Head> | undefined;
}

function parse<Head>(
  parser: Parser<Head>,
  chunks: Iterable<Uint8Array>,
): { result: HeadResult<Head> | undefined; fed: number } {
  let fed = 0;
  for (const chunk of chunks) {
    fed += chunk.length;
    const result = parser.feed(chunk);
    if (result !== undefined) return { result, fed };
  }
  return { result: undefined, fed };
}

/** What is known of a result; `bytes` is all input, `fed` what the parser saw of it. */
function describe({ result, fed }: ReturnType<typeof parse<object>>, bytes: Uint8Array): unknown {
  if (!result?.accepted) return result ?? 'incomplete';
  const { headers, rawHeaders, ...start } = result.head as ResponseHead;
  const end = fed - result.rest.length;
  mustEqual(result.rest, bytes.slice(end, fed), 'The bytes behind the head');
  return [start, [...headers], rawHeaders, end];
}

function checkFields({ headers, rawHeaders }: ResponseHead): void {
  for (const text of [...headers.values(), ...headers.keys(), ...rawHeaders]) {
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      must(code >= 0x20 || code === 0x09, () => `A field has the character ${code}`);
    }
  }
  must(rawHeaders.length % 2 === 0 && rawHeaders.length <= 200, () => `${rawHeaders.length} raw fields`);
}

/** An answer has one empty line, at its end, and names its lines once. */
function checkAnswer(head: string): void {
  must(head.indexOf('\r\n\r\n') >= 0, 'An answer without an end');
  const lines = head.slice(0, head.indexOf('\r\n\r\n')).split('\r\n');
  for (const line of lines) must(!line.includes('\n') && !line.includes('\r'), () => `A bare line break in ${line}`);
}

function bodyOf(head: ResponseHead, chunks: Iterable<Uint8Array>): unknown {
  const decoder = new BodyDecoder(head);
  const pieces: number[] = [];
  for (const chunk of chunks) decoder.feed(chunk, (piece) => pieces.push(...piece));
  return [pieces, decoder.isComplete, decoder.isMalformed];
}

/** Input: direction, lengths of chunks, then the bytes. */
export function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const isRequest = input.flag();
  const lengths = input.bytes(2 * CUTS);
  const bytes = input.rest();
  const cut = (): Uint8Array[] => [...new Input(lengths).cut(bytes, CUTS)];
  const create = (): Parser<object> => (isRequest ? requestHeadParser() : responseHeadParser());
  const whole = parse(create(), [bytes]);
  mustEqual(describe(parse(create(), cut()), bytes), describe(whole, bytes), 'Cut, beside whole');
  const { result } = whole;
  if (result === undefined) return;
  if (!result.accepted) return checkAnswer(refusalHead(result));
  checkFields(result.head as ResponseHead);
  if (isRequest) {
    const { method, httpVersion, headers } = result.head as unknown as { method: string } & ResponseHead;
    const check = checkRequest({ method, httpVersion, headers: (name) => headers.get(name) });
    if (!check.accepted) return checkAnswer(refusalHead(check));
    const protocol = check.protocols[0] ?? '';
    checkAnswer(formatHead(acceptanceHead({ key: check.key, protocol, extensions: undefined })));
  } else {
    const head = result.head as ResponseHead;
    checkResponse(
      { status: head.status, headers: (name) => head.headers.get(name) },
      { key: KEY, protocols: ['chat'], offeredExtensions: true },
    );
    const { rest } = result;
    mustEqual(bodyOf(head, new Input(lengths).cut(rest, CUTS)), bodyOf(head, [rest]), 'The body cut, beside whole');
  }
}

const seed = (isRequest: boolean, ...lines: string[]): Uint8Array =>
  Uint8Array.of(isRequest ? 1 : 0, ...new Array<number>(2 * CUTS).fill(9), ...utf8(`${lines.join('\r\n')}`));

export const seeds: readonly Uint8Array[] = [
  seed(
    true,
    'GET /chat?a=b HTTP/1.1',
    'Host: example.com:8080',
    'Upgrade: websocket',
    'Connection: keep-alive, Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: chat, superchat',
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
    'Cookie: a=b',
    'Cookie: c=d',
    '',
    '\u0081\u0085',
  ),
  seed(true, 'POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', '', 'hello'),
  seed(
    false,
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    'Sec-WebSocket-Protocol: chat',
    '',
    '\u0081\u0001a',
  ),
  seed(
    false,
    'HTTP/1.1 103 Early Hints',
    'Link: </a>',
    '',
    'HTTP/1.1 302 Found',
    'Location: /b',
    'Content-Length: 2',
    '',
    'ok',
  ),
  seed(
    false,
    'HTTP/1.1 503 Busy',
    'Transfer-Encoding: chunked',
    'Retry-After: 5',
    '',
    '5;x=y',
    'hello',
    '0',
    'Trailer: a',
    '',
    '',
  ),
];

/** Fragments of such heads, for a fuzzer's dictionary. */
export const dictionary: readonly string[] = [
  '\r\n',
  '\r\n\r\n',
  '\r\n ',
  '\0',
  'HTTP/1.1',
  'HTTP/1.0',
  'Host: ',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Sec-WebSocket-Key: ',
  'Sec-WebSocket-Version: 8\r\n',
  'Upgrade: websocket\r\n',
];
