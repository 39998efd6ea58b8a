import assert from "node:assert/strict";
import test from "node:test";

import { readSettings } from "../lambda/settings.mjs";
import { ask, discover, offer } from "./fixture.mjs";

for (const [name, env] of [
  ["DOOR_URL or HUB_URL", {}],
  ["DOOR_URL or HUB_URL", { DOOR_URL: " " }],
  ["DOOR_URL or HUB_URL", { DOOR_URL: "https://a.example", HUB_URL: "https://b.example" }],
  ["DOOR_URL", { DOOR_URL: "door.example.org" }],
  ["DOOR_URL", { DOOR_URL: "http://door.example.org" }],
  ["DOOR_URL", { DOOR_URL: "http://127.0.0.1.example.org" }],
  ["DOOR_URL", { DOOR_URL: "https://user:cAnArY@door.example.org" }],
  ["DOOR_URL", { DOOR_URL: "https://door.example.org/?token=cAnArY" }],
  ["HUB_URL", { HUB_URL: "ftp://home.example.org" }],
  ["HUB_URL", { HUB_URL: "https://home.example.org/lovelace" }],
  ["ADD_ON", { HUB_URL: "https://home.example.org", ADD_ON: "../core" }],
  ["ADD_ON", { DOOR_URL: "https://door.example.org", ADD_ON: "local_doorstep" }],
  ["DOOR_TOKEN", { HUB_URL: "https://home.example.org", DOOR_TOKEN: "cAnArY" }],
  ["DOOR_TOKEN", { DOOR_URL: "https://door.example.org", ALLOWED_USERS: "amzn1.account.A" }],
  ["DOOR_TOKEN", { DOOR_URL: "https://door.example.org", DOOR_TOKEN: "cAnArY two" }],
  ["ALLOWED_USERS", { HUB_URL: "https://home.example.org", ALLOWED_USERS: "amzn1.account.A" }],
]) {
  test(`a wrong ${name} is named: ${JSON.stringify(env)}`, async () => {
    const { event, log } = await ask(env, offer());
    const { type, message } = event.event.payload;
    assert.equal(type, "INTERNAL_ERROR");
    assert.ok(message.includes(`setting ${name} is wrong`), message);
    assert.ok(log.includes(name) && !`${log}${message}`.includes("cAnArY"));
    const { event: found } = await ask(env, discover());
    assert.deepEqual(found.event.payload, { endpoints: [] });
  });
}

test("ADD_ON has a value of its own", () => {
  const { road, base, addOn } = readSettings({ HUB_URL: "https://home.example.org:8123/" });
  assert.deepEqual([road, base.origin, addOn], ["hub", "https://home.example.org:8123", "local_doorstep"]);
});

for (const around of ["", " ", "\n", '"', "'", ' " ']) {
  test(`what was copied along with a value is nothing: ${JSON.stringify(around)}`, () => {
    const paste = ([name, value]) => [name, around + value + around];
    const pasted = (env) => Object.fromEntries(Object.entries(env).map(paste));
    const home = { HUB_URL: "https://home.example.org//", ADD_ON: "a1b2c3d4_doorstep", DOOR_URL: "" };
    const hub = readSettings(pasted(home));
    assert.deepEqual([hub.base.href, hub.addOn], ["https://home.example.org/", "a1b2c3d4_doorstep"]);
    const door = { DOOR_URL: "https://a.example", DOOR_TOKEN: "x", ALLOWED_USERS: "a, b ,,\nc", HUB_URL: "" };
    const { base, doorToken, allowedUsers } = readSettings(pasted(door));
    assert.deepEqual([base.href, doorToken, [...allowedUsers]], ["https://a.example/", "x", ["a", "b", "c"]]);
  });
}

for (const [typed, base] of [
  ["https://door.example.org/", "https://door.example.org/"],
  ["https://door.example.org//", "https://door.example.org/"],
  ["https://door.example.org:8443/api/alexa/smart_home", "https://door.example.org:8443/"],
  ["https://home.example.org/doorstep//api/alexa/smart_home/", "https://home.example.org/doorstep"],
]) {
  test(`DOOR_URL may end as it was copied: ${typed}`, () => {
    assert.equal(readSettings({ DOOR_URL: typed }).base.href, base);
  });
}
