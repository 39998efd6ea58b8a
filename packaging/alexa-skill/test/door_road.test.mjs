import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import test from "node:test";

import {
  acceptGrant,
  ask,
  asking,
  discover,
  DOOR_TOKEN,
  GOOD,
  nobody,
  offer,
  saying,
  serving,
  TOKEN,
} from "./fixture.mjs";

/** The type and message of an ErrorResponse to `offer()`. */
function failed({ event }) {
  const { header, endpoint, payload } = event.event;
  assert.deepEqual([header.namespace, header.name, header.payloadVersion], ["Alexa", "ErrorResponse", "3"]);
  assert.equal(header.correlationToken, "correlation==");
  assert.match(header.messageId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(endpoint, { endpointId: "front_door" });
  assert.deepEqual(Object.keys(payload), ["type", "message"]);
  return payload;
}

test("a directive comes to the door as it is, with its own token, and the event comes back as it is", async (t) => {
  const door = await serving(t, saying(200, GOOD));
  const { event, log } = await ask({ DOOR_URL: door.url }, offer());
  assert.deepEqual(event, GOOD);
  assert.equal(log, "");
  const [{ method, url, headers, body }] = door.seen;
  assert.deepEqual([method, url], ["POST", "/api/alexa/smart_home"]);
  assert.equal(headers.authorization, `Bearer ${TOKEN}`);
  assert.equal(headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(body), offer());
});

test("the door's token goes into the header alone, and a path before the door's is kept", async (t) => {
  const door = await serving(t, saying(200, GOOD));
  await ask({ DOOR_URL: `${door.url}/doorstep/`, DOOR_TOKEN }, discover());
  const [{ url, headers, body }] = door.seen;
  assert.equal(url, "/doorstep/api/alexa/smart_home");
  assert.equal(headers.authorization, `Bearer ${DOOR_TOKEN}`);
  assert.deepEqual(JSON.parse(body), discover());
});

for (const [path, asked] of [
  ["//", "/api/alexa/smart_home"],
  ["/api/alexa/smart_home", "/api/alexa/smart_home"],
  ["//door.invalid", "//door.invalid/api/alexa/smart_home"],
  ["/\\door.invalid//", "//door.invalid/api/alexa/smart_home"],
]) {
  test(`no path in DOOR_URL leads to another host: ${path}`, async (t) => {
    const door = await serving(t, saying(200, GOOD));
    const { event } = await ask({ DOOR_URL: door.url + path }, offer());
    assert.deepEqual(event, GOOD);
    assert.equal(door.seen[0].url, asked);
  });
}

test("one connection serves directive after directive", async (t) => {
  const door = await serving(t, saying(200, GOOD));
  const say = asking({ DOOR_URL: door.url });
  for (let nth = 0; nth < 3; nth += 1) await say(offer());
  assert.equal(new Set(door.seen.map(({ port }) => port)).size, 1);
});

test("a kept connection that was closed meanwhile costs no directive", async (t) => {
  // Answers once on each connection, and resets it at the next request without having read it.
  const connections = [];
  const door = net.createServer((socket) => {
    connections.push(socket);
    let requests = 0;
    socket.on("error", () => {});
    socket.on("data", () => {
      requests += 1;
      if (requests > 1) return socket.resetAndDestroy();
      const body = JSON.stringify(GOOD);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
  });
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  t.after(() => door.close(connections.forEach((socket) => socket.destroy())));
  const say = asking({ DOOR_URL: `http://127.0.0.1:${door.address().port}` });
  assert.deepEqual((await say(offer())).event, GOOD);
  assert.deepEqual((await say(offer())).event, GOOD);
  assert.equal(connections.length, 2);
});

for (const [status, type] of [
  [301, "BRIDGE_UNREACHABLE"],
  [400, "INVALID_DIRECTIVE"],
  [401, "INVALID_AUTHORIZATION_CREDENTIAL"],
  [403, "INVALID_AUTHORIZATION_CREDENTIAL"],
  [404, "BRIDGE_UNREACHABLE"],
  [418, "INTERNAL_ERROR"],
  [500, "BRIDGE_UNREACHABLE"],
  [502, "BRIDGE_UNREACHABLE"],
]) {
  test(`a door that answers ${status} is ${type}`, async (t) => {
    const door = await serving(t, saying(status, "", { Location: "/elsewhere" }));
    const answer = await ask({ DOOR_URL: door.url }, offer());
    const { message } = failed(answer);
    assert.ok(message.includes(status === 404 ? "DOOR_URL" : status), message);
    assert.equal(answer.event.event.payload.type, type);
    assert.ok(message.includes(door.url), message);
    assert.equal(door.seen.length, 1, "nothing is followed and nothing is tried again");
    const [line, ...more] = answer.log.trimEnd().split("\n");
    assert.deepEqual(more, []);
    const { failed: what, type: logged, why, ms } = JSON.parse(line);
    assert.equal(what, "Alexa.RTCSessionController.InitiateSessionWithOffer");
    assert.deepEqual([logged, why], [type, message]);
    assert.ok(ms >= 0);
  });
}

for (const [what, body, words] of [
  ["nothing", "", /no event/],
  ["a web page", "<html>", /no event/],
  ["JSON that is no event", { event: {} }, /no event/],
  ["more than fits", { ...GOOD, more: "x".repeat(1024 * 1024) }, /too long/],
]) {
  test(`a door that answers with ${what} is INTERNAL_ERROR`, async (t) => {
    const door = await serving(t, saying(200, body));
    const { type, message } = failed(await ask({ DOOR_URL: door.url }, offer()));
    assert.equal(type, "INTERNAL_ERROR");
    assert.match(message, words);
  });
}

test("a door that nobody opens, and one whose name nobody knows, are BRIDGE_UNREACHABLE", async (t) => {
  const closed = failed(await ask({ DOOR_URL: await nobody(t) }, offer()));
  assert.equal(closed.type, "BRIDGE_UNREACHABLE");
  assert.match(closed.message, /ECONNREFUSED/);
  const unknown = failed(await ask({ DOOR_URL: "https://door.invalid" }, offer()));
  assert.equal(unknown.type, "BRIDGE_UNREACHABLE");
  assert.match(unknown.message, /https:\/\/door\.invalid/);
});

test("a door that hangs up in the middle of its answer is BRIDGE_UNREACHABLE", async (t) => {
  const door = await serving(t, (_request, response) => {
    response.writeHead(200, { "Content-Length": 1000 });
    response.write("{");
    setTimeout(() => response.destroy(), 20);
  });
  assert.equal(failed(await ask({ DOOR_URL: door.url }, offer())).type, "BRIDGE_UNREACHABLE");
});

for (const [what, answer] of [
  ["says nothing", () => {}],
  ["never ends", (_request, response) => response.writeHead(200).write("{")],
]) {
  test(`a door that ${what} is given up after 5.5 s`, async (t) => {
    const door = await serving(t, answer);
    const began = Date.now();
    const { type, message } = failed(await ask({ DOOR_URL: door.url }, offer()));
    const took = Date.now() - began;
    assert.equal(type, "BRIDGE_UNREACHABLE");
    assert.match(message, /in time/);
    assert.ok(took >= 5400 && took < 7500, `${took} ms`);
  });
}

test("a function with a shorter time limit gives up before it", async (t) => {
  const door = await serving(t, () => {});
  const context = { getRemainingTimeInMillis: () => 800 };
  const began = Date.now();
  assert.equal(failed(await ask({ DOOR_URL: door.url }, offer(), { context })).type, "BRIDGE_UNREACHABLE");
  assert.ok(Date.now() - began < 800);
});

test("discovery never fails: it finds nothing", async (t) => {
  for (const url of [await nobody(t), (await serving(t, saying(401))).url]) {
    const { event, log } = await ask({ DOOR_URL: url }, discover());
    const { header, payload, endpoint } = event.event;
    assert.deepEqual([header.namespace, header.name], ["Alexa.Discovery", "Discover.Response"]);
    assert.deepEqual([payload, endpoint], [{ endpoints: [] }, undefined]);
    assert.match(log, /"failed":"Alexa\.Discovery\.Discover"/);
  }
});

test("a grant that cannot be given to the door is ACCEPT_GRANT_FAILED", async (t) => {
  const { event } = await ask({ DOOR_URL: await nobody(t) }, acceptGrant());
  const { header, payload } = event.event;
  assert.deepEqual([header.namespace, header.name], ["Alexa.Authorization", "ErrorResponse"]);
  assert.equal(payload.type, "ACCEPT_GRANT_FAILED");
});

test("what is no directive, or has no token, goes nowhere", async (t) => {
  const door = await serving(t, saying(200, GOOD));
  const say = asking({ DOOR_URL: door.url });
  for (const nonsense of [undefined, null, {}, "x", { directive: null }, { directive: { header: {} } }]) {
    const { event } = await say(nonsense);
    assert.equal(event.event.payload.type, "INVALID_DIRECTIVE");
  }
  for (const token of [undefined, "", "two words", "line\r\nbreak", 7, "x".repeat(5000)]) {
    const naked = offer();
    naked.directive.endpoint.scope.token = token;
    assert.equal(failed(await say(naked)).type, "INVALID_AUTHORIZATION_CREDENTIAL");
  }
  assert.equal(door.seen.length, 0);
});
