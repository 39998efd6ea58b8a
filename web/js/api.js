// Every address is relative: behind the hub's ingress the page lives under a prefix.
async function reply(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(body.error ?? `HTTP ${response.status}`), { status: response.status, problems: body.problems });
  return body;
}

export async function get(path) {
  return reply(await fetch(`api/v1/${path}`, { headers: { Accept: "application/json" } }));
}

// POST, PUT or DELETE. The content type keeps other sites' forms out.
export async function act(method, path, content) {
  const body = content && JSON.stringify(content);
  return reply(await fetch(`api/v1/${path}`, { method, headers: { "Content-Type": "application/json" }, body }));
}

// POST, answered by a JSON object a line; each is given to `take` as it comes.
export async function lines(path, body, take) {
  const headers = { "Content-Type": "application/json", Accept: "application/x-ndjson" };
  const response = await fetch(`api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) return reply(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const whole = (rest + part.value).split("\n");
    rest = whole.pop();
    whole.forEach((line) => take(JSON.parse(line)));
  }
}

// Sends a directive as Alexa would, and gives the event that came back.
export async function directive(name, endpointId, payload, keepalive = false) {
  const body = JSON.stringify({ name, endpoint_id: endpointId, payload });
  const headers = { "Content-Type": "application/json" };
  const { event } = await reply(await fetch("api/v1/echo", { method: "POST", headers, body, keepalive }));
  if (event.header.name === "ErrorResponse") {
    throw Object.assign(new Error(event.payload.message), { type: event.payload.type });
  }
  return event.payload;
}
