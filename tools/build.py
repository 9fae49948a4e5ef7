"""Build the website into _build/html from the stored notebooks; refuses outputs of older code.

REPOSITORY=https://github.com/owner/name adds Binder and Colab buttons to every chapter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lite
import yaml

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"


def main() -> None:
    os.chdir(ROOT)
    run = [sys.executable]
    if subprocess.run([*run, "tools/execute.py", "--check"]).returncode:
        sys.exit("These chapters hold outputs of older code or text. Run `make execute` (or name one chapter).")
    subprocess.run([*run, "tools/vendor.py"], check=True)
    shutil.rmtree(BUILD, ignore_errors=True)
    # what goes beside the pages: MathJax, JupyterLite and the frames of the explorations
    shutil.copytree(".vendor/site", BUILD / "extra")
    if lite.chapters():
        lite.build(BUILD / "extra/lite")
    if Path("book/explorers").is_dir():
        frames = BUILD / "extra/book/explorers"
        shutil.copytree("book/explorers", frames)
        for path in frames.glob("*.json"):  # a page opened from disk may load a script, but not fetch numbers
            text = path.read_text(encoding="utf-8")
            path.with_suffix(".js").write_text(f'rmtExplorers["{path.stem}"] = {text}', encoding="utf-8")
    start = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    build = [*run, "-c", start, "build", ".", "-n", "-W", "--keep-going", "--quiet"]
    if code := subprocess.run([*build, "--config", configuration()]).returncode:
        sys.exit(code)
    print(f"The book is in {BUILD / 'html'}: open {(BUILD / 'html/index.html').as_uri()}, or run `make serve`.")


def configuration() -> Path:
    """_config.yml, with the buttons of the repository where one is named."""
    repository = os.environ.get("REPOSITORY")
    settings = yaml.safe_load(Path("_config.yml").read_text(encoding="utf-8"))
    settings["sphinx"]["local_extensions"] = {"book_sphinx": str(ROOT / "tools")}  # read from elsewhere
    if repository:
        settings["repository"] = {"url": repository, "branch": os.environ.get("BRANCH", "main")}
        settings["launch_buttons"] |= {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }
        settings["html"] |= {"use_repository_button": True, "use_issues_button": True}
    path = BUILD / "_config.yml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
