"""A small project of its own for the platform's tests."""

import json
import shutil
from pathlib import Path

import pytest

CONFIG = {
    "framework": None,
    "functions": {"api/broken.py": {"maxDuration": 7}, "api/*.py": {"maxDuration": 60}},
    "rewrites": [
        {"source": "/things/:id/:action", "destination": "/api/toy"},
        {"source": "/api/things/:id/:action", "destination": "/api/toy"},
        {"source": "/broken", "destination": "/api/broken"},
    ],
    "crons": [{"path": "/things/cron/open", "schedule": "* * * * *"}],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a vercel.json, one function that works, one that does not, and a page."""
    (tmp_path / "api").mkdir()
    (tmp_path / "public" / "deep").mkdir(parents=True)
    (tmp_path / "vercel.json").write_text(json.dumps(CONFIG))
    (tmp_path / "secret.txt").write_text("source")
    shutil.copy(Path(__file__).parent / "toy.py", tmp_path / "api" / "toy.py")
    (tmp_path / "api" / "broken.py").write_text("import nothing_like_this\napp = None\n")
    (tmp_path / "api" / "helper.py").write_text("if True:\n    app = None\n")
    (tmp_path / "public" / "index.html").write_text("<h1>hello</h1>")
    (tmp_path / "public" / "deep" / "page.css").write_text("h1 {}")
    return tmp_path
