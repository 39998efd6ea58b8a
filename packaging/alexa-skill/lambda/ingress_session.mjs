// A session of the hub's ingress, asked for over its WebSocket as the hub's own pages do.

import { Failure } from "./failure.mjs";
import { WebSocket } from "./web_socket.mjs";

// Messages that may come beside those that are waited for.
const MOST_STRAY = 16;

/** Opens a session for the token's user: `session` is the cookie, `entry` the path before the add-on's. */
export async function openSession(hub, token, addOn, deadline) {
  const socket = await WebSocket.open(hub, "/api/websocket", deadline);
  try {
    await logIn(socket, token, hub.place);
    const ask = (id, endpoint, method) => socket.send({ id, type: "supervisor/api", endpoint, method });
    ask(1, "/ingress/session", "post");
    ask(2, `/addons/${addOn}/info`, "get");
    const [opened, info] = await results(socket, 2, hub.place);
    return { session: cookieIn(opened, hub.place), entry: entryIn(info, addOn, hub.place) };
  } finally {
    socket.close();
  }
}

async function logIn(socket, token, place) {
  const greeting = await socket.receive();
  if (greeting?.type !== "auth_required") throw Failure.unreachable(`${place} is no hub: see HUB_URL`);
  socket.send({ type: "auth", access_token: token });
  const verdict = await socket.receive();
  if (verdict?.type === "auth_ok") return;
  if (verdict?.type !== "auth_invalid") throw Failure.unreachable(`${place} does not speak as a hub does`);
  throw Failure.refused(`the hub at ${place} refused the token`);
}

/** The answers to the commands 1 to `count`. */
async function results(socket, count, place) {
  const found = new Map();
  for (let heard = 0; heard < count + MOST_STRAY; heard += 1) {
    const message = await socket.receive();
    if (message?.type === "result" && message.id >= 1 && message.id <= count) found.set(message.id, message);
    if (found.size === count) return Array.from({ length: count }, (_, at) => found.get(at + 1));
  }
  throw Failure.unreachable(`${place} says much and answers nothing`);
}

function cookieIn({ success, result, error }, place) {
  if (!success) throw refusal(error, place, `${place} opens no ingress`);
  const session = result?.session;
  if (typeof session === "string" && /^[A-Za-z0-9_-]{1,512}$/.test(session)) return session;
  throw Failure.internal(`${place} gave no session of its ingress`);
}

function entryIn({ success, result, error }, addOn, place) {
  if (!success) throw refusal(error, place, `there is no app ${addOn} at ${place}: see ADD_ON`);
  const entry = result?.ingress_entry;
  if (typeof entry === "string" && /^\/api\/hassio_ingress\/[A-Za-z0-9_-]{1,200}$/.test(entry)) return entry;
  throw Failure.unreachable(`the app ${addOn} at ${place} has no ingress: see ADD_ON`);
}

/** The hub's own text stays out: nobody knows what it quotes. */
function refusal(error, place, otherwise) {
  switch (error?.code) {
    case "unknown_command":
      return Failure.unreachable(`${place} has no Supervisor, so there are no apps: use DOOR_URL`);
    case "unauthorized":
      return Failure.unreachable(`${place} is too old: it opens its ingress to administrators alone`);
    default:
      return Failure.unreachable(otherwise);
  }
}
