// The interfaces of workerd that we use: https://developers.cloudflare.com/workers/runtime-apis/.

declare module 'cloudflare:sockets' {
  export const connect: import('./transport.ts').SocketConnect;
}

/** A WebAssembly module beside the adapter, which the bundler for the worker imports as a `WebAssembly.Module`. */
declare module '*.wasm' {
  const codecModule: unknown;
  export default codecModule;
}
