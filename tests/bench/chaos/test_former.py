"""Which revision is the former one: of small repositories, and whole ones."""

import subprocess
from pathlib import Path

import pytest

from bench.chaos.former import NEEDED, Former, find

COLUMN = "from django.db import migrations\noperations = [\n    migrations.AddField('call', 'seen_at'),\n]\n"
TRIGGER = "from django.db import migrations\noperations = [migrations.RunSQL('CREATE TRIGGER')]\n# of the ledger\n"
IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")


class Repository:
    """Made of one commit after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *IDENTITY, *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, **files: str | None) -> str:
        """Its id. `files`: path → text, None takes it away."""
        for path, text in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink() if text is None else file.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "one", "--allow-empty")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A first revision that can be started."""
    made = Repository(tmp_path / "repository")
    made.commit(**{NEEDED: "", "gateway/migrations/0001_initial.py": "# the first tables\n" * 9})
    return made


def test_the_newest_revision_without_a_migration_of_tables_is_the_former_one(repository: Repository) -> None:
    repository.commit(**{"analytics/migrations/0001_initial.py": COLUMN * 2})
    before = repository.commit(README="more")
    repository.commit(**{"costs/migrations/0001_seen.py": COLUMN})
    repository.commit(**{"gateway/migrations/0002_guard.py": TRIGGER})
    repository.commit(README="and more")

    assert find(root=repository.root) == Former(before, ("costs.0001_seen", "gateway.0002_guard"), "")


def test_a_migration_that_was_renamed_is_not_lacking(repository: Repository) -> None:
    before = repository.git("rev-parse", "HEAD")
    repository.commit(**{"sdkgen/migrations/0003_seen.py": COLUMN})
    renamed = {"sdkgen/migrations/0003_seen.py": None, "sdkgen/migrations/0002_seen_at.py": COLUMN + "# renamed\n"}
    repository.commit(**renamed)

    assert find(root=repository.root) == Former(before, ("sdkgen.0002_seen_at",), "")


def test_the_newest_that_lacks_anything_is_taken_where_no_table_changed(repository: Repository) -> None:
    repository.commit(**{"gateway/migrations/0002_guard.py": TRIGGER})
    before = repository.commit(README="more")
    repository.commit(**{"finetuning/migrations/0001_guard.py": "# other words\n" * 9 + TRIGGER[::-1]})

    assert find(root=repository.root) == Former(before, ("finetuning.0001_guard",), "")


def test_a_revision_that_cannot_be_started_is_none(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit(README="nothing yet")
    repository.commit(**{NEEDED: "", "gateway/migrations/0001_seen.py": COLUMN})

    assert find(root=repository.root) == Former(reason="the git history has no revision whose schema is behind")


def test_without_history_there_is_none(repository: Repository, tmp_path: Path) -> None:
    repository.commit(**{"costs/migrations/0001_seen.py": COLUMN})
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", str(tmp_path / "shallow"))
    (tmp_path / "none").mkdir()

    for folder in ("shallow", "none"):
        found = find(root=tmp_path / folder)
        assert found == Former(reason="the git history has no revision whose schema is behind"), folder


def test_a_chosen_revision_has_to_be_behind_and_startable(repository: Repository) -> None:
    bare = repository.git("commit-tree", "-m", "bare", repository.git("mktree"))
    first = repository.git("rev-parse", "HEAD")
    repository.commit(**{"gateway/migrations/0002_guard.py": TRIGGER})

    assert find("HEAD~1", repository.root) == Former(first, ("gateway.0002_guard",), "")
    assert find("HEAD", repository.root) == Former(reason="HEAD has every migration of today")
    assert find("gone", repository.root) == Former(reason="git does not have gone")
    assert find(bare, repository.root) == Former(reason=f"{bare} has no {NEEDED}")
