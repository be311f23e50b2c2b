"""A page of the site as far as tests look at it: links, loaded files, headings, names of things, and text."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}


class HtmlPage(HTMLParser):
    """What one HTML file links to, loads and says to readers who cannot see it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.stack = path, []
        self.ids, self.links, self.of_article, self.loaded, self.headings = [], [], [], [], []
        self.faults, self.language, self.title = [], None, ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        node = {"tag": tag, "said": said, "text": "", "named": bool(said.get("aria-label") or said.get("title"))}
        if tag == "html":
            self.language = said.get("lang")
        if "id" in said:
            self.ids.append(said["id"])
        if tag in LOADS and said.get(LOADS[tag]):
            self.loaded.append(said[LOADS[tag]])
        if tag == "link" and said.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.loaded.append(said["href"])
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
            if any(one["tag"] == "article" for one in self.stack):
                self.of_article.append(said["href"])
        if tag == "img" and not said.get("alt"):
            self.faults.append(f"an image without alt text: {said.get('src')}")
        if tag == "input" and said.get("type") not in ("hidden", "checkbox", "radio") and not node["named"]:
            self.faults.append(f"an input without a name: {said}")
        if tag == "img" and said.get("alt"):
            self._name(said["alt"])
        if tag not in VOID:
            self.stack.append(node)

    def handle_endtag(self, tag):
        while self.stack:
            node = self.stack.pop()
            self._close(node)
            if node["tag"] == tag:
                return

    def handle_data(self, data):
        self._name(data)

    def _name(self, text):
        for node in self.stack:
            node["text"] += text

    def _close(self, node):
        tag, text = node["tag"], node["text"].replace("¶", "").strip()
        if tag == "title" and not self.title:
            self.title = text
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append((int(tag[1]), text))
        if tag in ("a", "button") and ("href" in node["said"] or tag == "button") and not (text or node["named"]):
            self.faults.append(f"a {tag} without a name: {node['said']}")
        if tag == "svg" and node["said"].get("role") == "img" and not text:
            self.faults.append("a picture without a title")
        if tag == "th" and not text:
            self.faults.append("a table heading without text")
