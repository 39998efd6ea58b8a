import assert from "node:assert/strict";
import test from "node:test";

import {
  ask,
  asking,
  discover,
  GOOD,
  hub,
  hubToken,
  nobody,
  offer,
  saying,
  serving,
  SESSION,
  textFrame,
  TOKEN,
  webSocket,
} from "./fixture.mjs";

const ENTRY = "/api/hassio_ingress/pAtH/api/alexa/smart_home";

test("a directive goes through the ingress with a session of its user's", async (t) => {
  const home = await hub(t);
  const token = hubToken("login-1");
  const { event, log } = await ask({ HUB_URL: home.url }, offer(token));
  assert.deepEqual([event, log], [GOOD, ""]);
  const [{ method, url, headers, body }] = home.seen;
  assert.deepEqual([method, url], ["POST", ENTRY]);
  assert.equal(headers.cookie, `ingress_session=${SESSION}1`);
  assert.equal(headers.authorization, `Bearer ${token}`);
  assert.deepEqual(JSON.parse(body), offer(token));
});

test("a session serves all tokens of its login, and no other login's", async (t) => {
  const home = await hub(t);
  const say = asking({ HUB_URL: home.url });
  const cookies = async (token) => {
    await say(offer(token));
    return home.seen.at(-1).headers.cookie.at(-1);
  };
  assert.equal(await cookies(hubToken("login-1")), "1");
  assert.equal(await cookies(hubToken("login-1", Date.now() / 1000 + 3600)), "1");
  assert.equal(await cookies(hubToken("login-2")), "2");
  assert.equal(await cookies(hubToken("login-1")), "1");
  assert.equal(home.told.logins, 2);
});

test("two directives at once share one opening", async (t) => {
  const home = await hub(t);
  const say = asking({ HUB_URL: home.url });
  const token = hubToken("login-1");
  const answers = await Promise.all([say(offer(token)), say(discover(token)), say(offer(token))]);
  for (const { event } of answers) assert.deepEqual(event, GOOD);
  assert.equal(home.told.logins, 1);
});

test("no more than 32 sessions are kept, and the oldest goes", async (t) => {
  const home = await hub(t);
  const say = asking({ HUB_URL: home.url });
  for (let nth = 0; nth < 33; nth += 1) await say(offer(hubToken(`login-${nth}`)));
  await say(offer(hubToken("login-32")));
  assert.equal(home.told.logins, 33);
  await say(offer(hubToken("login-0")));
  assert.equal(home.told.logins, 34);
});

for (const status of [401, 403, 404, 503]) {
  test(`a kept session that gets ${status} is renewed, once`, async (t) => {
    let current = 1;
    const home = await hub(t, {
      answer: (request, response) => {
        const isGood = request.headers.cookie === `ingress_session=${SESSION}${current}`;
        saying(isGood ? 200 : status, isGood ? GOOD : "")(request, response);
      },
    });
    const say = asking({ HUB_URL: home.url });
    const token = hubToken("login-1");
    assert.deepEqual((await say(offer(token))).event, GOOD);
    current = 2;
    assert.deepEqual((await say(offer(token))).event, GOOD);
    current = 99;
    const { event } = await say(offer(token));
    assert.equal(event.event.payload.type, "BRIDGE_UNREACHABLE");
    assert.equal(home.told.sessions, 3, "one renewal for a directive");
  });
}

for (const [status, type, words] of [
  [401, "BRIDGE_UNREACHABLE", /local_doorstep.*\(401\): try again in a minute/],
  [403, "BRIDGE_UNREACHABLE", /local_doorstep.*\(403\): try again in a minute/],
  [404, "BRIDGE_UNREACHABLE", /no ingress/],
  [502, "BRIDGE_UNREACHABLE", /local_doorstep.*is it started/],
  [503, "BRIDGE_UNREACHABLE", /local_doorstep.*is it started/],
]) {
  test(`a new session that gets ${status} is ${type}, and no other is opened`, async (t) => {
    const home = await hub(t, { answer: saying(status) });
    const { event } = await ask({ HUB_URL: home.url }, offer(hubToken("login-1")));
    assert.equal(event.event.payload.type, type);
    assert.match(event.event.payload.message, words);
    assert.equal(home.told.sessions, 1);
  });
}

test("a token that has run out is not shown to the hub", async (t) => {
  const home = await hub(t);
  const { event } = await ask({ HUB_URL: home.url }, offer(hubToken("login-1", Date.now() / 1000 - 1)));
  assert.equal(event.event.payload.type, "EXPIRED_AUTHORIZATION_CREDENTIAL");
  assert.equal(home.told.logins, 0);
});

test("a token that the hub refused is not shown to it again, and others are", async (t) => {
  const bad = hubToken("login-1");
  const home = await hub(t, { known: (token) => token !== bad });
  const say = asking({ HUB_URL: home.url });
  const isRefused = ({ event }) => {
    const { type, message } = event.event.payload;
    assert.deepEqual([type, message], ["INVALID_AUTHORIZATION_CREDENTIAL", `the hub at ${home.url} refused the token`]);
  };
  for (let nth = 0; nth < 10; nth += 1) isRefused(await say(offer(bad)));
  assert.equal(home.told.logins, 1, "the hub counts each as a failed login");
  for (const good of [hubToken("login-1", Date.now() / 1000 + 3600), hubToken("login-2")]) {
    assert.deepEqual((await say(offer(good))).event, GOOD);
  }
  isRefused(await say(offer(bad)));
  assert.equal(home.told.logins, 3);
});

for (const [minutes, what, token] of [
  [30, "runs out later", hubToken("login-1", Date.now() / 1000 + 86_400)],
  [5, "does not say when it runs out", TOKEN],
  [5, "says nonsense of it", hubToken("login-1", "soon")],
]) {
  test(`a refusal is good for ${minutes} minutes when the token ${what}`, async (t) => {
    const home = await hub(t, { known: () => false });
    const say = asking({ HUB_URL: home.url });
    const { now } = Date;
    t.after(() => (Date.now = now));
    for (const [passed, logins] of [
      [0, 1],
      [minutes * 60_000 - 5000, 1],
      [minutes * 60_000 + 5000, 2],
    ]) {
      Date.now = () => now() + passed;
      await say(offer(token));
      assert.equal(home.told.logins, logins, `after ${passed} ms`);
    }
  });
}

test("no more than 64 refusals are kept, and the oldest goes", async (t) => {
  const home = await hub(t, { known: () => false });
  const say = asking({ HUB_URL: home.url });
  const tokens = Array.from({ length: 65 }, (_, nth) => hubToken(`login-${nth}`));
  for (const token of tokens) await say(offer(token));
  await say(offer(tokens[1]));
  assert.equal(home.told.logins, 65);
  await say(offer(tokens[0]));
  assert.equal(home.told.logins, 66);
});

test("a hub that says neither yes nor no to a token has not refused it", async (t) => {
  const talk = (message, say) => {
    if (message.type === "connected") say({ type: "auth_required" });
    if (message.type === "auth") say({ type: "auth_required" });
  };
  const home = await serving(t, saying(200, GOOD), webSocket(talk));
  const { event } = await ask({ HUB_URL: home.url }, offer(hubToken("login-1")));
  assert.equal(event.event.payload.type, "BRIDGE_UNREACHABLE");
  assert.match(event.event.payload.message, /does not speak as a hub/);
});

const refused = (code) => () => ({ success: false, error: { code, message: "cAnArY" } });
for (const [what, says, words] of [
  ["no Supervisor", { "/ingress/session": refused("unknown_command") }, /no Supervisor.*DOOR_URL/],
  ["users that may not", { "/ingress/session": refused("unauthorized") }, /too old/],
  ["no such add-on", { "/addons/local_doorstep/info": refused("unknown_error") }, /no app local_doorstep.*ADD_ON/],
  ["an add-on without ingress", { "/addons/local_doorstep/info": () => ({ success: true, result: {} }) }, /ADD_ON/],
  [
    "an ingress elsewhere",
    { "/addons/local_doorstep/info": () => ({ success: true, result: { ingress_entry: "/api/hassio_ingress/../x" } }) },
    /ADD_ON/,
  ],
  [
    "a session that is no cookie",
    { "/ingress/session": () => ({ success: true, result: { session: "a; b" } }) },
    /session/,
  ],
]) {
  test(`a hub with ${what} is named`, async (t) => {
    const home = await hub(t, { says });
    const { event } = await ask({ HUB_URL: home.url }, offer(hubToken("login-1")));
    assert.match(event.event.payload.message, words);
    assert.equal(home.seen.length, 0);
  });
}

test("the add-on's slug is a setting", async (t) => {
  const info = () => ({ success: true, result: { ingress_entry: "/api/hassio_ingress/oThEr" } });
  const home = await hub(t, { says: { "/addons/a1b2c3d4_doorstep/info": info } });
  const { event } = await ask({ HUB_URL: home.url, ADD_ON: "a1b2c3d4_doorstep" }, offer(hubToken("login-1")));
  assert.deepEqual(event, GOOD);
  assert.equal(home.seen[0].url, ENTRY.replace("pAtH", "oThEr"));
});

test("a hub that is away is BRIDGE_UNREACHABLE", async (t) => {
  const { event } = await ask({ HUB_URL: await nobody(t) }, offer(hubToken("login-1")));
  assert.equal(event.event.payload.type, "BRIDGE_UNREACHABLE");
});

for (const [status, type, words] of [
  [200, "BRIDGE_UNREACHABLE", /WebSocket.*\(200\)/],
  [302, "BRIDGE_UNREACHABLE", /leads elsewhere/],
  [400, "BRIDGE_UNREACHABLE", /WebSocket.*\(400\)/],
  [401, "BRIDGE_UNREACHABLE", /turns the function away.*\(401\)/],
  [403, "BRIDGE_UNREACHABLE", /turns the function away.*\(403\).*ip_bans\.yaml/],
  [404, "BRIDGE_UNREACHABLE", /no hub/],
  [426, "BRIDGE_UNREACHABLE", /WebSocket.*\(426\)/],
  [429, "INTERNAL_ERROR", /answered with status 429/],
  [502, "BRIDGE_UNREACHABLE", /nothing answers behind/],
]) {
  test(`an answer of ${status} where a WebSocket shall be is ${type}`, async (t) => {
    const page = await serving(t, saying(status, "<html>"));
    const { event } = await ask({ HUB_URL: page.url }, offer(hubToken("login-1")));
    assert.equal(event.event.payload.type, type);
    assert.match(event.event.payload.message, words);
  });
}

test("the opening of a session, its renewal and the directive have one time limit together", async (t) => {
  const slow = (deed) => (...all) => setTimeout(() => deed(...all), 300);
  let calls = 0;
  const home = await hub(t, {
    answer: slow((request, response) => saying((calls += 1) === 2 ? 401 : 200, GOOD)(request, response)),
  });
  const say = asking({ HUB_URL: home.url });
  const token = hubToken("login-1");
  assert.deepEqual((await say(offer(token))).event, GOOD);
  // 300 ms for the 401, and 300 ms for what follows: more than 500.
  const { event } = await say(offer(token), { getRemainingTimeInMillis: () => 800 });
  assert.match(event.event.payload.message, /in time/);
  assert.deepEqual((await say(offer(token))).event, GOOD, "the next one goes through");
});

test("a hub that greets nobody is given up, and the next directive opens anew", async (t) => {
  const home = await hub(t, { greets: false });
  const say = asking({ HUB_URL: home.url });
  for (let nth = 0; nth < 2; nth += 1) {
    const { event } = await say(offer(hubToken("login-1")), { getRemainingTimeInMillis: () => 600 });
    assert.equal(event.event.payload.type, "BRIDGE_UNREACHABLE");
    assert.match(event.event.payload.message, /in time/);
  }
});

/** A hub whose greeting is written by `greet(raw, say)`, and which is a good one for the rest. */
async function odd(t, greet, result = (id) => ({ id, type: "result", success: true })) {
  let pongs = 0;
  const talk = (message, say, raw, socket) => {
    if (message.type === "connected") greet(raw, say, socket);
    if (message.opcode === 10) pongs += 1;
    if (message.type === "auth") say({ type: "auth_ok" });
    if (message.type !== "supervisor/api") return;
    const opened = { session: SESSION };
    const info = { ingress_entry: "/api/hassio_ingress/pAtH", long_description: "x".repeat(70_000) };
    say({ ...result(message.id), result: message.id === 1 ? opened : info });
  };
  const server = await serving(t, saying(200, GOOD), webSocket(talk));
  const { event } = await ask({ HUB_URL: server.url }, offer(hubToken("login-1")));
  return { event, pongs };
}

const GREETING = JSON.stringify({ type: "auth_required" });

test("messages in parts, pings between them, and long ones are understood", async (t) => {
  const { event, pongs } = await odd(t, (raw) => {
    raw(textFrame(GREETING.slice(0, 5), 0x01));
    raw([0x89, 2, 0x68, 0x69]);
    raw(textFrame(GREETING.slice(5, 9), 0x00));
    // Byte by byte, as a slow line brings it.
    for (const byte of textFrame(GREETING.slice(9), 0x80)) raw([byte]);
  });
  assert.deepEqual([event, pongs], [GOOD, 1]);
});

for (const [what, bytes] of [
  ["a mask", [0x81, 0x80 | GREETING.length, ...Buffer.from(GREETING)]],
  ["an extension", textFrame(GREETING, 0xc1)],
  ["binary", textFrame(GREETING, 0x82)],
  ["a part of nothing", [0x80, 0]],
  ["a frame longer than fits", [0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0]],
  ["a length beyond all numbers", [0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]],
  ["text that is no JSON", [0x81, 1, 0x7b]],
  ["good-bye", [0x88, 2, 0x03, 0xe8]],
]) {
  test(`a hub that says ${what} is BRIDGE_UNREACHABLE at once`, async (t) => {
    const began = Date.now();
    const { event } = await odd(t, (raw) => raw(bytes));
    assert.equal(event.event.payload.type, "BRIDGE_UNREACHABLE");
    assert.ok(Date.now() - began < 3000);
  });
}

test("a message of many parts is no way around the limit", async (t) => {
  const { event } = await odd(t, (raw) => {
    raw(textFrame("x".repeat(60_000), 0x01));
    for (let nth = 0; nth < 20; nth += 1) raw(textFrame("x".repeat(60_000), 0x00));
  });
  assert.match(event.event.payload.message, /does not speak as a hub/);
});

test("a hub that says much and answers nothing is not listened to for ever", async (t) => {
  const chatter = (raw, say) => {
    say({ type: "auth_required" });
    for (let nth = 0; nth < 50; nth += 1) setTimeout(() => say({ type: "event" }), 10);
  };
  const { event } = await odd(t, chatter, () => ({ type: "event" }));
  assert.match(event.event.payload.message, /answers nothing/);
});

test("a server that changes to another protocol than WebSocket's is no hub", async (t) => {
  const { url } = await serving(t, saying(200), (_request, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  });
  const { event } = await ask({ HUB_URL: url }, offer(hubToken("login-1")));
  assert.match(event.event.payload.message, /no hub/);
});
