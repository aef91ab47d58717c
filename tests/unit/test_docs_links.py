"""The documentation hangs together: every link leads somewhere, and every page is reached from the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "README.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The names of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The links that lead nowhere."""
    found = []
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def linked_from(page: Path) -> set[Path]:
    """The pages that it links to; of a folder, all that are in it."""
    targets = [(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(prose(page))]
    return {each for target in targets for each in ([target] if target.is_file() else target.glob("*.md"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of(page: Path) -> None:
    assert broken(page) == []


def test_every_page_is_reached_from_the_index() -> None:
    reached, left = {INDEX}, [INDEX]
    while left:
        new = {page for page in linked_from(left.pop()) if page.suffix == ".md"} - reached
        reached |= new
        left += new
    assert sorted(set((ROOT / "docs").rglob("*.md")) - reached) == []


def test_the_readme_leads_to_the_index() -> None:
    assert INDEX in linked_from(ROOT / "README.md")


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n[a](gone.md) [b](#one) [c](#two) [d](https://example.com)\n```\n[e](gone.md)\n```\n"
    )
    assert broken(page) == ["gone.md", "#two"]
