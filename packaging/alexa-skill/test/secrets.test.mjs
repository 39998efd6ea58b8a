import assert from "node:assert/strict";
import test from "node:test";

import {
  acceptGrant,
  ask,
  discover,
  DOOR_TOKEN,
  hub,
  hubToken,
  nobody,
  offer,
  saying,
  serving,
  TOKEN,
} from "./fixture.mjs";

test("no token is in the log or in an event, whatever fails", async (t) => {
  const echo = (_request, response, body) => saying(200, body)(_request, response);
  const tokenInError = () => ({ success: false, error: { code: TOKEN, message: TOKEN } });
  const roads = [
    { DOOR_URL: await nobody(t), DOOR_TOKEN },
    { DOOR_URL: (await serving(t, echo)).url, DOOR_TOKEN },
    { DOOR_URL: (await serving(t, saying(401, TOKEN))).url, DOOR_TOKEN },
    { DOOR_URL: (await serving(t, saying(302, TOKEN, { Location: `/${TOKEN}` }))).url },
    { DOOR_URL: "http://door.example.org", DOOR_TOKEN },
    { HUB_URL: await nobody(t) },
    { HUB_URL: (await hub(t, { known: () => false })).url },
    { HUB_URL: (await hub(t, { answer: echo })).url },
    { HUB_URL: (await hub(t, { answer: saying(502, TOKEN) })).url },
    { HUB_URL: (await hub(t, { says: { "/ingress/session": tokenInError } })).url },
    { HUB_URL: (await hub(t, { says: { "/addons/local_doorstep/info": tokenInError } })).url },
  ];
  let failures = 0;
  for (const road of roads) {
    for (const token of [TOKEN, hubToken("cAnArY"), hubToken("cAnArY", 1), "cAnArY two", `cAnArY\r\n`]) {
      for (const directive of [offer, discover, acceptGrant]) {
        const { event, log } = await ask(road, directive(token));
        assert.doesNotMatch(JSON.stringify(event) + log, /cAnArY/i, JSON.stringify(road));
        assert.match(log, /^\{"failed":"[A-Za-z.]+","type":"[A-Z_]+","why":".+","ms":\d+\}\n$/);
        failures += 1;
      }
    }
  }
  assert.equal(failures, 165, "each of them failed");
});

test("a fault of the function's own shows where it is and not what it held", async () => {
  const trap = offer();
  Object.defineProperty(trap.directive, "endpoint", {
    get: () => {
      throw new TypeError(`cannot read ${TOKEN}`);
    },
  });
  // The event cannot be made from it either: so the trap opens once.
  let sprung = false;
  const { endpoint } = offer().directive;
  Object.defineProperty(trap.directive, "payload", { value: {} });
  const once = new Proxy(trap, {
    get(target, key) {
      if (key !== "directive" || !sprung) return (sprung = true), target[key];
      return { ...offer().directive, endpoint };
    },
  });
  const { event, log } = await ask({ DOOR_URL: "https://door.example.org" }, once);
  assert.equal(event.event.payload.type, "INTERNAL_ERROR");
  assert.match(log, /TypeError at secrets\.test\.mjs:\d+/);
  assert.doesNotMatch(JSON.stringify(event) + log, /cAnArY/);
});
