"""The cloud's half of a call: directives posted at the door, as a skill's function would."""

import http.client
import json
import time
import urllib.parse
import uuid

NAMESPACE = "Alexa.RTCSessionController"


class Reply:
    """What came back for one directive."""

    def __init__(self, status, event, ms, problems):
        self.status = status
        self.event = event
        self.ms = ms
        self.problems = problems

    @property
    def namespace(self):
        return self.event.get("header", {}).get("namespace")

    @property
    def name(self):
        return self.event.get("header", {}).get("name")

    @property
    def payload(self):
        return self.event.get("payload", {})

    def fields(self):
        """For a JSON line; an error's type and message are lifted out."""
        out = {
            "ms": round(self.ms, 1),
            "status": self.status,
            "namespace": self.namespace,
            "name": self.name,
        }
        if self.name == "ErrorResponse":
            out["type"] = self.payload.get("type")
            out["message"] = self.payload.get("message")
        return out


class Door:
    """One door, one token, one endpoint."""

    def __init__(self, url, token, endpoint, timeout=10.0):
        parts = urllib.parse.urlsplit(url)
        self.secure = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port
        path = parts.path.rstrip("/")
        self.path = path if path.endswith("/smart_home") else path + "/api/alexa/smart_home"
        self.token = token
        self.endpoint = endpoint
        self.timeout = timeout

    def directive(self, name, payload):
        """The directive as text, and the correlation token it carries."""
        correlation = "corr+" + uuid.uuid4().hex + "/=="
        body = {
            "directive": {
                "header": {
                    "namespace": NAMESPACE,
                    "name": name,
                    "payloadVersion": "3",
                    "messageId": str(uuid.uuid4()),
                    "correlationToken": correlation,
                },
                "endpoint": {
                    "scope": {"type": "BearerToken", "token": self.token},
                    "endpointId": self.endpoint,
                    "cookie": {},
                },
                "payload": payload,
            }
        }
        return json.dumps(body).encode(), correlation

    def send(self, name, payload):
        """Posts one directive and waits for its event."""
        body, correlation = self.directive(name, payload)
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=self.timeout)
        started = time.monotonic()
        try:
            connection.request(
                "POST",
                self.path,
                body=body,
                headers={
                    "Authorization": "Bearer " + self.token,
                    "Content-Type": "application/json",
                },
            )
            response = connection.getresponse()
            text = response.read()
            status = response.status
        finally:
            connection.close()
        ms = (time.monotonic() - started) * 1000
        problems = []
        event = {}
        try:
            event = json.loads(text)["event"]
        except (ValueError, KeyError, TypeError):
            problems.append("reply is no event")
        if event:
            header = event.get("header", {})
            if header.get("correlationToken") != correlation:
                problems.append("correlationToken is not the directive's")
            if self.token.encode() in text:
                problems.append("reply carries the caller's token")
        return Reply(status, event, ms, problems)

    def initiate(self, session, offer):
        """InitiateSessionWithOffer."""
        return self.send(
            "InitiateSessionWithOffer",
            {"sessionId": session, "offer": {"format": "SDP", "value": offer}},
        )

    def connected(self, session):
        """SessionConnected."""
        return self.send("SessionConnected", {"sessionId": session})

    def disconnected(self, session):
        """SessionDisconnected."""
        return self.send("SessionDisconnected", {"sessionId": session})


def answer_of(reply):
    """The answer's SDP, or None; complains in `reply.problems` about what should not be there."""
    if reply.name != "AnswerGeneratedForSession":
        return None
    if set(reply.payload) != {"answer"}:
        reply.problems.append("answer payload holds more than the answer: %s" % sorted(reply.payload))
    answer = reply.payload.get("answer", {})
    if set(answer) != {"format", "value"} or answer.get("format") != "SDP":
        reply.problems.append("answer is not {format: SDP, value}")
    return answer.get("value")
