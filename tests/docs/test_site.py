"""The site builds without a warning, needs no network, has no dead link, and can be read by everybody."""

import itertools
import os
import re
import resource
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

pytest.importorskip("mkdocs", reason="the site needs the extra `docs`")
from browser import BROWSER, visited
from html_pages import HtmlPage

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
LONGEST = 120  # seconds of one core


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built as the page on contributing says."""
    folder = tmp_path_factory.mktemp("site")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "docs/site/mkdocs.yml", "-d", str(folder))
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < LONGEST
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """All pages by their place."""
    found = {str(path.relative_to(site)): HtmlPage(path) for path in sorted(site.rglob("*.html"))}
    return {name: page for name, page in found.items() if not name.startswith(("404", "repository/results/figures"))}


def target(name, link):
    """The place and the anchor that a link of a page goes to; None where it leaves the site."""
    if re.match(r"\w+:|//", link):
        return None
    path, anchor = urldefrag(link)
    return os.path.normpath(os.path.join(os.path.dirname(name), unquote(path))) if path else name, unquote(anchor)


def test_every_link_inside_the_site_is_live(site, pages):
    dead = []
    for name, page in pages.items():
        for link in page.links:
            place = target(name, link)
            if place is None:
                assert re.match("https://|mailto:", link), link
            elif not (site / place[0]).exists() or (
                place[1] and place[0] in pages and place[1] not in pages[place[0]].ids
            ):
                dead.append((name, link))
    assert dead == []


def test_no_page_loads_anything_from_elsewhere(site, pages):
    assert len(pages) > 200
    for name, page in pages.items():
        for file in page.loaded:
            assert not re.match(r"\w+:|//", file) or file.startswith("data:"), (name, file)
            assert (site / target(name, file)[0]).exists(), (name, file)
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.findall(r"""(?:@import|url\()\s*['"]?(?:https?:)?//""", text), sheet


def test_every_page_can_be_read_without_seeing_it(pages):
    for name, page in pages.items():
        assert page.faults == [], name
        assert page.language == "en", name
        assert page.title, name
        levels = [level for level, _ in page.headings]
        assert levels.count(1) == 1, (name, page.headings)
        assert levels[0] == 1, (name, page.headings)
        steps = itertools.pairwise(levels)
        assert all(after <= before + 1 for before, after in steps), (name, page.headings)
        assert all(text for _, text in page.headings), name
        assert [id for id, count in Counter(page.ids).items() if count > 1] == [], name


def test_titles_tell_pages_apart(pages):
    twice = [title for title, count in Counter(page.title for page in pages.values()).items() if count > 1]
    assert twice == []


def test_equations_are_set_and_none_is_left_as_it_was_typed(site):
    text = (site / "mathematics.html").read_text(encoding="utf-8")
    assert text.count("<math ") > 80
    for path in site.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert 'class="arithmatex"' not in page, path
        equations = re.findall(r"<math .*?</math>", page, re.DOTALL)
        assert [one for one in equations if "\\" in re.sub(r"<[^>]*>", "", one)] == [], path  # an unknown command


def test_each_question_is_two_clicks_from_the_first_page(pages):
    first = {target("index.html", link)[0] for link in pages["index.html"].of_article if target("index.html", link)}
    assert "questions.html" in first
    asked = [target("questions.html", link) for link in pages["questions.html"].of_article]
    asked = [place for place in asked if place and place[0] != "questions.html"]
    assert len(asked) >= 20
    for name, anchor in asked:
        assert name in pages, name
        assert not anchor or anchor in pages[name].ids, (name, anchor)
    second = {
        place[0] for name in first & set(pages) for link in pages[name].of_article if (place := target(name, link))
    }
    every = {name for name in pages if not name.startswith(("repository/", "api/pcl", "reference/"))}
    assert every - first - second - {"index.html"} == set()


LOOK = """
<script>
const all = (what) => [...document.querySelectorAll(what)];
const size = (text, picture) => {
  return (parseFloat(getComputedStyle(text).fontSize) * picture.clientWidth) / picture.viewBox.baseVal.width;
};
window.addEventListener("load", () => {
  const said = {
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    pictures: all("svg.picture").length,
    smallest: Math.min(...all("svg.picture text").map((text) => size(text, text.ownerSVGElement))),
    right: Math.max(...all("article table").map((one) => one.getBoundingClientRect().right)),
    longest: Math.max(...all("article > p").map((one) => one.clientWidth)),
  };
  document.body.replaceChildren(JSON.stringify(said));
});
</script>
"""
browsed = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


def seen(site, name, width):
    """What `LOOK` reads of a page of the site; nothing is left in it."""
    page = site / name
    said = visited(page.read_text(encoding="utf-8"), LOOK, page.parent, width)
    for made in ("visited.html", "frame.html"):
        (page.parent / made).unlink()
    shutil.rmtree(page.parent / "profile", ignore_errors=True)
    return said


@browsed
@pytest.mark.parametrize("name", ["concepts.html", "index.html"])
def test_text_in_pictures_can_be_read_on_a_phone_and_the_page_does_not_scroll_sideways(site, name):
    said = seen(site, name, 390)
    assert said["pictures"] == {"concepts.html": 9, "index.html": 1}[name]
    assert said["smallest"] > 10
    assert said["wide"] <= 0


@browsed
@pytest.mark.parametrize("name", ["repository/results/tables/tab_online.html", "leaderboard.html"])
def test_a_wide_table_takes_the_window_and_prose_stays_narrow(site, name):
    said = seen(site, name, 1900)
    assert said["right"] > 1500
    assert said["wide"] <= 0
    assert said["longest"] < 900


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(text, ground):
    """As WCAG 2.2 defines it; a translucent text is laid over its ground."""
    if len(text) == 9:
        share = int(text[7:], 16) / 255
        mixed = [share * int(text[i : i + 2], 16) + (1 - share) * int(ground[i : i + 2], 16) for i in (1, 3, 5)]
        text = "#" + "".join(f"{round(part):02x}" for part in mixed)
    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_a_known_pair():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#00000080", "#ffffff") == pytest.approx(contrast("#7f7f7f", "#ffffff"), rel=0.01)


FOOTER = "#171717"
GROUNDS = {"default": ("#ffffff", "#f5f5f5"), "slate": ("#1e2129", "#272a35")}  # of pages and of code, by Material


@pytest.mark.parametrize("scheme", GROUNDS)
def test_colours_of_both_schemes_can_be_told_from_their_ground(scheme):
    sheet = (ROOT / "docs/site/theme/stylesheets/style.css").read_text(encoding="utf-8")
    (block,) = re.findall(rf'\[data-md-color-scheme="{scheme}"\] {{(.*?)}}', sheet, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w+);", block))
    for name, colour in colours.items():
        if name.startswith(("md-typeset-a", "md-accent", "md-default-fg", "md-code-hl", "picture")):
            assert min(contrast(colour, ground) for ground in GROUNDS[scheme]) >= 4.5, (name, colour)
    footer = [colour for name, colour in colours.items() if name.startswith("md-footer-fg")]
    assert min(contrast(colour, FOOTER) for colour in footer) >= 4.5
    assert contrast(colours["md-primary-bg-color"], colours["md-primary-fg-color"]) >= 4.5
