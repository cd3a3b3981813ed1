import { expect, onTestFinished, test } from 'vitest';
import { bindProxies, type ConnectionPlan } from '../../../src/proxy/connector.ts';

/** The functions over a runtime that only notes what it does. */
function bind(variables?: Record<string, string>) {
  const log: string[] = [];
  const note = (line: string): { abort(): void } => ({
    abort: () => void log.push(`abort ${line}`),
    ...(log.push(line) && {}),
  });
  const proxies = bindProxies<ConnectionPlan, object>(
    (proxy, { host, port }) => note(`${proxy.name} to ${host}:${port}`),
    variables && ((name) => variables[name]),
  );
  const direct = { connect: ({ host, path }: ConnectionPlan) => note(`direct to ${path ?? host}`) };
  return { ...proxies, log, direct };
}

const PLAN = { host: 'a.example', port: 80 };

test('createProxy() connects through its proxy', () => {
  const { createProxy, direct, log } = bind();
  createProxy('http://p').connect(PLAN, {}, direct).abort();
  createProxy('socks5://p').connect({ ...PLAN, tls: {} }, {}, direct);
  expect(log).toEqual(['http://p:80 to a.example:80', 'abort http://p:80 to a.example:80', 'socks5://p:1080 to a.example:80']);
});

test('createProxy() is not for Unix domain sockets', () => {
  const { createProxy, direct } = bind();
  expect(() => createProxy('http://p').connect({ ...PLAN, path: '/a' }, {}, direct)).toThrow(
    new TypeError('The "proxy" option is not for a Unix domain socket'),
  );
});

test('proxyFromEnvironment() chooses for each connection', () => {
  const variables = { HTTP_PROXY: 'p', HTTPS_PROXY: 'https://q', NO_PROXY: 'b.example' };
  const { proxyFromEnvironment, direct, log } = bind(variables);
  const connector = proxyFromEnvironment();
  connector.connect(PLAN, {}, direct);
  connector.connect({ ...PLAN, tls: {} }, {}, direct);
  connector.connect({ ...PLAN, host: 'b.example' }, {}, direct);
  connector.connect({ ...PLAN, path: '/a' }, {}, direct).abort();
  expect(log).toEqual([
    'http://p:80 to a.example:80',
    'https://q:443 to a.example:80',
    'direct to b.example',
    'direct to /a',
    'abort direct to /a',
  ]);
});

test('proxyFromEnvironment() takes the variables that it is given, and reads them once', () => {
  const { proxyFromEnvironment, direct, log } = bind({ HTTP_PROXY: 'p' });
  const variables = { HTTP_PROXY: 'q' };
  const connector = proxyFromEnvironment({ variables });
  variables.HTTP_PROXY = 'r';
  connector.connect(PLAN, {}, direct);
  expect(log).toEqual(['http://q:80 to a.example:80']);
});

test('proxyFromEnvironment() needs variables where there is no process', () => {
  expect(() => bind().proxyFromEnvironment()).toThrow(
    new TypeError('proxyFromEnvironment() needs the "variables" option here: pass env'),
  );
});

test('options and variables that a polluted Object.prototype hands down do not count', () => {
  const polluted = Object.prototype as Record<string, unknown>;
  Object.assign(polluted, { headers: { a: 'b' }, tls: {}, variables: { HTTP_PROXY: 'evil' }, HTTP_PROXY: 'evil' });
  onTestFinished(() => {
    for (const name of ['headers', 'tls', 'variables', 'HTTP_PROXY']) delete polluted[name];
  });
  const { createProxy, proxyFromEnvironment, direct, log } = bind({ HTTPS_PROXY: 'q' });
  expect(() => createProxy('socks5://p')).not.toThrow();
  expect(() => createProxy('socks5://p', {})).not.toThrow();
  proxyFromEnvironment({}).connect({ ...PLAN, tls: {} }, {}, direct);
  proxyFromEnvironment({ variables: {} }).connect(PLAN, {}, direct);
  expect(log).toEqual(['http://q:80 to a.example:80', 'direct to a.example']);
});
