// Clients on this runtime, by the built package, one after the other. The argument is a list of plans as JSON; prints what each of them observes.

const { createProxy, proxyFromEnvironment } = await import('wasock/proxy');
const long = new Uint8Array(1_000_000).map((_, index) => index * 7);

function proxyOf({ proxy, proxyTls, usesEnvironment }) {
  if (proxy !== undefined) return createProxy(proxy, proxyTls && { tls: proxyTls });
  return usesEnvironment ? proxyFromEnvironment() : undefined;
}

async function observe(plan) {
  const { api = 'wasock', url, tls } = plan;
  const { WebSocket } = await import(api);
  const options = { proxy: proxyOf(plan), handshakeTimeout: 20_000, ...(api === 'wasock' ? tls : tls && { tls }) };
  const ws = new WebSocket(url, options);
  ws.binaryType = 'arraybuffer';
  const events = [];
  ws.addEventListener('open', () => {
    ws.send('hällo');
    ws.send(long);
  });
  ws.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') return events.push(data);
    const bytes = new Uint8Array(data);
    events.push(bytes.length === long.length && bytes.every((byte, index) => byte === long[index]));
    ws.close(1000);
  });
  ws.addEventListener('error', ({ error }) => events.push(`${error.name}: ${error.message}`));
  await new Promise((resolve) => ws.addEventListener('close', ({ code }) => resolve(events.push(code))));
  return events;
}

const outcomes = [];
for (const plan of JSON.parse(process.argv[2])) outcomes.push(await observe(plan));
console.log(JSON.stringify(outcomes));
