# Configuration of workerd for worker.mjs, bundled into build/. See worker.mjs.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [
        (name = "worker.js", esModule = embed "build/worker.js"),
        (name = "core.wasm", wasm = embed "build/core.wasm"),
      ],
      compatibilityDate = "2026-01-01",
      # Where GET /ask goes: UPSTREAM=ws://127.0.0.1:8080/ workerd serve worker.capnp
      bindings = [(name = "UPSTREAM", fromEnvironment = "UPSTREAM")],
      globalOutbound = "network",
    )),
    # "private" and "local" let the worker reach this machine; for the internet alone, leave them out.
    (name = "network", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "main")],
);
