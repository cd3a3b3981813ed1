import { expect, test } from 'vitest';
import { responseHeadParser } from '../../../src/handshake/http-head.ts';
import { ResponseBody } from '../../../src/http1/response-body.ts';
import { ManualPlatform } from '../../support/platform.ts';
import { FakeTransport, latin1 } from './fake-network.ts';

function setUp(fields: string, rest: string = '') {
  const result = responseHeadParser().feed(latin1(`HTTP/1.1 400 X\r\n${fields}\r\n`));
  if (!result?.accepted) throw new Error('No head');
  const transport = new FakeTransport();
  const platform = new ManualPlatform();
  const heard: string[] = [];
  const body = new ResponseBody(transport, platform, {
    head: result.head,
    rest: latin1(rest),
    onOver: () => heard.push('over'),
  });
  const sink = {
    onData: (piece: Uint8Array) => heard.push(String.fromCharCode(...piece)),
    onEnd: () => heard.push('end'),
    onAbort: (error: Error) => heard.push(error.message),
  };
  return { transport, platform, body, heard, sink };
}

test('client reads nothing of a body that nobody asks for', () => {
  const { transport, heard } = setUp('', 'abc');
  expect(heard).toEqual([]);
  expect(transport.calls).toEqual([]);
});

test('client hears nothing more of a body that it gave up in the middle of a chunk', () => {
  const { body, heard, sink } = setUp('Transfer-Encoding: chunked\r\n', '1\r\na\r\n1\r\nb\r\n');
  body
    .attach({
      ...sink,
      onData(piece) {
        sink.onData(piece);
        body.abort(new Error('enough'));
      },
    })
    .resume();
  expect(heard).toEqual(['a', 'over', 'enough']);
});

test('client pauses and resumes the transport with the reader of the body', () => {
  const { transport, body, heard, sink } = setUp('', 'abc');
  body.attach(sink).resume();
  transport.receive('def');
  body.pause();
  body.attach(sink).resume();
  transport.events!.receiveEnd();
  expect(heard).toEqual(['abc', 'def', 'over', 'end']);
  expect(transport.calls).toEqual(['start', 'pause', 'resume', 'destroy']);
});

test("client reads a body from the codec's input arena", () => {
  const { transport, platform, body, heard, sink } = setUp('Content-Length: 3\r\n');
  body.attach(sink).resume();
  platform.codec.input.set(latin1('abcdef'));
  transport.events!.receiveInput(6);
  expect(heard).toEqual(['abc', 'over', 'end']);
});

test('client does not start to read when the body came with the head', () => {
  const { transport, body, heard, sink } = setUp('Content-Length: 3\r\n', 'abc');
  body.attach(sink).resume();
  expect(heard).toEqual(['abc', 'over', 'end']);
  expect(transport.calls).toEqual(['destroy']);
});

test.each([
  ['is malformed', (transport: FakeTransport) => transport.receive('x\r\n')],
  ['ends too early', (transport: FakeTransport) => transport.events!.receiveEnd()],
  ['is cut', (transport: FakeTransport) => transport.events!.closed()],
])('client hears of a body that %s', (_what, act) => {
  const { transport, body, heard, sink } = setUp('Transfer-Encoding: chunked\r\n');
  body.attach(sink).resume();
  act(transport);
  transport.receive('1\r\na\r\n');
  expect(heard).toEqual(['over', 'aborted']);
  expect(transport.isDestroyed).toBe(true);
});
