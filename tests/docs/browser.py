"""What a page says in a real browser after a visit by a script."""

import html
import json
import re
import shutil
import subprocess

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def visited(page, visit, folder, width, dark=False):
    """What `visit`, a script in HTML, leaves as JSON in the body of the page, which is `width` pixels wide.

    The page is written into `folder`, beside the files that it links to.
    """
    (folder / "visited.html").write_text(page.replace("<head>", f"<head>{visit}"))
    frame = f'<iframe src="visited.html" style="width:{width}px;height:900px;border:0"></iframe>'
    report = "<script>window.addEventListener('load', () => document.body.append("
    report += "document.querySelector('iframe').contentDocument.body.textContent))</script>"
    (folder / "frame.html").write_text(f"<!DOCTYPE html><body>{frame}{report}</body>")
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom")
    flags += (f"--user-data-dir={folder / 'profile'}", f"--blink-settings=preferredColorScheme={int(not dark)}")
    command = (BROWSER, *flags, "--virtual-time-budget=5000", (folder / "frame.html").as_uri())
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return json.loads(html.unescape(re.search(r"</iframe>.*?({.*})", done.stdout, re.S).group(1)))
