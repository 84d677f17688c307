"""The pages of the service, and the files that they load: all from this package.

Drawing is that of a run's report (``jnrf/report``): its layout.js and page.css, with a script of
our own. Nothing that a note says is ever in a page that is sent; scripts set it as text.
"""

from __future__ import annotations

import json
from html import escape
from importlib import resources

from jnrf.report.page import asset as report_asset
from jnrf.report.page import fill


def page() -> str:
    """The page to paste a note into."""
    return _asset("page.html")


def assets() -> dict[str, tuple[str, str]]:
    """Content and type of each file that the pages load, by its name."""
    return {
        "page.css": ("\n".join((report_asset("page.css"), _asset("page.css"))), "text/css"),
        "page.js": ("\n".join((report_asset("layout.js"), _asset("page.js"))), "text/javascript"),
    }


def docs(description: dict) -> str:
    """The routes of an OpenAPI description as a page without scripts."""
    sections = [
        _route(method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    version = escape(description["info"]["version"])
    return fill(_asset("docs.html"), {"version": version, "routes": "\n".join(sections)})


def _route(method: str, path: str, operation: dict) -> str:
    parts = [f"<h2><code>{method} {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"]
    if "description" in operation:
        parts.append(f"<p>{escape(operation['description'])}</p>")
    if body := operation.get("requestBody"):
        rows = [
            ("statuses", _statuses(operation["responses"])),
            *((f"?{p['name']}=", escape(p["description"])) for p in operation["parameters"]),
        ]
        cells = "".join(f'<tr><th scope="row">{k}</th><td>{v}</td></tr>' for k, v in rows)
        parts.append(f'<div class="scroll"><table>{cells}</table></div>')
        for name, content in (("Body", body), ("Answer", operation["responses"]["200"])):
            schema = content["content"]["application/json"]["schema"]
            shown = escape(json.dumps(schema, indent=2))
            parts.append(f"<details><summary>{name}</summary><pre>{shown}</pre></details>")
    return f"<section>{''.join(parts)}</section>"


def _statuses(responses: dict) -> str:
    return "<br>".join(f"{k} {escape(v['description'])}" for k, v in sorted(responses.items()))


def _asset(name: str) -> str:
    return (resources.files("jnrf.serve") / name).read_text(encoding="utf-8")
