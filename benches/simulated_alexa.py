"""As much of Alexa as its figures need: a token server that believes everybody, and an event gateway.

Plain Python, in threads of the script that measures. Its gateway notes when each event came whole, on the
machine's monotonic clock, and answers with the status that it is told.
"""

import http.server
import json
import threading
import time


class Alexa:
    def __init__(self):
        self.status = 202
        # (moment, event, answered with), in order of arrival.
        self.posts = []
        self.tokens = 0
        alexa = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, content):
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.reply(200, {"endpoints": [alexa.address]})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                came = time.monotonic()
                if self.path == "/auth/o2/token":
                    alexa.tokens += 1
                    token = {"access_token": f"Atza|{alexa.tokens}", "refresh_token": f"Atzr|{alexa.tokens}"}
                    self.reply(200, {**token, "token_type": "bearer", "expires_in": 3600})
                    return
                status = alexa.status
                alexa.posts.append((came, json.loads(body), status))
                if status == 202:
                    self.send_response(202)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    code = {429: "THROTTLING_EXCEPTION", 503: "SERVICE_UNAVAILABLE_EXCEPTION"}.get(status, "INTERNAL_SERVICE_EXCEPTION")
                    header = {"namespace": "System", "name": "Exception"}
                    self.reply(status, {"header": header, "payload": {"code": code, "description": code}})

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def delivered(self, name):
        """Events of that name that were taken."""
        return [(at, event) for at, event, status in list(self.posts) if status == 202 and event["event"]["header"]["name"] == name]

    def stop(self):
        self.server.shutdown()
