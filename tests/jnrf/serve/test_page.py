"""The pages as they are sent: nothing inline, nothing from elsewhere, all addresses there."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")
pytest.importorskip("httpx")


class Elements(HTMLParser):
    """Elements with their attributes; ``inline`` is text inside scripts and styles."""

    def __init__(self, page: str):
        super().__init__()
        self.found, self.inline, self.inside = [], "", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside in ("script", "style"):
            self.inline += data


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_has_nothing_inline_and_loads_only_what_the_service_has(serve, path):
    async def test(service):
        answer = await service.get(path)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        elements = Elements(answer.text)
        assert not elements.inline.strip()
        names = {name for _, attributes in elements.found for name in attributes}
        assert not [name for name in names if name == "style" or name.startswith("on")]
        addresses = [a.get("href") or a.get("src") for _, a in elements.found]
        addresses = {address for address in addresses if address}
        assert "assets/page.css" in addresses
        for address in addresses:
            assert "//" not in address
            assert (await service.get(f"/{address.removeprefix('./')}")).status_code == 200

    serve(test)


def test_scripts_and_styles_load_nothing_and_make_no_html_of_strings(serve):
    async def test(service):
        script = (await service.get("/assets/page.js")).text
        style = (await service.get("/assets/page.css")).text
        for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert danger not in script
        assert "@import" not in style
        assert "url(" not in style
        # The only address in it is a name, that of SVG elements.
        assert script.replace("http://www.w3.org/2000/svg", "").count("://") == 0

    serve(test)


def test_the_description_has_every_route_and_what_it_takes(serve):
    async def test(service):
        description = (await service.get("/openapi.json")).json()
        paths = {
            ("/", "get"), ("/extract", "post"), ("/extract/batch", "post"), ("/health", "get"),
            ("/health/live", "get"), ("/metrics", "get"), ("/model", "get"), ("/docs", "get"),
            ("/openapi.json", "get"),
        }  # fmt: skip
        heads = {(path, "head") for path, method in paths if method == "get"}
        told = {(p, m) for p, x in description["paths"].items() for m in x}
        assert told == paths | heads
        taken = description["paths"]["/extract"]["post"]["requestBody"]["content"]
        assert taken["application/json"]["schema"]["required"] == ["text"]
        page = (await service.get("/docs")).text
        for path, method in paths:
            assert f"<code>{method.upper()} {path}</code>" in page
        assert "422 The JSON is not that of notes." in page

    serve(test)
