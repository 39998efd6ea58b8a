// Real servers on this machine, and directives.

import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";

import { handlerOf } from "../lambda/handler.mjs";

export const TOKEN = "cAnArY-access-token-1234567890";
export const DOOR_TOKEN = "cAnArY-door-token-1234567890";
export const SESSION = "cAnArY5e5510n".repeat(4);

/** A server that answers with `answer(request, response, body)`; `seen` holds what it was asked. */
export async function serving(t, answer, upgrade) {
  const seen = [];
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString();
    const { method, url, headers, socket } = request;
    seen.push({ method, url, headers, body, port: socket.remotePort });
    await answer(request, response, body);
  });
  if (upgrade) server.on("upgrade", upgrade);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, seen, server };
}

/** An answer with a status and a body. */
export function saying(status, body = "", headers = {}) {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
}

/** An event as the door answers. */
export const GOOD = {
  event: {
    header: { namespace: "Alexa", name: "Response", messageId: "m-1", payloadVersion: "3" },
    endpoint: { endpointId: "front_door" },
    payload: {},
  },
};

export function offer(token = TOKEN) {
  return {
    directive: {
      header: {
        namespace: "Alexa.RTCSessionController",
        name: "InitiateSessionWithOffer",
        messageId: "directive-1",
        correlationToken: "correlation==",
        payloadVersion: "3",
      },
      endpoint: { scope: { type: "BearerToken", token }, endpointId: "front_door", cookie: {} },
      payload: { sessionId: "s-1", offer: { format: "SDP", value: "v=0" } },
    },
  };
}

export function discover(token = TOKEN) {
  const header = { namespace: "Alexa.Discovery", name: "Discover", messageId: "directive-2", payloadVersion: "3" };
  return { directive: { header, payload: { scope: { type: "BearerToken", token } } } };
}

export function acceptGrant(token = TOKEN) {
  const header = {
    namespace: "Alexa.Authorization",
    name: "AcceptGrant",
    messageId: "directive-3",
    payloadVersion: "3",
  };
  const grant = { type: "OAuth2.AuthorizationCode", code: "cAnArY-code" };
  return { directive: { header, payload: { grant, grantee: { type: "BearerToken", token } } } };
}

/** A token as the hub makes them. */
export function hubToken(login, expires = Date.now() / 1000 + 1800) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ iss: login, exp: Math.floor(expires) })}.cAnArY-signature`;
}

/** What the handler answers, and what it wrote meanwhile. */
export async function ask(settings, directive, { more, context } = {}) {
  return (await asking(settings, more))(directive, context);
}

/** The same, for several directives of one function. */
export function asking(settings, more) {
  const handler = handlerOf(settings, more);
  return async (directive, context) => {
    const { result: event, written } = await listening(() => handler(directive, context));
    return { event, log: written };
  };
}

let ears = 0;
let written = "";
const { write } = process.stderr;

/** Runs something, and catches what it writes. Standard output is the test runner's. */
async function listening(deed) {
  if (ears === 0) written = "";
  ears += 1;
  process.stderr.write = (text) => {
    written += text;
    return true;
  };
  try {
    const result = await deed();
    return { result, written };
  } finally {
    ears -= 1;
    if (ears === 0) process.stderr.write = write;
  }
}

/** A hub's side of WebSockets: `talk` gets each message of the client's, and a way to answer. */
export function webSocket(talk) {
  return (request, socket) => {
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.on("error", () => {});
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const raw = (bytes) => socket.write(Buffer.from(bytes));
    const say = (message) => raw(textFrame(JSON.stringify(message)));
    let bytes = Buffer.alloc(0);
    socket.on("data", (more) => {
      bytes = Buffer.concat([bytes, more]);
      for (let next = clientFrame(bytes); next; next = clientFrame(bytes)) {
        bytes = bytes.subarray(next.length);
        if (next.opcode === 8) return socket.end();
        talk(next.opcode === 1 ? JSON.parse(next.payload) : next, say, raw, socket);
      }
    });
    talk({ type: "connected" }, say, raw, socket);
  };
}

/** A frame of a server: `first` has the opcode and the mark of the last part. */
export function textFrame(text, first = 0x81) {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126
      ? [first, payload.length]
      : payload.length < 65536
        ? [first, 126, payload.length >> 8, payload.length & 255]
        : [first, 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((by) => (payload.length >> by) & 255)];
  return Buffer.concat([Buffer.from(head), payload]);
}

function clientFrame(bytes) {
  if (bytes.length < 2) return null;
  if (!(bytes[1] & 0x80)) throw new Error("a client must mask");
  const short = bytes[1] & 0x7f;
  const at = short === 126 ? 4 : 2;
  if (bytes.length < at + 4) return null;
  const size = short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < at + 4 + size) return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = bytes.subarray(at + 4, at + 4 + size).map((byte, nth) => byte ^ mask[nth & 3]);
  return { opcode: bytes[0] & 15, payload: payload.toString(), length: at + 4 + size };
}

/**
 * A hub with the add-on `local_doorstep`: its sessions are what `cookie()` gives; `answers` are those of the
 * ingress. `users` are the tokens that it knows; `says` replaces results by endpoint.
 */
export async function hub(t, { answer = saying(200, GOOD), says = {}, known = () => true, greets = true } = {}) {
  const told = { logins: 0, sessions: 0 };
  const good = {
    "/ingress/session": () => ({ success: true, result: { session: `${SESSION}${(told.sessions += 1)}` } }),
    "/addons/local_doorstep/info": () => ({
      success: true,
      result: { slug: "local_doorstep", ingress_entry: "/api/hassio_ingress/pAtH", ingress_url: "/elsewhere/" },
    }),
  };
  const talk = (message, say) => {
    if (message.type === "connected" && greets) say({ type: "auth_required", ha_version: "2026.11.0" });
    if (message.type === "auth") {
      told.logins += 1;
      const isKnown = known(message.access_token);
      say(isKnown ? { type: "auth_ok" } : { type: "auth_invalid", message: `bad: ${message.access_token}` });
    }
    if (message.type === "supervisor/api") {
      const missing = { success: false, error: { code: "unknown_error", message: "does not exist" } };
      const result = (says[message.endpoint] ?? good[message.endpoint])?.() ?? missing;
      say({ id: message.id, type: "result", ...result });
    }
  };
  return Object.assign(await serving(t, answer, webSocket(talk)), { told });
}

/** An address where nobody listens. */
export async function nobody(t) {
  const { url, server } = await serving(t, saying(200));
  server.close();
  await once(server, "close");
  return url;
}
