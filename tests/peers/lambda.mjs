// Runs the skill's function as AWS does, with its settings in the environment: directives come in and events
// go out as lines of JSON, `{"id", "directive"}` and `{"id", "event", "ms"}`.
//
//   lambda.mjs [CHAIN KEY PORT HOST:PORT]   with a proxy that speaks TLS at PORT of this machine before HOST

import { readFileSync } from "node:fs";
import net from "node:net";
import readline from "node:readline";
import tls from "node:tls";

import { handler } from "../../packaging/alexa-skill/lambda/index.mjs";

/** Speaks TLS outside, and nothing but the same bytes inside. */
function startProxy(chain, key, port, inside) {
  const [host, insidePort] = inside.split(":");
  const server = tls.createServer({ cert: readFileSync(chain), key: readFileSync(key) }, (outer) => {
    const inner = net.connect(Number(insidePort), host);
    outer.on("error", () => inner.destroy());
    inner.on("error", () => outer.destroy());
    outer.pipe(inner).pipe(outer);
  });
  return new Promise((listening) => server.listen(Number(port), "127.0.0.1", listening));
}

const tell = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

if (process.argv.length > 2) await startProxy(...process.argv.slice(2));
tell({ event: "ready" });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { id, directive } = JSON.parse(line);
  const began = performance.now();
  handler(directive, { getRemainingTimeInMillis: () => 8000 }).then((event) => {
    tell({ id, event, ms: performance.now() - began });
  });
}
process.exit(0);
