"""Who may look, what every answer forbids the browser, and that no name becomes markup and no path leads out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import pytest
from starlette.types import Message

from dashboard.app import dashboard_app
from dashboard.security import FORWARDED, HEADERS
from dashboard.site import Site
from tests.dashboard.asking import LOCAL, Answer, Markup, Visitor
from tests.dashboard.conftest import visitor_of
from tests.dashboard.paths import CLOSED, IDENTITY, OPEN, PAGES, PICTURES, identity_in, paths_of
from tests.dashboard.small_roots import MARKUP, SECRET, Roots
from tests.faults.hostile_names import NAMES

TOKEN = "a-token-of-thirty-two-characters"
BEARER = {"authorization": f"Bearer {TOKEN}"}
NONSENSE = ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "tök\xff", "\x80" * 32, '"' + TOKEN, "%s%n" * 40)


@contextmanager
def guarded(roots: Roots, *, prefix: str = "") -> Iterator[Visitor]:
    with visitor_of(roots, token=TOKEN, prefix=prefix) as visitor:
        yield visitor


def signed_in(visitor: Visitor, token: str = TOKEN, **headers: str) -> Answer:
    form = {"content-type": "application/x-www-form-urlencoded"} | headers
    return visitor.ask("POST", "/sign-in", form, body=f"token={token}".encode())


def cookie_of(answer: Answer) -> dict[str, str]:
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


# ---- The token


def test_without_the_token_every_route_but_three_answers_401(kept_roots: Roots):
    with guarded(kept_roots) as visitor:
        for method in ("GET", "HEAD", "POST", "DELETE"):
            for path in (*paths_of(kept_roots), "/nothing", "/static/live.js", "/static/nothing", "/search/picture"):
                if path not in OPEN:
                    assert visitor.ask(method, path).status == 401, (method, path)
        assert [visitor.get(path).status for path in OPEN] == [200, 200]


def test_what_is_refused_shows_nothing_of_what_is_there(kept_roots: Roots):
    with guarded(kept_roots) as visitor:
        assert visitor.get("/datasets/photos").content == visitor.get("/datasets/other").content
        assert "Sign in" in visitor.get("/").text


def test_the_bearer_of_the_token_sees_every_page(kept_roots: Roots):
    with guarded(kept_roots) as visitor:
        for path in paths_of(kept_roots):
            assert visitor.get(path, BEARER).status == 200, path
        assert visitor.get("/", {"authorization": f"bearer   {TOKEN} "}).status == 200


@pytest.mark.parametrize("wrong", NONSENSE)
def test_a_wrong_token_or_cookie_is_refused(kept_roots: Roots, wrong: str):
    with guarded(kept_roots) as visitor:
        assert visitor.get("/", {"authorization": f"Bearer {wrong}"}).status == 401
        assert visitor.get("/", {"cookie": f"imagemill-token={wrong}"}).status == 401
        assert visitor.get("/", {"cookie": wrong}).status == 401
        quoted = "".join(f"%{byte:02x}" for byte in wrong.encode())
        assert signed_in(visitor, quoted).status == 401


@pytest.mark.parametrize("scheme", ["", "Basic", "Bearer:", "Token"])
def test_the_token_counts_as_a_bearers_only(kept_roots: Roots, scheme: str):
    with guarded(kept_roots) as visitor:
        assert visitor.get("/", {"authorization": f"{scheme} {TOKEN}"}).status == 401
        assert visitor.get("/", {"cookie": f"imagemill-token={TOKEN}"}).status == 401
        assert visitor.get(f"/?token={TOKEN}").status == 401


def test_who_signs_in_gets_a_cookie_that_no_script_and_no_other_site_can_use(kept_roots: Roots):
    with guarded(kept_roots) as visitor:
        answer = signed_in(visitor)
        flags = {flag.strip().lower() for flag in answer.headers["set-cookie"].split(";")[1:]}
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert flags == {"httponly", "samesite=strict", "path=/"}
        assert TOKEN not in answer.headers["set-cookie"]
        assert visitor.get("/datasets", cookie_of(answer)).status == 200


@pytest.mark.parametrize("others", ["flag; {}", 'a={{"x":1}}; {}', "consent=a b; {}", "{}; q=a b", "{}; flag"])
def test_cookies_of_other_applications_do_not_hide_ours(kept_roots: Roots, others: str):
    """Cookies are shared by all ports of a host, and by all that a proxy shows of one."""
    with guarded(kept_roots) as visitor:
        cookie = cookie_of(signed_in(visitor))["cookie"]
        assert visitor.get("/datasets", {"cookie": others.format(cookie)}).status == 200


def test_behind_https_the_cookie_is_for_https_only(kept_roots: Roots):
    with guarded(kept_roots) as visitor:
        answer = signed_in(visitor, **{"x-forwarded-proto": "https"})
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_the_cookie_of_one_token_is_worth_nothing_with_another(kept_roots: Roots):
    with guarded(kept_roots) as first, visitor_of(kept_roots, token=TOKEN[::-1]) as second:
        assert second.get("/", cookie_of(signed_in(first))).status == 401


def test_a_token_in_another_script_can_be_typed_in(kept_roots: Roots):
    with visitor_of(kept_roots, token="schlüssel-日本語-schlüssel") as visitor:
        answer = signed_in(visitor, "schlüssel-日本語-schlüssel")
        assert visitor.get("/", cookie_of(answer)).status == 200


def test_a_form_too_long_for_a_token_is_refused(kept_roots: Roots):
    with guarded(kept_roots) as visitor:
        assert signed_in(visitor, "x" * 5000).status == 413


def test_without_a_token_nobody_can_sign_in(kept_visitor: Visitor):
    assert [signed_in(kept_visitor, token).status for token in ("", "x", TOKEN)] == [401, 401, 401]


# ---- Names of the server, and where a proxy shows it


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4300", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_a_server_without_a_token_goes_by_names_of_this_machine_only(kept_visitor: Visitor, host: str):
    for path in ("/", "/datasets", "/static/live.js", "/health", "/nothing"):
        assert kept_visitor.get(path, {"host": host}).status == 421


@pytest.mark.parametrize("host", [LOCAL, "localhost", "LOCALHOST:1", "127.8.9.1:4300", "[::1]:4300", "[::1]"])
def test_every_name_of_this_machine_is_one(kept_visitor: Visitor, host: str):
    assert kept_visitor.get("/health", {"host": host}).status == 200


@pytest.mark.parametrize("header", [*sorted(FORWARDED), "X-Forwarded-For"])
def test_without_a_token_nobody_comes_through_a_proxy(kept_visitor: Visitor, kept_roots: Roots, header: str):
    answer = kept_visitor.get("/datasets", {header: "203.0.113.7"})
    assert (answer.status, "IMAGEMILL_DASHBOARD_TOKEN" in answer.text) == (421, True)
    with guarded(kept_roots) as visitor:
        assert visitor.get("/datasets", BEARER | {header: "203.0.113.7"}).status == 200


def test_with_a_token_the_server_goes_by_any_name(kept_roots: Roots):
    with guarded(kept_roots) as visitor:
        assert visitor.get("/", BEARER | {"host": "images.example"}).status == 200


@pytest.mark.parametrize("sent", ["", "/mill"])
def test_behind_a_proxy_every_link_begins_with_the_prefix(kept_roots: Roots, sent: str):
    """Whether the proxy hands on the path with the prefix or without."""
    with guarded(kept_roots, prefix="/mill") as visitor:
        for path in PAGES:
            answer = visitor.get(sent + path, BEARER)
            links = Markup(answer.text).values("href", "src", "action", "data-drop")
            outside = [link for link in links if not link.startswith(("/mill/", "#", "?", "data:", "http://ex"))]
            assert (answer.status, outside) == (200, []), path
        for name in ("style.css", "live.js", "icon.svg"):
            assert visitor.get(f"{sent}/static/{name}", BEARER).status == 200
        current = [
            found["href"]
            for _, found in Markup(visitor.get(f"{sent}/datasets", BEARER).text).elements
            if found.get("aria-current") == "page"
        ]
        assert current == ["/mill/datasets"]


@pytest.mark.parametrize("sent", ["", "/mill"])
def test_behind_a_proxy_who_signs_in_is_led_to_the_prefix_and_known_there(kept_roots: Roots, sent: str):
    with guarded(kept_roots, prefix="/mill") as visitor:
        assert [visitor.get(sent + path).status for path in (*OPEN, "/", "/datasets")] == [200, 200, 401, 401]
        answer = visitor.ask("POST", f"{sent}/sign-in", body=f"token={TOKEN}".encode())
        assert (answer.status, answer.headers["location"]) == (303, "/mill/")
        # Of its path, also without the slash at its end: who types that is not asked again.
        assert "path=/mill;" in answer.headers["set-cookie"].lower() + ";"


def test_the_prefix_without_a_slash_is_the_first_page(kept_roots: Roots):
    with guarded(kept_roots, prefix="/mill") as visitor:
        assert "<h1>Runs</h1>" in visitor.get("/mill", BEARER).text
        assert visitor.get("/mill/nothing", BEARER).status == 404
        assert visitor.get("/million", BEARER).status == 404


def test_nothing_leads_to_the_host_that_a_request_names(kept_roots: Roots):
    """A path with a slash at its end is none of ours: to be led on, one would have to be told a host."""
    with guarded(kept_roots) as visitor:
        for path in ("/datasets/", "/models/faces/", "/static", "//evil.example/"):
            answer = visitor.get(path, BEARER | {"host": "evil.example"})
            assert (answer.status, answer.headers.get("location")) == (404, None)


def test_no_websocket_is_opened(kept_roots: Roots):
    """Not even by who has the token: no page needs one."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    for path in ("/", "/static/live.js", "/datasets"):
        scope = {"type": "websocket", "path": path, "headers": [], "subprotocols": []}
        asyncio.run(dashboard_app(Site(kept_roots.tiers))(scope, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"] * 3


# ---- What every answer says


def test_every_answer_has_the_headers(kept_roots: Roots):
    with visitor_of(kept_roots) as visitor, guarded(kept_roots) as closed:
        style = visitor.get("/static/style.css")
        answers = [
            *map(visitor.get, paths_of(kept_roots)),
            *(visitor.get(f"/static/{name}") for name in ("live.js", "icon.svg", "nothing", "")),
            visitor.get("/static/style.css", {"if-none-match": style.headers["etag"]}),
            *map(visitor.get, ("/nothing", "/datasets/nothing/7/rows", "/datasets/", "/datasets/torn")),
            visitor.ask("POST", "/"),
            visitor.ask("OPTIONS", "/"),
            visitor.get("/", {"host": "evil.example"}),
            closed.get("/"),
            signed_in(closed),
            signed_in(closed, "wrong"),
            signed_in(closed, "x" * 5000),
        ]
    assert {answer.status for answer in answers} >= {200, 303, 304, 401, 404, 405, 413, 421}
    for answer in answers:
        assert HEADERS.items() <= answer.headers.items()
        assert answer.headers["cache-control"]


def test_the_page_of_a_static_file_that_is_none_has_the_right_links(kept_roots: Roots):
    with guarded(kept_roots, prefix="/mill") as visitor:
        answer = visitor.get("/mill/static/nothing.css", BEARER)
    assert answer.status == 404
    assert "/mill/static/style.css" in Markup(answer.text).values("href")
    assert not any(link.startswith("/mill/static/static") for link in Markup(answer.text).values("href", "src"))


def test_an_answer_to_what_is_damaged_has_the_headers(roots: Roots):
    for path in roots.folder("hostile").objects.glob("rows*"):
        path.write_bytes(b"")
    with visitor_of(roots) as visitor:
        answer = visitor.get("/datasets/hostile/1/rows")
    assert answer.status == 503
    assert HEADERS.items() <= answer.headers.items()


def test_the_policy_lets_no_script_in_that_is_not_a_file_of_ours():
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in HEADERS["content-security-policy"]


def test_only_pictures_of_published_rows_are_kept_by_browsers(kept_roots: Roots, kept_visitor: Visitor):
    for path in paths_of(kept_roots):
        kept = kept_visitor.get(path).headers["cache-control"]
        assert ("immutable" in kept) == ("/pictures/" in path), path
        assert "public" not in kept


# ---- Names that would be markup


def test_no_page_has_a_script_or_a_style_within(kept_roots: Roots, kept_visitor: Visitor):
    pages = [kept_visitor.get(path).text for path in (*PAGES, "/nothing", f"/search?q={'%3Cscript%3E'}")]
    with guarded(kept_roots) as visitor:
        pages.append(visitor.get("/").text)
    for page in pages:
        for tag, attributes in Markup(page).elements:
            assert tag not in ("style", "iframe", "object", "embed", "base", "template")
            assert tag != "script" or attributes["src"].startswith("/static/")
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]


def test_no_page_names_an_address_elsewhere_or_a_script(kept_visitor: Visitor):
    for path in PAGES:
        links = Markup(kept_visitor.get(path).text).values("href", "src", "action", "data-drop")
        # A card may: the picture that it names stays away, by the policy.
        far = [link for link in links if not link.startswith(("/", "?", "#", "data:image/"))]
        assert far in ([], ["http://example.org/x.png"]), path


def test_hostile_names_of_classes_are_shown_as_text(kept_visitor: Visitor):
    page = kept_visitor.get("/datasets/hostile").text
    text = Markup(page).text
    for shown in ("<script>alert(1)<", "<img src=x onerror=alert(1)>.jpg", "\"double\" 'single'.jpg"):
        assert shown in text
        assert escape(shown, quote=False) in page.replace("&#39;", "'").replace("&#34;", '"')
    assert "\\xff\\xfe\\x80.jpg" in text
    assert "n" * 251 in text


def test_no_control_character_of_a_name_reaches_a_page(kept_visitor: Visitor):
    classes = range(len(NAMES))
    pages = [kept_visitor.get(path).text for path in PAGES]
    pages += [kept_visitor.get(f"/datasets/hostile/1/rows?class={label}").text for label in classes]
    pages += [kept_visitor.get(f"/datasets/hostile/1/rows/{row}").text for row in classes]
    for page in pages:
        assert not set(page) & {*map(chr, range(32)), *map(chr, range(127, 160)), *"\u2028\u2029\u202e\u2066"} - {"\n"}


def test_hostile_names_of_images_and_reports_are_shown_as_text(kept_visitor: Visitor):
    assert "<b>torn.jpg" in Markup(kept_visitor.get("/datasets/hostile").text).text
    rows = [Markup(kept_visitor.get(f"/datasets/hostile/1/rows/{row}").text).text for row in range(105)]
    assert any("made from names/<script>alert(1)<" in row for row in rows)


def test_what_failed_runs_and_models_say_is_shown_as_text(kept_visitor: Visitor):
    runs, model = (Markup(kept_visitor.get(path).text) for path in ("/", "/models/faces"))
    assert f"it broke on {MARKUP}" in runs.text
    assert "and a second line" not in runs.text
    assert MARKUP in model.text
    assert f"{MARKUP} ends at" in " ".join(model.values("aria-label"))
    assert f"photos: {MARKUP}" not in model.text


def test_what_somebody_asks_for_is_shown_as_text(kept_visitor: Visitor):
    asked = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    for path in (f"/search?q={asked}", f"/words?word={asked}", f"/datasets?x={asked}", f"/{asked}"):
        page = Markup(kept_visitor.get(path).text)
        assert [found for tag, found in page.elements if tag == "script" and "src" not in found] == []
    assert '"><script>alert(1)</script>' in Markup(kept_visitor.get(f"/search?q={asked}").text).values("value")


# ---- Paths that would lead out

TRICKS = (
    "/..", "/../", "/../secret.png", "/%2e%2e/secret.png", "/..%2fsecret.png", "/%2e%2e%2fsecret.png",
    "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/%2e%2e%2f%2e%2e%2fpyproject.toml",
    "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/%00", "/static/live.js%00.png", "/static/" + "a" * 300,
    "/static/" + "a/" * 3000, "/static/..\\app.py", "/static/.", "/static/",
    "/datasets/..", "/datasets/%2e%2e", "/datasets/../../secret.png", "/datasets/%2e%2e%2fsecret.png",
    "/datasets/photos%00", "/datasets/photos%2f", "/datasets/photos%2fobjects", "/datasets/photos/objects",
    "/datasets/photos/dataset.json", "/datasets/PHOTOS", "/datasets/photos%20", "/datasets/.", "/datasets/%ff",
    "/datasets/photos?version=%2e", "/datasets/photos?version=-1", "/datasets/photos?version=9" + "9" * 20,
    "/datasets/photos?version=1.0", "/datasets/photos?version=%D9%A1", "/datasets/photos?version=99",
    "/datasets/photos/1/rows?class=-1", "/datasets/photos/1/rows?class=3", "/datasets/photos/1/rows?class=%D9%A1",
    "/datasets/photos/1/rows?page=0", "/datasets/photos/1/rows?page=2", "/datasets/photos/1/rows?page=1e9",
    "/datasets/photos/1/rows?page=999999999999", "/datasets/photos/1/rows?page=" + "9" * 5000,
    "/datasets/photos/0/rows", "/datasets/photos/2/rows", "/datasets/photos/-1/rows", "/datasets/photos/%D9%A1/rows",
    "/datasets/photos/999999999999/rows", "/datasets/photos/" + "9" * 5000 + "/rows", "/datasets/photos/1e1/rows",
    "/datasets/words/1/rows", "/datasets/photos/1/rows/12", "/datasets/photos/1/rows/-1",
    "/datasets/photos/1/rows/%D9%A1", "/datasets/photos/1/rows/999999999999", "/datasets/nothing/1/rows/0",
    f"/datasets/photos/1/pictures/{IDENTITY}/0/12.jpg", f"/datasets/photos/1/pictures/{IDENTITY}/2/0.jpg",
    f"/datasets/photos/1/pictures/{IDENTITY}/0/0.gif", f"/datasets/photos/1/pictures/{IDENTITY}/0/0.jpg/",
    "/datasets/photos/1/pictures/0000000000000000/0/0.jpg", "/datasets/photos/1/pictures/../0/0.jpg",
    f"/datasets/photos/1/pictures/{IDENTITY}/999999999999/0.png",
    "/models/..", "/models/photos", "/models/model-faces", "/models/faces?version=2", "/models/faces?version=x",
    "/models/faces/runs/run-1/..", "/models/faces/runs/run-1/%2e%2e%2fconfig.toml", "/models/faces/runs/%2e%2e/lock",
    "/models/faces/runs/run-1/config.toml", "/models/faces/runs/run-1/000000003-faces.png",
    "/models/faces/runs/../runs/000000002-faces.png", "/models/faces/runs/run-1%2fsamples/000000002-faces.png",
    "/models/faces/runs/.%2frun-1/000000002-faces.png", "/models/faces/runs/run-2/000000002-faces.png",
    "/models/faces/1/improved/0.png", f"/models/devise/1/improved/{IDENTITY}/0.png", "/models/faces/9/improved/0.png",
    "/health/", "//", "//evil.example/", "/%2f%2fevil.example", "/sign-in", "/search/picture",
)  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_a_path_that_leads_nowhere_or_out_gets_404(kept_roots: Roots, kept_visitor: Visitor, path: str):
    answer = kept_visitor.get(path.replace(IDENTITY, identity_in(kept_roots)))
    if path in CLOSED:
        assert answer.status == 405
    else:
        assert answer.status == 404
    assert answer.error is None
    assert SECRET not in answer.content
    assert b"root:" not in answer.content


@pytest.mark.parametrize("path", PICTURES)
def test_a_link_among_samples_leads_nowhere(roots: Roots, path: str):
    sample = roots.folder("model-faces").runs / "run-1" / "samples" / path.rpartition("/")[2]
    sample.unlink()
    sample.symlink_to(roots.secret)
    with visitor_of(roots) as visitor:
        answer = visitor.get(path)
    assert (answer.status in (404, 503), answer.error) == (True, None)
    assert SECRET not in answer.content


@pytest.mark.parametrize("part", ["objects", "versions", "runs", "logs", "plans", "receipts"])
def test_a_dataset_whose_folders_are_links_is_not_followed_out(roots: Roots, part: str):
    """What stands outside is a dataset of its own kind, which would be shown if it were reached."""
    outside = roots.root / "outside"
    outside.mkdir()
    for name in ("photos", "model-faces"):
        path = roots.folder(name).path / part
        if path.exists():
            path.rename(outside / name)
            path.symlink_to(outside / name)
    with visitor_of(roots) as visitor:
        for dataset, path in (("photos", "/datasets/photos"), ("model-faces", "/models/faces")):
            if (outside / dataset).exists():
                assert visitor.get(path).status == 503
        for path in paths_of(roots):
            answer = visitor.get(path)
            assert (answer.status in (200, 404, 503), answer.error) == (True, None)
