// A worker with a handler of the fibjs facade, and one path for each other thing that fibjs.test.ts looks at.

import { PassThrough, Readable } from 'node:stream';
import { Message, route, Socket, TEXT, upgrade } from '../../../adapters/edge/fibjs.ts';

/** Errors and ends of the connections to `/ws`. */
const ended: string[] = [];

const handler = route({
  '/ws': upgrade<Request>({ maxPayload: 300_000 }, (conn, request) => {
    const members = [
      request.address,
      request.firstHeader('Origin'),
      request.allHeader('oRIGIN'),
      ['Origin', 'x-missing', 'constructor'].map((name) => request.hasHeader(name)),
    ];
    const about = [conn.url, conn.protocol, conn.origin, conn instanceof Socket, request instanceof Request];
    conn.send(JSON.stringify([...about, members]));
    conn.on('message', (event) => {
      const { data, type, masked } = event;
      if (data === 'number') conn.send(5);
      else if (data === 'body') conn.send(event.body.readAll()!);
      else if (data === 'drop') event.stream.close();
      else if (data === 'close') conn.close(4000, 'as you wish');
      else if (data === 'kind?') conn.send(`${type} ${String(masked)}`);
      else conn.send(data);
    });
    conn.on('error', ({ code, reason }) => ended.push(`error ${code} ${reason}`));
    conn.on('close', ({ code, reason }) => ended.push(`${code} ${reason}`));
  }),
});

/** Exchanges a message with an echo, and tells what is known in the end. */
function exchange(url: string, perMessageDeflate: boolean): Promise<string> {
  const kept: string[] = [];
  const httpClient = { getCookieString: () => 'a=b', setCookie: (cookie: string) => kept.push(cookie) };
  const conn = new Socket(url, { protocol: 'chat', perMessageDeflate, httpClient });
  const asked = conn.protocol;
  let early = '';
  try {
    conn.send('early');
  } catch (error) {
    early = (error as Error).message;
  }
  return new Promise((resolve, reject) => {
    let seen = '';
    conn.onopen = () => conn.send('hällo '.repeat(100));
    conn.onmessage = ({ data, compress }) => {
      seen = `${String(data === 'hällo '.repeat(100))} ${String(compress)}`;
      conn.close(3000, 'done');
    };
    conn.onerror = ({ code, reason }) => reject(new Error(`${code} ${conn.readyState} ${reason}`));
    conn.onclose = ({ code, reason }) => resolve([seen, asked, conn.protocol, code, reason, ...kept, early].join(' '));
  });
}

async function throughStream(): Promise<string> {
  const stream = new PassThrough();
  const message = new Message(TEXT, true, true);
  message.body.write(new TextEncoder().encode('hällo '.repeat(100)));
  await message.sendTo(stream);
  const copy = new Message();
  await copy.readFrom(stream);
  return `${String(copy.data === 'hällo '.repeat(100))} ${String(copy.masked)} ${String(copy.compress)}`;
}

async function fromChunks(): Promise<string> {
  const message = new Message();
  await message.readFrom(Readable.from([Uint8Array.of(0x81, 0x05, 0x48), Uint8Array.of(0x65, 0x6c, 0x6c, 0x6f)]));
  return String(message.data);
}

type Asked = (query: URLSearchParams) => Promise<string> | string;

const PATHS: Readonly<Record<string, Asked | undefined>> = {
  '/exchange': (query) => exchange(query.get('to') ?? '', query.has('deflate')),
  '/message': throughStream,
  '/chunks': fromChunks,
  '/ended': () => ended.join(', '),
  '/dispatcher': () => {
    try {
      return new Socket('ws://127.0.0.1/', { httpClient: { dispatch: () => true } }).url;
    } catch (error) {
      return (error as Error).message;
    }
  },
};

export default {
  async fetch(request: Request, ...context: unknown[]): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const asked = PATHS[pathname];
    if (asked === undefined) return handler(request, ...context);
    try {
      return new Response(await asked(searchParams));
    } catch (error) {
      return new Response(`failed: ${(error as Error).message}`);
    }
  },
};
