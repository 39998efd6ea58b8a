// The function's settings: environment variables.

import { PATH } from "./door_road.mjs";
import { Failure } from "./failure.mjs";

const PROFILE = new URL("https://api.amazon.com/user/profile");
// What is often copied along with an address, and is put there anyway.
const TAIL = new RegExp(`/*(${PATH})?/*$`);

/** The settings; which ones there are stands in the README. */
export function readSettings(env) {
  // White space and quotes around a value were copied along with it.
  const get = (name) => env[name]?.replace(/^[\s"']+|[\s"']+$/g, "") || undefined;
  const [door, hub] = [get("DOOR_URL"), get("HUB_URL")];
  if (!door === !hub) {
    throw wrong("DOOR_URL or HUB_URL", door ? "only one of them may be set" : "one of them must be set");
  }
  return door ? doorSettings(address("DOOR_URL", door), get) : hubSettings(address("HUB_URL", hub), get);
}

function doorSettings(base, get) {
  unset(get, ["ADD_ON"], "DOOR_URL");
  const users = get("ALLOWED_USERS");
  const doorToken = get("DOOR_TOKEN");
  if (users && !doorToken) throw wrong("DOOR_TOKEN", "ALLOWED_USERS needs it");
  if (doorToken && !/^[\x21-\x7e]+$/.test(doorToken)) throw wrong("DOOR_TOKEN", "it has spaces or unusual signs in it");
  const allowedUsers = users && new Set(users.split(/[\s,]+/).filter(Boolean));
  return { road: "door", base, doorToken, allowedUsers, profile: PROFILE };
}

function hubSettings(base, get) {
  unset(get, ["DOOR_TOKEN", "ALLOWED_USERS"], "HUB_URL");
  if (base.pathname !== "/") throw wrong("HUB_URL", "the hub's address has no path");
  const addOn = get("ADD_ON") ?? "local_doorstep";
  if (!/^[a-z0-9_-]{1,100}$/i.test(addOn)) throw wrong("ADD_ON", "it is no slug, such as local_doorstep");
  return { road: "hub", base, addOn };
}

function address(name, text) {
  const url = parsed(text);
  if (!url) throw wrong(name, "it is no address, such as https://home.example.org");
  // Tokens go there. This machine itself is where tests are.
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && isThisMachine(url.hostname));
  if (!isSafe) throw wrong(name, "it must begin with https://");
  if (url.username || url.password || url.search || url.hash) {
    throw wrong(name, "it must be an address and nothing else");
  }
  url.pathname = url.pathname.replace(TAIL, "");
  return url;
}

function parsed(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function isThisMachine(name) {
  return ["localhost", "127.0.0.1", "[::1]"].includes(name);
}

function unset(get, names, road) {
  const set = names.find((name) => get(name));
  if (set) throw wrong(set, `it has no meaning with ${road}`);
}

function wrong(name, why) {
  return Failure.internal(`the function's setting ${name} is wrong: ${why}`);
}
