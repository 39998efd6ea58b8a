"""JSON lines on standard output: the only thing the tests read of a peer or a camera."""

import json
import sys
import threading

_lock = threading.Lock()


def emit(event, **fields):
    """Writes one event, at once."""
    line = json.dumps({"event": event, **fields})
    with _lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
