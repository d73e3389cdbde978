"""The console as a program sees it: requests by http.client, and pages read with Python's own HTML parser.

The other helpers whose names begin with console_ use it; it needs nothing but Python.
"""
import argparse
import html.parser
import http.client
import json
import re
import socket
import time
import traceback
import urllib.parse

# Of the texts `key = text`: a key that stands on a page was not found in the language's file.
KEY = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)+$")


class Failures:
    """What went wrong; a test shows all of it, not only the first."""

    newest = None

    def __init__(self):
        self.found = []
        Failures.newest = self

    def check(self, holds, text):
        if not holds:
            self.found.append(text)
        return bool(holds)

    def end(self, **facts):
        """Writes one line of JSON and gives the exit code."""
        print(json.dumps({"ok": not self.found, **facts, "failures": self.found[:40]}, ensure_ascii=False), flush=True)
        return 1 if self.found else 0


def run(kind, *more):
    """Does the work and gives the exit code; what breaks it off is told with what was found before."""
    try:
        return kind(*more)
    except Exception as error:
        lines = traceback.format_exc().splitlines()
        own = [line.strip() for line in lines if "Helpers/console_" in line]
        failures = Failures.newest or Failures()
        failures.check(False, f"{type(error).__name__}: {error}"[:1500] + f" {own[-2:]}")
        return failures.end()


def arguments(description, kinds):
    """The command line that these helpers share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("kind", choices=sorted(kinds))
    parser.add_argument("--url", required=True, help="the console, with a slash at its end")
    parser.add_argument("--stun", default="127.0.0.1:3478", help="address:port of the server, udp")
    parser.add_argument("--settings", help="the server's settings file")
    parser.add_argument("--process", type=int, help="the server's process id")
    parser.add_argument("--key-pin", help="the browser takes a certificate with this key: base64 of SHA-256")
    return parser


class Element:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent, self.children = tag, attributes, parent, []

    def __getitem__(self, name):
        return self.attributes.get(name) or ""

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, *tags):
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)


class Document(html.parser.HTMLParser):
    """A page as a tree of elements."""

    VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.root = self.open = Element("", {}, None)
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes), self.open)
        self.open.children.append(element)
        if tag not in self.VOID:
            self.open = element

    def handle_endtag(self, tag):
        at = self.open
        while at.parent and at.tag != tag:
            at = at.parent
        if at.parent:
            self.open = at.parent

    def handle_data(self, data):
        self.open.children.append(data)

    def all(self, *tags):
        return list(self.root.all(*tags))

    def one(self, tag, **attributes):
        for element in self.all(tag):
            if all(element[name] == value for name, value in attributes.items()):
                return element
        return None

    @property
    def text(self):
        return self.root.text


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "strict")

    @property
    def document(self):
        return Document(self.text)

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        return self.headers.get(name) or ""


class Site:
    """One visitor: keeps its cookie; follows no redirection unless told to."""

    def __init__(self, url, token=None, source=None):
        self.url = urllib.parse.urlsplit(url)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.source = source
        self.cookie = None

    def ask(self, method, path, body=None, follow=False, **headers):
        """`body` is a dictionary of a form's fields, or anything else as JSON, or bytes."""
        sent = {"Accept": "text/html", **self.headers}
        if self.cookie:
            sent["Cookie"] = self.cookie
        if isinstance(body, bytes):
            pass
        elif isinstance(body, Form):
            body = urllib.parse.urlencode(body.fields).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        source = (self.source, 0) if self.source else None
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port or 80, 30, source_address=source)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        cookie = answer.header("Set-Cookie")
        if cookie:
            self.cookie = cookie.split(";")[0]
        if follow and answer.status in (302, 303):
            return self.ask("GET", answer.header("Location"), follow=True)
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def api(self, path):
        return self.ask("GET", "/api/v1" + path, Accept="application/json")

    def pages(self, first="/"):
        """The paths of all pages that links lead to, from the first one on, with the first answer of each."""
        found, waiting = {}, [first]
        while waiting:
            path = waiting.pop(0)
            if path in found:
                continue
            answer = found[path] = self.ask("GET", path, follow=True)
            if "text/html" in answer.header("Content-Type"):
                # Every `#place`, query and language is the same page; the languages are visited on purpose.
                waiting += [page for page in links(answer.document, path) if page not in found]
        return found

    def log_in(self, name, password, follow=True):
        form = Form(self.get("/login").document.one("form", action="/login"))
        return self.ask("POST", form.action, form.with_values(name=name, password=password), follow=follow)

    def act(self, path, button, **values):
        """Fills in a form of a page as somebody without JavaScript does, and presses one of its buttons."""
        page = self.get(path)
        return self.submit(page, button, **values)

    def submit(self, page, button, **values):
        form = form_with(page.document, button)
        if form is None:
            raise LookupError(f"no form with a button {button}; the page has {buttons(page.document)}")
        answer = self.ask("POST" if form.is_post else "GET", form.action, form.with_values(**values))
        while answer.status == 303:
            answer = self.ask("GET", answer.header("Location"))
        return answer


class Form:
    """A form's fields with the values that a browser would send."""

    def __init__(self, element, button=None):
        self.action, self.is_post = element["action"], element["method"].lower() == "post"
        self.fields = {}
        for field in element.all("input", "select", "textarea"):
            name = field["name"]
            if not name or "disabled" in field.attributes:
                continue
            if field.tag == "textarea":
                self.fields[name] = field.text
            elif field.tag == "select":
                options = list(field.all("option"))
                chosen = [option for option in options if "selected" in option.attributes] or options[:1]
                if chosen:
                    option = chosen[0]
                    self.fields[name] = option["value"] if "value" in option.attributes else option.text
            elif field["type"] in ("checkbox", "radio"):
                if "checked" in field.attributes:
                    self.fields[name] = field["value"] or "on"
            elif field["type"] not in ("submit", "button"):
                self.fields[name] = field["value"]
        if button is not None and button["name"]:
            self.fields[button["name"]] = button["value"]

    def with_values(self, **values):
        self.fields.update({name.replace("__", "-"): value for name, value in values.items()})
        return self


def form_with(document, button):
    """The form with a button `name=value`, that button pressed."""
    name, value = button.split("=", 1)
    for form in document.all("form"):
        for found in form.all("button"):
            if found["name"] == name and (found["value"] == value or found["value"].startswith(value + ":")):
                return Form(form, found)
    return None


def buttons(document):
    return sorted({f"{button['name']}={button['value']}" for button in document.all("button")})


def links(document, base):
    """The paths of this site's pages that a page links to, in order, without what follows `#` and `?`."""
    paths = []
    for link in document.all("a"):
        target = urllib.parse.urlsplit(urllib.parse.urljoin("http://console" + base, link["href"]))
        path = target.path if target.netloc == "console" else ""
        if path and path not in paths and not re.search(r"_(en|de)\.htm$", path):
            paths.append(path)
    return paths


def in_language(path, language):
    """The address of a page in a language."""
    if path == "/":
        path = "/index.htm"
    return re.sub(r"(\.htm)$", rf"_{language}\1", path)


def keys_left(document):
    """Texts of a page that are keys for which there was no text; what is shown as code is a name of something else."""
    found = []

    def walk(element):
        for child in element.children:
            if isinstance(child, str):
                if KEY.match(child.strip()) and "<" not in child:
                    found.append(child.strip())
            elif child.tag not in ("script", "style", "code", "pre", "kbd", "samp", "bdi", "td", "output", "option"):
                walk(child)

    walk(document.root)
    return found


def wait_for(what, condition, limit=20):
    """What the condition gives once it gives something, within `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit} s: {what}")
        time.sleep(0.1)


def udp_answers(stun, message, limit=3.0):
    """Whether the server answers a datagram."""
    host, port = stun.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(limit)
        client.sendto(message, (host, int(port)))
        try:
            return client.recv(2048)
        except TimeoutError:
            return None
