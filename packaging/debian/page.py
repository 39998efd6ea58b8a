"""The page of the program that is installed, as a browser on the same machine speaks to it."""

import json
import time
import urllib.error
import urllib.request

AT = "http://127.0.0.1:8099"


def ask(path, method="GET", content=None, patience=30):
    """Status, type and body of the reply; (0, "", reason) if there is none."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(AT + path, data=body, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=patience) as reply:
            return reply.status, reply.headers.get_content_type(), reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), error.read()
    except OSError as error:
        return 0, "", str(error).encode()


def save(*changes):
    """Saves settings as the page does."""
    status, _, body = ask("/api/v1/settings", "PUT", {"changes": changes})
    assert status == 200, body.decode()
    return json.loads(body)


def settings():
    """What the page shows of them."""
    return json.loads(ask("/api/v1/settings")[2])


def picture(camera, seconds=30):
    """A still picture of a camera, waited for; the JPEG's bytes."""
    until = time.monotonic() + seconds
    while True:
        status, kind, body = ask(f"/api/v1/cameras/{camera}/still?fresh=1")
        if (status, kind) == (200, "image/jpeg"):
            return body
        assert time.monotonic() < until, f"no picture of {camera}: {status} {body[:200]}"
        time.sleep(0.1)
