#!/usr/bin/env python3
"""Debian's Chromium, driven by Playwright, on the console of a running server.

  pages        every page that a link leads to, with and without JavaScript, in both languages, light and dark, at three
               widths: answers, headers, texts, size, nothing from elsewhere, nothing wider than the screen
  axe          nothing serious or critical that keeps people out of a page (axe-core), light and dark
  keyboard     menus, skip link and focus with the keyboard only
"""
import contextlib
import os
import sys

from playwright.sync_api import sync_playwright

import console_site
from console_site import Failures, Site, in_language, keys_left

WIDTHS = (320, 768, 1280)
LIMIT = 60_000
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


def main(description, kinds):
    options = console_site.arguments(description, kinds).parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # The Test page's call begins and ends on this host.
            args=["--no-sandbox", "--disable-dev-shm-usage", "--allow-loopback-in-peer-connection"]
            + ([f"--ignore-certificate-errors-spki-list={options.key_pin}"] if options.key_pin else []),
        )
        try:
            return console_site.run(kinds[options.kind], browser, options)
        finally:
            browser.close()


@contextlib.contextmanager
def visit(browser, options, failures, script=True, scheme="light", language="en", width=1280, **more):
    """A page of a new visitor; whatever a page must never do is a failure at once."""
    context = browser.new_context(
        java_script_enabled=script, color_scheme=scheme, locale=language, base_url=options.url,
        viewport={"width": width, "height": 900}, **more,
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    origin = options.url.rstrip("/")

    def say(text):
        failures.check(False, f"{page.url.removeprefix(origin)} ({language}, {scheme}, script {script}): {text}")

    def asked(request):
        if not request.url.startswith((origin + "/", "blob:" + origin, "data:")):
            say(f"asks another place: {request.url}")

    def told(message):
        expected = "the server responded with a status of" in message.text
        if message.type in ("error", "warning") and not expected:
            say(f"console: {message.text}")

    page.on("request", asked)
    page.on("console", told)
    page.on("pageerror", lambda error: say(f"error: {error}"))
    page.on("dialog", lambda dialog: dialog.accept())
    try:
        yield page
    finally:
        context.close()


def is_page(answer):
    return "text/html" in answer.header("Content-Type")


# Pages


def pages(browser, options):
    failures = Failures()
    found = Site(options.url).pages()
    for path, answer in found.items():
        failures.check(answer.status == 200, f"{path}: {answer.status}")
    paths = [path for path, answer in found.items() if is_page(answer) and answer.status == 200]
    for language in ("en", "de"):
        for path in paths:
            read(Site(options.url), in_language(path, language), language, failures)
        # What is dark depends neither on the script nor on the language.
        ways = ((True, "light"), (True, "dark"), (False, "light")) if language == "en" else ((True, "light"),)
        for script, scheme in ways:
            with visit(browser, options, failures, script, scheme, language) as page:
                for path in paths:
                    look(page, in_language(path, language), script, failures)
    return failures.end(pages=len(paths), others=len(found) - len(paths))


def read(site, path, language, failures):
    """What does not need a browser: texts, title, size, headers."""
    answer = site.ask("GET", path, follow=True)
    if not failures.check(answer.status == 200, f"{path}: {answer.status}"):
        return
    document = answer.document
    failures.check(len(answer.body) < LIMIT, f"{path}: {len(answer.body)} bytes")
    failures.check(document.one("html")["lang"] == language, f"{path}: lang is {document.one('html')['lang']!r}")
    title, headings = document.one("title").text, document.all("h1")
    failures.check(len(title) > len(" - stund"), f"{path}: title {title!r}")
    failures.check(len(headings) == 1 and headings[0].text.strip(), f"{path}: {len(headings)} h1")
    failures.check(not keys_left(document), f"{path}: texts without words: {keys_left(document)[:5]}")
    failures.check("{{" not in document.one("main").text or "/help" in path, f"{path}: a template's mark is left")
    trees = [nav for nav in document.all("nav") if nav["class"] == "tree"]
    links = [[link["href"] for link in nav.all("a")] for nav in [*document.one("header").all("nav"), *trees]]
    failures.check(len(links) == 2 and links[0] == links[1] != [], f"{path}: the tree of links has not what the menus have")
    for element in document.all():
        failures.check("style" not in element.attributes, f"{path}: <{element.tag} style>")
        handlers = [name for name in element.attributes if name.startswith("on")]
        failures.check(not handlers, f"{path}: <{element.tag} {handlers}>")
    scripts = [script for script in document.all("script") if not script["src"]]
    failures.check(not scripts and not document.all("style"), f"{path}: script or style in the page")
    failures.check("default-src 'none'" in answer.header("Content-Security-Policy"), f"{path}: no CSP")
    failures.check(answer.header("X-Content-Type-Options") == "nosniff", f"{path}: no nosniff")
    ids = [element["id"] for element in document.all() if element["id"]]
    failures.check(len(ids) == len(set(ids)), f"{path}: ids twice: {sorted(i for i in set(ids) if ids.count(i) > 1)}")


def look(page, path, script, failures):
    """What needs a browser: what it complains of (see `visit`), and whether all of it fits."""
    page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
    answer = page.goto(path)
    failures.check(answer.status == 200, f"{path}: {answer.status}")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if not failures.check(wide <= width, f"{path}: {wide} px wide on a screen of {width} px (script {script})"):
            failures.check(False, f"{path}: sticks out: {page.evaluate(STICKS_OUT)}")
    page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
    failures.check(page.locator("h1").is_visible(), f"{path}: no visible h1")


# The deepest elements beyond the right edge that nothing scrolls.
STICKS_OUT = """[...document.querySelectorAll("main *, header *, footer *")].filter((one) =>
    one.getBoundingClientRect().right > innerWidth + 1 && !one.children.length && !one.closest(".scroll, pre"))
    .slice(0, 4).map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 40)}`)"""


# Axe


def axe(browser, options):
    from axe_playwright_python.sync_playwright import Axe

    failures, tool, count = Failures(), Axe(), 0
    paths = [path for path, answer in Site(options.url).pages().items() if is_page(answer)]
    for scheme, width in (("light", 320), ("dark", 1280)):
        # Its own script is what the pages' policy forbids: `pages` proves that the policy holds.
        with visit(browser, options, failures, scheme=scheme, width=width, bypass_csp=True) as page:
            for path in paths:
                page.goto(path)
                page.evaluate("document.querySelectorAll('main details').forEach((one) => (one.open = true))")
                count += 1
                rules = {"resultTypes": ["violations"]}
                for violation in tool.run(page, options=rules).response["violations"]:
                    if violation["impact"] in ("serious", "critical"):
                        places = [node["html"][:160] for node in violation["nodes"][:2]]
                        told = f"{violation['id']} ({violation['impact']}): {violation['help']}: {places}"
                        failures.check(False, f"{path} ({scheme}, {width}): {told}")
    failures.check(count >= 3, "no page was looked at")
    return failures.end(looks=count)


# Keyboard


def keyboard(browser, options):
    failures = Failures()
    for script in (True, False):
        with visit(browser, options, failures, script) as page:
            page.goto("/")
            page.keyboard.press("Tab")
            focus = lambda: page.evaluate("document.activeElement.outerHTML").replace("\n", " ")[:120]
            failures.check('class="skip"' in focus(), f"the first stop is {focus()}")
            failures.check(is_shown(page), f"the skip link has no visible focus: {focus()}")
            page.keyboard.press("Enter")
            page.keyboard.press("Tab")
            inside = page.evaluate("document.getElementById('content').contains(document.activeElement) ||"
                                   " !!document.activeElement.closest('footer')")
            failures.check(inside, f"after the skip link comes {focus()}")
            page.goto("/")
            menu(page, script, focus, failures)
            # Every stop of the first page can be seen to have the focus.
            page.goto("/")
            for _ in range(40):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement === document.body"):
                    break
                failures.check(is_shown(page), f"no visible focus: {focus()}")
    return failures.end()


def menu(page, script, focus, failures):
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    opened = "document.querySelectorAll('details.menu[open]').length"
    failures.check(page.evaluate(opened) == 0, "a menu is open")
    page.keyboard.press("Enter")
    failures.check(page.evaluate(opened) == 1, f"Enter opens no menu: {focus()}")
    page.keyboard.press("ArrowDown" if script else "Tab")
    failures.check("<a " in focus(), f"down leads to {focus()}")
    if script:
        page.keyboard.press("ArrowDown")
        failures.check("<a " in focus(), f"down twice leads to {focus()}")
        page.keyboard.press("Escape")
        failures.check(page.evaluate(opened) == 0, "Escape leaves the menu open")
        failures.check("<summary" in focus(), f"Escape leads to {focus()}")
        page.keyboard.press("ArrowDown")
    target = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("Enter")
    page.wait_for_url("**" + target)


def is_shown(page):
    """Whether the element with the focus is on the screen and looks different for it."""
    return page.evaluate("""() => {
        const one = document.activeElement, style = getComputedStyle(one), place = one.getBoundingClientRect();
        const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        const marked = isOutlined || style.boxShadow !== "none";
        const isText = one.matches("input, select, textarea");
        return (marked || isText) && place.width > 0 && place.height > 0 && place.right > 0 && place.bottom > 0;
    }""")


KINDS = {"pages": pages, "axe": axe, "keyboard": keyboard}

if __name__ == "__main__":
    sys.exit(main(__doc__, KINDS))
