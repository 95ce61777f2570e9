"""Follows the links of the built book, and fails if one leads nowhere.

    python3 docs/follow_links.py target/book

Pages outside of docs/ are no part of the book. They are copied to where the links lead, and links to them,
which mdBook takes for pages of its own, get their names back.
"""

import html.parser
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent

# Clients in other languages may come later than the pages that mention them.
TO_COME = CHECKOUT / "bindings"


class Links(html.parser.HTMLParser):
    """Where a page leads to, and where others can lead to in it."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.anchors = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.targets.add(value)
            elif name == "id":
                self.anchors.add(value)


def source_of(file, site):
    """The file of the checkout that a link outside of the book means."""
    source = CHECKOUT / file.relative_to(site)
    if not source.exists() and source.suffix == ".html":
        return source.with_suffix(".md")
    return source


def is_to_come(source):
    """Whether it belongs to a directory of bindings/ that is not there at all."""
    if not source.is_relative_to(TO_COME):
        return False
    language = source.relative_to(TO_COME).parts[0]
    return not (TO_COME / language).exists()


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        # A forge shows the directory; here it is enough that there is one.
        target.mkdir(exist_ok=True)
    else:
        shutil.copyfile(source, target)


def follow(page, target, site, anchors):
    """What is wrong with a link, if anything is; and what has to take its place, if anything."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None, None
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not file.is_relative_to(site):
        return "leads out of the checkout", None
    renamed = None
    if not file.exists() or not file.is_relative_to(site / "docs"):
        if file.is_relative_to(site / "docs"):
            return "there is no such file", None
        source = source_of(file, site)
        if is_to_come(source):
            print(f"NOT CHECKED in {page.name}: {source.relative_to(CHECKOUT)} is not there yet")
        elif not source.exists():
            return "there is no such file", None
        else:
            copy(source, site / source.relative_to(CHECKOUT))
        if source.suffix == ".md":
            renamed = target.replace(".html", ".md", 1)
    elif parts.fragment and file.suffix == ".html":
        if file not in anchors:
            anchors[file] = Links(file.read_text()).anchors
        if unquote(parts.fragment) not in anchors[file]:
            return "there is no such heading", None
    return None, renamed


def main():
    site = Path(sys.argv[1]).resolve()
    complaints, anchors, count = [], {}, 0
    # Two repeat others: one is all pages, one is shown at any address, with links from the root.
    others = {site / "docs/print.html", site / "docs/404.html"}
    for page in sorted({*(site / "docs").rglob("*.html")} - others):
        text = page.read_text()
        for target in sorted(Links(text).targets):
            count += 1
            wrong, renamed = follow(page, target, site, anchors)
            if wrong:
                complaints.append(f"{page.relative_to(site)}: {target}: {wrong}")
            if renamed:
                text = text.replace(f'href="{target}"', f'href="{renamed}"')
        page.write_text(text)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"{count} links, {len(complaints)} of them broken; the book is {site}/docs/index.html")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
