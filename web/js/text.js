// Strings of the page, by key; missing ones show their key, which a test would see.
let strings = {};

export async function load(language) {
  const reply = await fetch(`i18n/${language}.json`);
  strings = await reply.json();
}

export function t(key, values = {}) {
  return (strings[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
