#!/usr/bin/env python3
"""What people do with the console in Debian's Chromium, on a running server.

  walk         a newcomer, by clicking only: log level, a request that arrives live, a credential, the Test page
  setup        a wrong value, the preview, saving, history and undo
  password     sets a password, logs in, fails to; a viewer
"""
import json
import pathlib
import re
import sys

from playwright.sync_api import Error

import console_site
import console_stun
from console_browser import is_page, main, visit
from console_site import Failures, Form, Site, wait_for

# The walk waits for what a page shows live: the console looks every two seconds.
LIVE = 15_000


def walk(browser, options):
    """As somebody who reads no document: every step begins at the first page, and is a click on what is seen."""
    failures = Failures()
    first = Site(options.url).get("/").document
    expected = console_site.links(first.one("nav", **{"aria-label": first.all("nav")[0]["aria-label"]}), "/")
    failures.check(len(expected) >= 10, f"the menus lead to {expected} only")
    with visit(browser, options, failures) as page:
        page.goto("/")
        for path in expected:
            click_through(page, path)
            failures.check(page.url.endswith(path), f"the menu's link to {path} leads to {page.url}")
        set_log_level(page, "8", failures)
        see_request(page, options, failures)
        make_credential(page, failures)
        run_test(page, failures)
    forms(options, failures)
    return failures.end(pages=expected)


def click_through(page, path):
    """Opens the menu in which the page is, and the page."""
    link = page.locator(f"header nav a[href='{path}']")
    if not link.is_visible():
        page.locator("details.menu", has=page.locator(f"a[href='{path}']")).locator("summary").click()
    with page.expect_navigation():
        link.click()


def set_log_level(page, level, failures):
    click_through(page, "/log.htm")
    page.locator("select[name='log-level']").select_option(level)
    with page.expect_navigation():
        page.locator("button[value='level']").click()
    failures.check(page.locator(".done").is_visible(), "nothing says that the log level is set")
    failures.check(page.locator("select[name='log-level']").input_value() == level, "the new log level is not shown")


def see_request(page, options, failures):
    """A request from outside arrives on the open page, with its PDU and what it means, without a reload."""
    page.goto("/")
    click_through(page, "/log.htm")
    page.evaluate("window.isTheSamePage = true")
    client = console_stun.Client(options.stun)
    mark = "seen by the newcomer"
    client.send(console_stun.message(
        console_stun.BINDING, console_stun.attribute(console_stun.SOFTWARE, mark.encode())
    ))
    entry = page.locator("#live li", has_text=f"127.0.0.1:{client.port}").filter(has_text=mark)
    try:
        entry.first.wait_for(timeout=LIVE)
    except Error:
        failures.check(False, f"the request does not arrive live: {page.locator('#live').inner_text()[:600]}")
        return
    text = entry.first.inner_text()
    for word in ("Binding", "SOFTWARE", "2112a442"):
        failures.check(word.lower() in text.lower().replace(" ", "") or word in text, f"no {word} in {text!r}")
    failures.check(page.evaluate("window.isTheSamePage === true"), "the page was loaded again")


def make_credential(page, failures):
    page.goto("/")
    click_through(page, "/users.htm")
    page.locator("button[value='credential']").click()
    text = page.locator("pre", has_text="urls").first
    text.wait_for()
    failures.check(is_credential(text.inner_text()), f"no credential: {text.inner_text()}")


def is_credential(text):
    return any(
        server.get("username") and server.get("credential") and "turn:" in json.dumps(server["urls"])
        for server in json.loads(text)["iceServers"]
    )


def run_test(page, failures, ways=("UDP", "TCP"), missing=()):
    """The Test page's own verdict of a call that is really relayed by this server, and of each way to the relay."""
    page.goto("/")
    click_through(page, "/test.htm")
    passed = re.compile(r"not in every way.*TLS" if missing else r"\bpassed\b", re.I)
    failures.check(not passed.search(page.locator("main").inner_text()), "it says passed before it began")
    page.locator("main button").first.click()
    try:
        page.locator("main", has_text=passed).wait_for(timeout=60_000)
    except Error:
        failures.check(False, f"the test does not pass: {page.locator('main').inner_text()[:1500]}")
    steps = page.locator("#test-steps").inner_text()
    for way in ("UDP", "TCP", "TLS"):
        works = re.search(rf"Relay by {way}: .*works", steps)
        failures.check(bool(works) == (way in ways), f"the Test page on {way}: {steps}")
        failures.check((f"No relay address by {way}" in steps) == (way in missing), f"the Test page on {way}: {steps}")
        failures.check((way in steps) == (way in ways or way in missing), f"the Test page on {way}: {steps}")
    failures.check("Mbit/s" in page.locator("main").inner_text(), "the Test page tells no Mbit/s")


def forms(options, failures):
    """The same without JavaScript, by the forms alone."""
    site = Site(options.url)
    answer = site.act("/log.htm", "do=level", **{"log-level": "7"})
    failures.check(answer.status == 200, f"the log level without script: {answer.status}")
    chosen = [option["value"] for option in answer.document.one("select", name="log-level").all("option")
              if "selected" in option.attributes]
    failures.check(chosen == ["7"], f"the log level without script is {chosen}")
    answer = site.act("/users.htm", "do=credential", user="guest", hours="1")
    found = [pre.text for pre in answer.document.all("pre") if "urls" in pre.text]
    failures.check(found and is_credential(found[0]), f"no credential without script: {answer.text[-800:]}")
    # What is sent twice, or by a stranger, does nothing.
    form = console_site.form_with(site.get("/log.htm").document, "do=level")
    form.fields["token"] = "0" * 64
    failures.check(site.ask("POST", form.action, form).status == 403, "a wrong form token is accepted")
    form = console_site.form_with(site.get("/log.htm").document, "do=level")
    for header in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = site.ask("POST", form.action, form, **header)
        failures.check(answer.status == 403, f"a form of {header} is accepted: {answer.status}")


# Setup


def setup(browser, options):
    """The settings file begins with a comment, and --process is the server; `stun-port-2` is fixed by a flag."""
    failures = Failures()
    path = pathlib.Path(options.settings)
    before = path.read_text()
    comments = [line for line in before.splitlines() if "#" in line]
    failures.check(comments, "the test's settings file has no comment")
    with visit(browser, options, failures) as page:
        page.goto("/")
        click_through(page, "/admin.htm")
        wrong_value(page, failures)
        failures.check(path.read_text() == before, "a wrong value or a preview changed the file")
        change(page, failures)
        after = path.read_text()
        failures.check(re.search(r"(?m)^max-allocations: *77", after) or "77" in after, f"not saved: {after}")
        for line in comments:
            failures.check(line in after, f"the comment {line!r} is gone: {after}")
        history(page, path, comments, failures)
        fixed(page, failures)
    return failures.end()


# A setting of each kind that no other step of the tests needs.
NUMBER, WORDS = "default-binding-duration", "software"


def field(page, key):
    return page.locator(f"[name='s-{key}']")


def wrong_value(page, failures):
    field(page, NUMBER).fill("ninety")
    field(page, "realm").fill("kept.example")
    with page.expect_navigation():
        page.locator("button[value='preview']").click()
    place = field(page, NUMBER)
    failures.check(place.input_value() == "ninety", f"what was typed is gone: {place.input_value()!r}")
    failures.check(field(page, "realm").input_value() == "kept.example", "what was typed elsewhere is gone")
    failures.check(place.get_attribute("aria-invalid") == "true", "the field is not marked")
    told = page.locator(f"#{place.get_attribute('id')}-p")
    failures.check("ninety" in told.inner_text(), f"the fault is not at the field: {told.inner_text()!r}")
    failures.check(page.locator("[role=alert]").is_visible(), "nothing says that it is not saved")


def change(page, failures):
    field(page, NUMBER).fill("77")
    with page.expect_navigation():
        page.locator("button[value='preview']").click()
    text = page.locator("main").inner_text()
    failures.check("77" in text and NUMBER in text, f"the preview does not show the change: {text[:800]}")
    difference = page.locator("main pre").inner_text()
    failures.check(re.search(rf"(?m)^\+ ?{NUMBER}: 77", difference), f"no difference of the file: {difference}")
    failures.check(re.search(r"(?m)^\+ ?realm: kept", difference), f"no difference of the file: {difference}")
    with page.expect_navigation():
        page.locator("button[value='save']").click()
    failures.check(page.locator(".done").is_visible(), "nothing says that it is saved")
    failures.check(field(page, NUMBER).input_value() == "77", "the new value is not shown")


def history(page, path, comments, failures):
    row = page.locator("#history tr", has_text=NUMBER).first
    failures.check("77" in row.inner_text(), f"the history has {row.inner_text()!r}")
    with page.expect_navigation():
        row.locator("button[value='undo']").click()
    with page.expect_navigation():
        page.locator("button[value='save']").click()
    after = path.read_text()
    failures.check(f"{NUMBER}:" not in after and "kept.example" not in after, f"undo left {after}")
    for line in comments:
        failures.check(line in after, f"after undo the comment {line!r} is gone: {after}")


def fixed(page, failures):
    """What a flag fixes is shown so, and refused from whoever sends it all the same."""
    place = page.locator("[id='s-stun-port-2']")
    failures.check(place.is_disabled() or place.evaluate("one => one.tagName") == "OUTPUT", "it can be edited")
    failures.check("--set stun-port-2" in page.locator("#s-stun-port-2-h").inner_text(), "its flag is not named")
    site = Site(page.url)
    form = console_site.form_with(site.get("/admin.htm").document, "do=preview")
    for button in ("preview", "save"):
        form.fields.update({"s-stun-port-2": "3999", "do": button})
        answer = site.ask("POST", form.action, form)
        text = answer.document.text
        failures.check(answer.status in (409, 422) and "fixed" in text.lower(), f"forged {button}: {answer.status}")


# Password and people


def password(browser, options):
    """Sets a password in an open console, comes back with it, and meets the brake; then a viewer looks around."""
    failures = Failures()
    with visit(browser, options, failures) as page:
        page.goto("/")
        click_through(page, "/admin.htm")
        page.locator("[name='password']").fill(PASSWORD)
        page.locator("[name='password-2']").fill(PASSWORD + "!")
        with page.expect_navigation():
            page.locator("button[value='preview']").click()
        failures.check(page.locator("[aria-invalid='true']").count() > 0, "two different passwords are accepted")
        page.locator("[name='password']").fill(PASSWORD)
        page.locator("[name='password-2']").fill(PASSWORD)
        with page.expect_navigation():
            page.locator("button[value='preview']").click()
        failures.check(PASSWORD not in page.content(), "the page shows the new password")
        page.locator("button[value='save']").click()
        # With a password the console listens on all addresses: the socket is another one.
        wait_for("the console asks for a login", lambda: asks_for_login(options))
    path = pathlib.Path(options.settings)
    failures.check(PASSWORD not in path.read_text(), "the password itself is in the settings file")
    with visit(browser, options, failures) as page:
        page.goto("/stat.htm")
        failures.check("/login" in page.url, f"no form to log in: {page.url}")
        log_in(page, "admin", PASSWORD)
        failures.check(page.url.endswith("/stat.htm"), f"after logging in: {page.url}")
        add_viewer(page, failures)
        page.locator("header form[action='/logout'] button").click()
        page.goto("/")
        failures.check("/login" in page.url, "after logging out the console is open")
    viewer(browser, options, failures)
    with visit(browser, options, failures) as page:
        for attempt in range(6):
            page.goto("/login")
            log_in(page, "admin", f"wrong {attempt}")
        failures.check("wait" in page.locator(".problem").inner_text(), page.locator(".problem").inner_text())
    return failures.end()


PASSWORD, VIEWER = "a password of the walk", "only looks around"


def asks_for_login(options):
    try:
        return Site(options.url).get("/").status == 303
    except OSError:
        return False


def log_in(page, name, secret):
    page.locator("[name='name']").fill(name)
    page.locator("[name='password']").fill(secret)
    with page.expect_navigation():
        page.locator("main button").click()


def add_viewer(page, failures):
    click_through(page, "/users.htm")
    form = page.locator("form", has=page.locator("button[value='setOperator']"))
    form.locator("xpath=..").evaluate("details => (details.open = true)")
    for name, value in (("name", "viewer"), ("password", VIEWER), ("password-2", VIEWER)):
        form.locator(f"[name='{name}']").fill(value)
    form.locator("[name='role']").select_option("viewer")
    with page.expect_navigation():
        form.locator("button").click()
    failures.check(page.locator("#people", has_text="viewer").count() == 1, "the viewer is not among the people")


def viewer(browser, options, failures):
    admin, site = Site(options.url), Site(options.url)
    admin.log_in("admin", PASSWORD)
    answer = site.log_in("viewer", VIEWER)
    failures.check(answer.status == 200, f"the viewer's login: {answer.status}")
    count = 0
    for path, answer in site.pages().items():
        failures.check(answer.status == 200, f"{path} for a viewer: {answer.status}")
        if not is_page(answer):
            continue
        form = [one for one in answer.document.all("form") if one["method"].lower() == "post"]
        left = [one["action"] for one in form if one["action"] not in ("/logout", "/test.htm")]
        failures.check(not left, f"{path} has forms for a viewer: {left}")
        for one in admin.get(path).document.all("form"):
            if one["method"].lower() != "post" or one["action"] == "/logout":
                continue
            for button in one.all("button"):
                forged = Form(one, button)
                forged.fields["token"] = answer.document.one("input", name="token")["value"]
                told = site.ask("POST", forged.action, forged)
                count += 1
                failures.check(told.status == 403, f"{path} {button['value']!r} by a viewer: {told.status}")
    failures.check(count >= 5, f"only {count} forms were tried as a viewer")
    for method, path in (("PATCH", "/settings"), ("POST", "/settings"), ("DELETE", "/log"), ("POST", "/tokens")):
        told = site.ask(method, "/api/v1" + path, {})
        failures.check(400 <= told.status < 500, f"{method} {path} by a viewer: {told.status}")


def secure(browser, options):
    """The Test page of a server with TLS, whose certificate the browser takes, or without --key-pin does not."""
    failures = Failures()
    with visit(browser, options, failures) as page:
        if options.key_pin:
            run_test(page, failures, ("UDP", "TCP", "TLS"))
        else:
            run_test(page, failures, ("UDP", "TCP"), ("TLS",))
    return failures.end()


KINDS = {"walk": walk, "setup": setup, "password": password, "secure": secure}

if __name__ == "__main__":
    sys.exit(main(__doc__, KINDS))
