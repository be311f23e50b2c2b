"""Run the code of a page in an empty folder, and write what it shows and prints as JSON.

python -m tests.docs.shown PAGE FOLDER RESULT
"""

import json
import sys
from pathlib import Path

from scripts.site import executed

if __name__ == "__main__":
    executed.devices.configure()
    page, folder, result = map(Path, sys.argv[1:])
    result.write_text(json.dumps(executed.run(page, folder)))
