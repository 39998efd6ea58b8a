import assert from "node:assert/strict";
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

const ME = "amzn1.account.ME";

/** A door without a hub, and what Amazon says of tokens. */
async function place(t, says) {
  const door = await serving(t, saying(200, GOOD));
  const amazon = await serving(t, says);
  const env = { DOOR_URL: door.url, DOOR_TOKEN, ALLOWED_USERS: `amzn1.account.OTHER,${ME}` };
  const more = { profile: new URL(`${amazon.url}/user/profile`) };
  return { door, amazon, env, more };
}

test("for an allowed user the door's token stands in both places, and nothing else changes", async (t) => {
  const { door, amazon, env, more } = await place(t, saying(200, { user_id: ME }));
  const say = asking(env, more);
  const original = offer();
  assert.deepEqual((await say(original)).event, GOOD);
  assert.deepEqual(original, offer());
  await say(discover());
  await say(acceptGrant());
  assert.equal(amazon.seen.length, 1, "Amazon is asked once for a token");
  assert.equal(amazon.seen[0].headers.authorization, `Bearer ${TOKEN}`);
  for (const [nth, directive] of [offer(DOOR_TOKEN), discover(DOOR_TOKEN), acceptGrant(DOOR_TOKEN)].entries()) {
    assert.deepEqual(JSON.parse(door.seen[nth].body), directive);
    assert.equal(door.seen[nth].headers.authorization, `Bearer ${DOOR_TOKEN}`);
  }
});

test("another Amazon user is refused each time, and the log says who it was; Amazon is asked once", async (t) => {
  const { door, amazon, env, more } = await place(t, saying(200, { user_id: "amzn1.account.STRANGER" }));
  const say = asking(env, more);
  for (let nth = 0; nth < 2; nth += 1) {
    const { event, log } = await say(offer());
    assert.equal(event.event.payload.type, "INVALID_AUTHORIZATION_CREDENTIAL");
    assert.match(log, /amzn1\.account\.STRANGER is not in ALLOWED_USERS/);
  }
  assert.deepEqual([door.seen.length, amazon.seen.length], [0, 1]);
});

test("a grant of another user is ACCEPT_GRANT_FAILED, and the log says whose it was", async (t) => {
  const { door, env, more } = await place(t, saying(200, { user_id: ME }));
  const { event, log } = await ask({ ...env, ALLOWED_USERS: "nobody" }, acceptGrant(), { more });
  assert.equal(event.event.payload.type, "ACCEPT_GRANT_FAILED");
  assert.match(log, /amzn1\.account\.ME is not in ALLOWED_USERS/);
  assert.equal(door.seen.length, 0);
});

for (const [where, put] of [
  ["in the header", (directive, scope) => (directive.header.scope = scope)],
  ["in the endpoint", (directive, scope) => (directive.endpoint.token = scope.token)],
  ["in a scope of another type", (directive, scope) => (directive.endpoint.scope = { ...scope, type: "Other" })],
  ["in the grant", (directive, scope) => (directive.payload.grant = scope)],
]) {
  test(`a token ${where} is none: nobody is asked and nothing reaches the door`, async (t) => {
    const { door, amazon, env, more } = await place(t, saying(200, { user_id: ME }));
    const stray = offer();
    const { scope } = stray.directive.endpoint;
    delete stray.directive.endpoint.scope;
    put(stray.directive, scope);
    const { event } = await ask(env, stray, { more });
    assert.equal(event.event.payload.type, "INVALID_AUTHORIZATION_CREDENTIAL");
    assert.deepEqual([door.seen.length, amazon.seen.length], [0, 0]);
  });
}

for (const [what, says, type, questions] of [
  ["refuses the token", saying(400, { error: "invalid_token" }), "INVALID_AUTHORIZATION_CREDENTIAL", 1],
  ["names nobody", saying(200, { name: "Me" }), "INVALID_AUTHORIZATION_CREDENTIAL", 1],
  ["is out of order", saying(500), "BRIDGE_UNREACHABLE", 2],
]) {
  test(`while Amazon ${what}, nothing reaches the door`, async (t) => {
    const { door, amazon, env, more } = await place(t, says);
    const say = asking(env, more);
    for (let nth = 0; nth < 2; nth += 1) {
      assert.equal((await say(offer())).event.event.payload.type, type);
    }
    assert.deepEqual([door.seen.length, amazon.seen.length], [0, questions]);
  });
}

test("while Amazon is not reached, nothing reaches the door", async (t) => {
  const { door, env } = await place(t, saying(200, { user_id: ME }));
  const more = { profile: new URL(`${await nobody(t)}/user/profile`) };
  assert.equal((await ask(env, offer(), { more })).event.event.payload.type, "BRIDGE_UNREACHABLE");
  assert.equal(door.seen.length, 0);
});
