import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { requestHeadParser, responseHeadParser } from '../../../../src/handshake/http-head.ts';
import { ResponseBody } from '../../../../src/http1/response-body.ts';
import { joinHeaders, HttpMessage } from '../../../../src/http1/ws/message.ts';
import { StreamSocket } from '../../../../src/http1/ws/socket.ts';
import { ManualPlatform } from '../../../support/platform.ts';
import { FakeTransport, latin1 } from '../fake-network.ts';

describe('joinHeaders', () => {
  test.each([
    ['lists', ['Accept', 'a', 'ACCEPT', 'b'], { accept: 'a, b' }],
    ['cookies', ['Cookie', 'a=1', 'cookie', 'b=2'], { cookie: 'a=1; b=2' }],
    ['cookies to set', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'], { 'set-cookie': ['a=1', 'b=2'] }],
    ['fields that may come once', ['User-Agent', 'a', 'user-agent', 'b', 'Referer', 'c'], { 'user-agent': 'a', referer: 'c' }],
    ['the names of object members', ['constructor', 'a', 'toString', 'b'], { constructor: 'a', tostring: 'b' }],
  ])('server joins %s as Node.js does', (_what, raw, expected) => {
    expect(joinHeaders(raw)).toEqual(expected);
  });

  test('server gives __proto__ no power', () => {
    const headers = joinHeaders(['__proto__', 'a', '__proto__', 'b']);
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
    expect(Object.entries(headers)).toEqual([['__proto__', 'a, b']]);
  });
});

describe('HttpMessage', () => {
  test('server shows a request', async () => {
    const result = requestHeadParser().feed(latin1('GET /a?b HTTP/1.1\r\nHost: x\r\nX-Y: Z\r\n\r\n'));
    if (!result?.accepted) throw new Error('No head');
    const socket = new StreamSocket(new FakeTransport(), new ManualPlatform());
    const message = new HttpMessage({ head: result.head, socket });
    expect(message).toMatchObject({
      method: 'GET',
      url: '/a?b',
      httpVersion: '1.1',
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      headers: { host: 'x', 'x-y': 'Z' },
      rawHeaders: ['Host', 'x', 'X-Y', 'Z'],
      complete: true,
      statusCode: undefined,
    });
    expect(message.socket).toBe(socket);
    expect(message.connection).toBe(socket);
    expect(await text(message)).toBe('');
    expect(socket.destroyed).toBe(false);
    message.destroy();
    expect(socket.destroyed).toBe(true);
  });

  function respond(fields: string, rest: string) {
    const result = responseHeadParser().feed(latin1(`HTTP/1.1 503 Not now\r\n${fields}\r\n${rest}`));
    if (!result?.accepted) throw new Error('No head');
    const { head } = result;
    const transport = new FakeTransport();
    const body = new ResponseBody(transport, new ManualPlatform(), { head, rest: result.rest, onOver() {} });
    return { transport, message: new HttpMessage({ head, socket: null, body }) };
  }

  test('client shows a response with its body', async () => {
    const { transport, message } = respond('Content-Length: 6\r\n', 'abc');
    expect(message).toMatchObject({ statusCode: 503, statusMessage: 'Not now', complete: false, url: '' });
    const content = text(message);
    await new Promise((resolve) => setImmediate(resolve));
    transport.receive('def');
    expect(await content).toBe('abcdef');
    expect(message.complete).toBe(true);
  });

  test('client stops reading a body that nobody takes', async () => {
    const { transport, message } = respond('', '');
    message.read(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(transport.isReading).toBe(true);
    transport.receive(new Uint8Array(1 << 20));
    expect(transport.isReading).toBe(false);
    message.destroy();
    expect(transport.isDestroyed).toBe(true);
  });

  test('client tells of a body that is cut', async () => {
    const { transport, message } = respond('Content-Length: 6\r\n', 'abc');
    const heard: string[] = [];
    message.on('aborted', () => heard.push('aborted'));
    message.on('error', ({ message: reason }) => heard.push(reason));
    message.resume();
    await new Promise((resolve) => setImmediate(resolve));
    transport.events!.closed(new Error('read ECONNRESET'));
    await new Promise((resolve) => message.on('close', resolve));
    expect(heard).toEqual(['aborted', 'read ECONNRESET']);
    expect(message).toMatchObject({ aborted: true, complete: false });
  });
});
