// Strings of the page, by `section.key`. One that is missing shows its key, and is told to the console.
export const LANGUAGES = ["en", "de"];
const KEPT = "doorstep_language";
let strings = {};
export let language = LANGUAGES[0];

// What the user chose here, else the browser's first language that there are words in.
function wanted() {
  const ours = (tag) => LANGUAGES.find((one) => tag?.toLowerCase().split("-")[0] === one);
  return ours(kept()) ?? navigator.languages.map(ours).find(Boolean) ?? LANGUAGES[0];
}

// Storage may be forbidden to a page in a frame.
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export async function load(chosen = wanted()) {
  const reply = await fetch(`i18n/${chosen}.json`);
  strings = await reply.json();
  language = chosen;
  document.documentElement.lang = chosen;
}

export async function choose(chosen) {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // It holds until the page is left.
  }
  await load(chosen);
}

export function has(key) {
  return find(key) !== undefined;
}

export function t(key, values = {}) {
  const words = find(key);
  if (words === undefined) console.error(`no words for ${key}`);
  return (words ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

function find(key) {
  const [section, name] = key.split(/\.(.*)/);
  return strings[section]?.[name];
}

// RFC 3339 to the user's way of writing it.
export const time = (at) => new Date(at).toLocaleTimeString(language);
export const date = (at) => new Date(at).toLocaleString(language);
