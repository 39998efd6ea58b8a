"""A camera's ONVIF side: device, media and media2 services, as strict as their schemas.

What comes and what goes is validated against ONVIF's own WSDL; a message that breaks it, or a login that is
none, is reported as `complaint`. Further events: `asked` (each operation), `unauthorized`, `synchronized`.
"""

import base64
import datetime
import hashlib
import hmac
import http.server
import pathlib
import secrets
import shutil
import tempfile
import threading
import urllib.request

from lxml import etree
import onvif

import report

SOAP = "http://www.w3.org/2003/05/soap-envelope"
DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
XSD = "http://www.w3.org/2001/XMLSchema"
WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-"
WSSE = WSS + "wss-wssecurity-secext-1.0.xsd"
WSU = WSS + "wss-wssecurity-utility-1.0.xsd"
PATHS = {DEVICE: "/onvif/device_service", MEDIA: "/onvif/media?v=1", MEDIA2: "/onvif/media2"}
# Asked by anybody (ONVIF Core, "PRE_AUTH").
OPEN = {"GetSystemDateAndTime", "GetServices", "GetCapabilities"}
REALM = "a camera"
# Where a camera thinks that it is.
ELSEWHERE = "192.0.2.77"


def official_schemas(folder):
    """The WSDL's schemas by namespace, and the envelope's. `folder` holds a copy meanwhile.

    XML Schema 1.0 takes ONVIF's schemas for ambiguous where anybody may extend them. Without these places they
    are whole, and stricter.
    """
    tree = pathlib.Path(folder) / "wsdl"
    shutil.copytree(pathlib.Path(onvif.__file__).parent / "wsdl", tree)
    for path in [*tree.glob("ver10/schema/*.xsd"), *tree.glob("ver?0/*/wsdl/*.wsdl")]:
        document = etree.parse(str(path))
        for place in document.findall(f".//{{{XSD}}}any"):
            place.getparent().remove(place)
        document.write(str(path))

    def schema(path):
        whole = etree.parse(str(tree / path)).getroot()
        if whole.tag != f"{{{XSD}}}schema":
            inner = whole.find(f".//{{{XSD}}}schema")
            # What the WSDL around it calls namespaces.
            whole = etree.Element(inner.tag, inner.attrib, nsmap={**whole.nsmap, **inner.nsmap})
            whole.extend(list(inner))
        return etree.XMLSchema(etree.fromstring(etree.tostring(whole), base_url=str(tree / path)))

    return {
        SOAP: schema("schema/common/soap-envelope"),
        DEVICE: schema("ver10/device/wsdl/devicemgmt.wsdl"),
        MEDIA: schema("ver10/media/wsdl/media.wsdl"),
        MEDIA2: schema("ver20/media/wsdl/media.wsdl"),
    }


class Broken(Exception):
    """A message that breaks a rule; its text says which."""


class Unauthorized(Exception):
    """No login, or a wrong one."""


class Onvif:
    """Serves at `host`:`port`; `synchronize(stream)` is called when a stream's key picture is wanted."""

    def __init__(self, wanted, synchronize):
        self.wanted = wanted
        self.synchronize = synchronize
        self.media = {"1": [MEDIA], "2": [MEDIA2], "both": [MEDIA, MEDIA2]}[wanted.onvif_media]
        with tempfile.TemporaryDirectory() as folder:
            self.schemas = official_schemas(folder)
        self.password = wanted.onvif_password or wanted.password
        self.nonces = set()
        self.issued = {}
        # Token of each profile, and the stream's path.
        self.profiles = {"main <&> 1": "/other?profile=main", "sub <&> 2": "/live?transport=unicast"}

    def serve(self):
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                camera.post(self)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((self.wanted.host, self.wanted.onvif), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def now(self):
        skew = datetime.timedelta(seconds=self.wanted.onvif_skew)
        return datetime.datetime.now(datetime.timezone.utc) + skew

    # HTTP

    def post(self, http_request):
        body = http_request.rfile.read(int(http_request.headers.get("Content-Length", 0)))
        headers = {}
        try:
            status, answer = 200, self.answer(http_request, body)
        except Unauthorized as why:
            report.emit("unauthorized", why=str(why))
            if self.wanted.onvif_login == "digest":
                nonce = secrets.token_hex(16)
                # As with some makers, good for one address alone.
                self.issued[nonce] = http_request.path
                algorithm = f"algorithm={self.wanted.onvif_hash}"
                headers["WWW-Authenticate"] = f'Digest realm="{REALM}", nonce="{nonce}", qop="auth", {algorithm}'
                status, answer = 401, None
            else:
                status, answer = 400, self.fault("Sender", "NotAuthorized")
        except Broken as why:
            report.emit("complaint", why=str(why), message=body.decode("utf-8", "replace"))
            status, answer = 400, self.fault("Sender", "WellFormed")
        content = b"" if answer is None else etree.tostring(answer, xml_declaration=True, encoding="UTF-8")
        http_request.send_response(status)
        for key, value in headers.items():
            http_request.send_header(key, value)
        http_request.send_header("Content-Type", "application/soap+xml; charset=utf-8")
        http_request.send_header("Content-Length", str(len(content)))
        http_request.end_headers()
        http_request.wfile.write(content)

    def answer(self, http_request, body):
        kind = http_request.headers.get_content_type()
        if kind != "application/soap+xml":
            raise Broken(f"content type {kind}")
        try:
            envelope = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError as error:
            raise Broken(str(error)) from error
        self.validate(SOAP, envelope)
        contents = list(envelope.find(f"{{{SOAP}}}Body"))
        if len(contents) != 1:
            raise Broken("one thing is asked at a time")
        question = etree.QName(contents[0])
        if http_request.path != PATHS.get(question.namespace):
            raise Broken(f"{question} at {http_request.path}")
        action = http_request.headers.get_param("action")
        if action != f"{question.namespace}/{question.localname}":
            raise Broken(f"action {action} for {question}")
        self.validate(question.namespace, contents[0])
        if question.localname not in OPEN:
            self.login(http_request, envelope)
        report.emit("asked", what=question.localname, service=question.namespace)
        operation = getattr(self, question.localname)
        answer = operation(question.namespace, contents[0])
        self.validate(question.namespace, answer)
        return wrap(answer)

    def validate(self, namespace, element):
        schema = self.schemas[namespace]
        if not schema.validate(etree.fromstring(etree.tostring(element))):
            raise Broken(f"{etree.QName(element).localname}: {schema.error_log.last_error}")

    def fault(self, code, subcode):
        envelope = wrap(None)
        fault = etree.SubElement(envelope[0], f"{{{SOAP}}}Fault", nsmap={"ter": "http://www.onvif.org/ver10/error"})
        value = etree.SubElement(fault, f"{{{SOAP}}}Code")
        etree.SubElement(value, f"{{{SOAP}}}Value").text = f"s:{code}"
        below = etree.SubElement(value, f"{{{SOAP}}}Subcode")
        etree.SubElement(below, f"{{{SOAP}}}Value").text = f"ter:{subcode}"
        reason = etree.SubElement(fault, f"{{{SOAP}}}Reason")
        text = etree.SubElement(reason, f"{{{SOAP}}}Text")
        text.text = "no"
        text.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
        return envelope

    # Login

    def login(self, http_request, envelope):
        wanted = self.wanted
        token = envelope.find(f"{{{SOAP}}}Header/{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
        authorization = http_request.headers.get("Authorization")
        if not wanted.user:
            return
        if wanted.onvif_login == "digest":
            if authorization and token is not None:
                raise Broken("two logins at once")
            self.http_digest(http_request, authorization)
        else:
            self.username_token(token)

    def username_token(self, token):
        """WS-Security UsernameToken profile 1.0."""
        if token is None:
            raise Unauthorized("no token")
        fields = {}
        for child in token:
            name = etree.QName(child)
            if name.namespace != (WSU if name.localname == "Created" else WSSE):
                raise Broken(f"{name}")
            fields[name.localname] = child
        if set(fields) != {"Username", "Password", "Nonce", "Created"}:
            raise Broken(f"a token of {sorted(fields)}")
        if fields["Password"].get("Type") != WSS + "wss-username-token-profile-1.0#PasswordDigest":
            raise Broken("not a digest")
        if fields["Nonce"].get("EncodingType") != WSS + "wss-soap-message-security-1.0#Base64Binary":
            raise Broken("a nonce of no encoding")
        created = fields["Created"].text
        try:
            nonce = base64.b64decode(fields["Nonce"].text, validate=True)
            at = datetime.datetime.fromisoformat(created)
        except ValueError as error:
            raise Broken(str(error)) from error
        if at.tzinfo is None:
            raise Broken("a time of no zone")
        if abs((self.now() - at).total_seconds()) > 5:
            raise Unauthorized("made at another time")
        if len(nonce) < 16 or nonce in self.nonces:
            raise Unauthorized("a nonce that is short or was seen")
        self.nonces.add(nonce)
        digest = hashlib.sha1(nonce + created.encode() + self.password.encode()).digest()
        good = hmac.compare_digest(base64.b64encode(digest).decode(), fields["Password"].text)
        if not good or fields["Username"].text != self.wanted.user:
            raise Unauthorized("a wrong user or password")

    def http_digest(self, http_request, authorization):
        """RFC 7616 with qop=auth."""
        if not authorization or not authorization.startswith("Digest "):
            raise Unauthorized("no Digest")
        given = urllib.request.parse_keqv_list(urllib.request.parse_http_list(authorization[len("Digest "):]))
        if self.issued.pop(given["nonce"], None) != http_request.path or given["uri"] != http_request.path:
            raise Unauthorized("a nonce for another address")

        def h(text):
            kind = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[self.wanted.onvif_hash]
            return kind(text.encode()).hexdigest()

        secret = h(f"{self.wanted.user}:{REALM}:{self.password}")
        what = h(f"POST:{http_request.path}")
        parts = [secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], what]
        good = given["qop"] == "auth" and hmac.compare_digest(h(":".join(parts)), given["response"])
        if not good or given["username"] != self.wanted.user:
            raise Unauthorized("a wrong user or password")

    # Operations

    def GetSystemDateAndTime(self, namespace, _question):
        now = self.now()
        answer = element(namespace, "GetSystemDateAndTimeResponse")
        told = add(answer, namespace, "SystemDateAndTime")
        add(told, SCHEMA, "DateTimeType", "NTP")
        add(told, SCHEMA, "DaylightSavings", "false")
        utc = add(told, SCHEMA, "UTCDateTime")
        time = add(utc, SCHEMA, "Time")
        for name in ("Hour", "Minute", "Second"):
            add(time, SCHEMA, name, getattr(now, name.lower()))
        date = add(utc, SCHEMA, "Date")
        for name in ("Year", "Month", "Day"):
            add(date, SCHEMA, name, getattr(now, name.lower()))
        return answer

    def GetServices(self, namespace, _question):
        answer = element(namespace, "GetServicesResponse")
        for service in [DEVICE, *self.media]:
            told = add(answer, namespace, "Service")
            add(told, namespace, "Namespace", service)
            add(told, namespace, "XAddr", f"http://{ELSEWHERE}:81{PATHS[service]}")
            version = add(told, namespace, "Version")
            add(version, SCHEMA, "Major", 2)
            add(version, SCHEMA, "Minor", 60)
        return answer

    def GetProfiles(self, namespace, _question):
        answer = element(namespace, "GetProfilesResponse")
        for token in self.profiles:
            profile = add(answer, namespace, "Profiles")
            profile.set("token", token)
            add(profile, SCHEMA if namespace == MEDIA else namespace, "Name", token)
        return answer

    def GetStreamUri(self, namespace, question):
        uri = f"rtsp://{ELSEWHERE}:554{self.stream(question)}"
        answer = element(namespace, "GetStreamUriResponse")
        if namespace == MEDIA2:
            add(answer, namespace, "Uri", uri)
            return answer
        told = add(answer, namespace, "MediaUri")
        add(told, SCHEMA, "Uri", uri)
        for name in ("InvalidAfterConnect", "InvalidAfterReboot"):
            add(told, SCHEMA, name, "false")
        add(told, SCHEMA, "Timeout", "PT60S")
        return answer

    def SetSynchronizationPoint(self, namespace, question):
        stream = self.stream(question)
        report.emit("synchronized", stream=stream)
        if not self.wanted.onvif_deaf:
            self.synchronize(stream)
        return element(namespace, "SetSynchronizationPointResponse")

    def stream(self, question):
        token = question.findtext("{*}ProfileToken")
        if token not in self.profiles:
            raise Broken(f"no profile {token!r}")
        return self.profiles[token]


def wrap(answer):
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    if answer is not None:
        body.append(answer)
    return envelope


def element(namespace, name):
    return etree.Element(f"{{{namespace}}}{name}", nsmap={"a": namespace, "tt": SCHEMA})


def add(parent, namespace, name, text=None):
    child = etree.SubElement(parent, f"{{{namespace}}}{name}")
    if text is not None:
        child.text = str(text)
    return child
