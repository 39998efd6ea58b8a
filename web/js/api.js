// Every address is relative: behind the hub's ingress the page lives under a prefix.
async function reply(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `HTTP ${response.status}`);
  return body;
}

export async function get(path) {
  return reply(await fetch(`api/v1/${path}`, { headers: { Accept: "application/json" } }));
}

// POST or DELETE without content. The content type keeps other sites' forms out.
export async function act(method, path) {
  return reply(await fetch(`api/v1/${path}`, { method, headers: { "Content-Type": "application/json" } }));
}

// Sends a directive as Alexa would, through the real door, and gives the event that came back.
export async function directive(name, endpointId, payload, keepalive = false) {
  const body = JSON.stringify({ name, endpoint_id: endpointId, payload });
  const headers = { "Content-Type": "application/json" };
  const { event } = await reply(await fetch("api/v1/echo", { method: "POST", headers, body, keepalive }));
  if (event.header.name === "ErrorResponse") {
    throw Object.assign(new Error(event.payload.message), { type: event.payload.type });
  }
  return event.payload;
}
